"""Tiny models with random weights, one of each architecture, with tokenizers of the real kinds trained on the project's own notes:
for tests, and for the fixtures that charthand's answers are compared with."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

import sentencepiece
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerFast

FIXTURES = Path(__file__).parents[2] / "fixtures" / "notes"

# What differs from one architecture to the next beside its size.
ARCHITECTURES = {
    "bert": {},
    "distilbert": {},
    "electra": {"embedding_size": 24},
    "roberta": {"type_vocab_size": 1},
    "albert": {"embedding_size": 24},
    "deberta-v2": {
        "type_vocab_size": 0,
        "relative_attention": True,
        "position_buckets": 64,
        "max_relative_positions": -1,
        "pos_att_type": ["p2c", "c2p"],
        "share_att_key": True,
        "norm_rel_ebd": "layer_norm",
        "position_biased_input": False,
    },
}


def texts() -> list[str]:
    """Gives the notes that the tokenizers learn from."""
    return [path.read_text(encoding="utf-8") for path in sorted(FIXTURES.glob("*.txt"))]


def tokenizer(architecture: str, vocabulary: int = 600) -> PreTrainedTokenizerFast:
    """Makes a tokenizer of the architecture's kind: Unigram by SentencePiece for ALBERT and DeBERTaV3, byte-level BPE for RoBERTa,
    WordPiece for the others."""
    if architecture == "albert":
        control = dict(pad_piece="<pad>", unk_piece="<unk>", unk_id=1, bos_id=-1, eos_id=-1, control_symbols="[CLS],[SEP],[MASK]")
        return _unigram(architecture, vocabulary, "spiece.model", control)
    if architecture == "deberta-v2":
        control = dict(pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]", bos_id=1, eos_id=2, unk_id=3)
        return _unigram(architecture, vocabulary, "spm.model", control)
    if architecture == "roberta":
        names = dict(bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>", mask_token="<mask>")
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=list(names.values()),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        made.train_from_iterator(texts(), trainer)
        made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
        return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=512, cls_token="<s>", sep_token="</s>", **names)
    names = dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    special = list(names.values())
    made.train_from_iterator(texts(), trainers.WordPieceTrainer(vocab_size=vocabulary, special_tokens=special, show_progress=False))
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(t, made.token_to_id(t)) for t in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=512, **names)


def _unigram(architecture: str, vocabulary: int, file: str, control: dict) -> PreTrainedTokenizerFast:
    """Trains with SentencePiece, and reads what it gives as Transformers does where a base model has it alone."""
    model = io.BytesIO()
    lines = [line for text in texts() for line in text.splitlines() if line.strip()]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, vocab_size=vocabulary, pad_id=0, minloglevel=2, num_threads=1, **control
    )
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / file).write_bytes(model.getvalue())
        (Path(folder) / "config.json").write_text(json.dumps({"model_type": architecture}), encoding="utf-8")
        (Path(folder) / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 512}), encoding="utf-8")
        return AutoTokenizer.from_pretrained(folder)


def config(architecture: str, made: PreTrainedTokenizerFast, hidden: int = 48, layers: int = 2) -> PreTrainedConfig:
    """Gives the configuration of a small encoder for a tokenizer."""
    names = {"hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": 4, "intermediate_size": 2 * hidden}
    if architecture == "distilbert":
        names = {"dim": hidden, "n_layers": layers, "n_heads": 4, "hidden_dim": 2 * hidden}
    positions = 514 if architecture == "roberta" else 512
    return AutoConfig.for_model(
        architecture,
        vocab_size=len(made),
        max_position_embeddings=positions,
        pad_token_id=made.pad_token_id,
        **names,
        **ARCHITECTURES[architecture],
    )


def encoder(architecture: str, folder: Path, vocabulary: int = 600, hidden: int = 48, layers: int = 2) -> Path:
    """Writes an encoder with its tokenizer to a folder, as a base model comes from the hub; returns the folder."""
    torch.manual_seed(7)
    made = tokenizer(architecture, vocabulary)
    AutoModel.from_config(config(architecture, made, hidden, layers)).save_pretrained(folder)
    made.save_pretrained(folder)
    return folder
