"""Tiny models with random weights, one of each architecture, with tokenizers of the real kinds trained on the project's own notes."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AlbertConfig,
    AlbertModel,
    BertConfig,
    BertModel,
    DebertaV2Config,
    DebertaV2Model,
    PreTrainedTokenizerFast,
)

FIXTURES = Path(__file__).parents[2] / "fixtures" / "notes"
ARCHITECTURES = ("bert", "albert", "deberta")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def texts() -> list[str]:
    """Gives the notes that the tokenizers learn from."""
    return [path.read_text(encoding="utf-8") for path in sorted(FIXTURES.glob("*.txt"))]


def tokenizer(architecture: str) -> PreTrainedTokenizerFast:
    """Makes a tokenizer of the architecture's kind: WordPiece for BERT, Unigram for ALBERT (lower case) and DeBERTaV3."""
    if architecture == "bert":
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        made.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=600, special_tokens=SPECIAL, show_progress=False)
    else:
        made = Tokenizer(models.Unigram())
        steps = [normalizers.NFKC(), normalizers.Replace("``", '"')]
        if architecture == "albert":
            steps = [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
        made.normalizer = normalizers.Sequence(steps)
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        made.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=600, special_tokens=SPECIAL, unk_token="[UNK]", show_progress=False)
    made.train_from_iterator(texts(), trainer)
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(t, made.token_to_id(t)) for t in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=512,
    )


def encoder(architecture: str, folder: Path) -> Path:
    """Writes an encoder with its tokenizer to a folder, as a base model comes from the hub; returns the folder."""
    torch.manual_seed(7)
    made = tokenizer(architecture)
    size = dict(
        vocab_size=len(made),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=512,
        pad_token_id=made.pad_token_id,
    )
    model = {
        "bert": lambda: BertModel(BertConfig(**size)),
        "albert": lambda: AlbertModel(AlbertConfig(embedding_size=24, **size)),
        "deberta": lambda: DebertaV2Model(
            DebertaV2Config(
                type_vocab_size=0,
                relative_attention=True,
                position_buckets=64,
                max_relative_positions=-1,
                pos_att_type=["p2c", "c2p"],
                share_att_key=True,
                norm_rel_ebd="layer_norm",
                position_biased_input=False,
                **size,
            )
        ),
    }[architecture]()
    model.save_pretrained(folder)
    made.save_pretrained(folder)
    return folder
