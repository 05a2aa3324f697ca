"""Warms an encoder up before it is fine-tuned: it fills in masked words of unlabelled notes, and tags other corpora, each with
output columns of its own, since what one corpus calls a condition another calls a disease (multi-task pre-fine-tuning,
Aghajanyan et al. 2021; domain-adaptive pre-training, Gururangan et al. 2020). The encoder alone is kept.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import torch
from transformers import AutoModel, PreTrainedTokenizerFast, Trainer, set_seed

from . import corpora, tagging
from .document import Document
from .recipe import Corpus, Recipe
from .trainer import arguments
from .windows import Windows

MASKED_SHARE = 0.15  # of the tokens of a note; of these 80 % are masked, 10 % replaced, 10 % left (Devlin et al. 2019)


class Encoder(torch.nn.Module):
    """An encoder with a masked-language head that shares the input embeddings, and a tagging head whose columns are split
    among the corpora."""

    def __init__(self, encoder: torch.nn.Module, columns: list[int]):
        super().__init__()
        self.encoder = encoder
        width, embedding = encoder.config.hidden_size, encoder.get_input_embeddings().weight
        self.transform = torch.nn.Sequential(
            torch.nn.Linear(width, embedding.shape[1]), torch.nn.GELU(), torch.nn.LayerNorm(embedding.shape[1])
        )
        self.bias = torch.nn.Parameter(torch.zeros(embedding.shape[0]))
        self.dropout = torch.nn.Dropout(0.1)
        self.tagger = torch.nn.Linear(width, sum(columns))
        allowed = torch.zeros(len(columns), sum(columns), dtype=torch.bool)
        start = 0
        for i, count in enumerate(columns):
            allowed[i, start : start + count] = True
            start += count
        self.register_buffer("allowed", allowed)

    def forward(self, input_ids, attention_mask, words, tags, corpus):
        """`words` are the masked words (-100 elsewhere), `tags` the columns of the corpus numbered `corpus`."""
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        loss = states.new_zeros(())
        masked, tagged = words != -100, tags != -100
        if masked.any():
            logits = self.transform(states[masked]) @ self.encoder.get_input_embeddings().weight.T + self.bias
            loss = loss + torch.nn.functional.cross_entropy(logits.float(), words[masked])
        if tagged.any():
            allowed = self.allowed[corpus.unsqueeze(1).expand_as(tags)[tagged]]
            logits = self.tagger(self.dropout(states[tagged])).float().masked_fill(~allowed, float("-inf"))
            loss = loss + torch.nn.functional.cross_entropy(logits, tags[tagged])
        return {"loss": loss}


class Collator:
    """Pads a batch, and masks words of the items that have no tags, anew each time."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, seed: int):
        self.tokenizer = tokenizer
        self.random = torch.Generator().manual_seed(seed)

    def __call__(self, items: list[dict]) -> dict[str, torch.Tensor]:
        size = max(len(item["input_ids"]) for item in items)

        def padded(name: str, filler: int) -> torch.Tensor:
            return torch.tensor([item[name] + [filler] * (size - len(item[name])) for item in items])

        ids, attention = padded("input_ids", self.tokenizer.pad_token_id), padded("attention_mask", 0)
        corpus = torch.tensor([item["corpus"] for item in items])
        text = (attention == 1) & (ids != self.tokenizer.cls_token_id) & (ids != self.tokenizer.sep_token_id)
        draw = torch.rand(ids.shape, generator=self.random)
        masked = text & (corpus < 0).unsqueeze(1) & (draw < MASKED_SHARE)
        words = torch.where(masked, ids, -100)
        ids = torch.where(masked & (draw < 0.8 * MASKED_SHARE), self.tokenizer.mask_token_id, ids)
        other = torch.randint(len(self.tokenizer), ids.shape, generator=self.random)
        ids = torch.where(masked & (draw > 0.9 * MASKED_SHARE), other, ids)
        tags = torch.where((corpus < 0).unsqueeze(1), -100, padded("labels", -100))
        return {"input_ids": ids, "attention_mask": attention, "words": words, "tags": tags, "corpus": corpus.clamp(min=0)}


def warm_up(recipe: Recipe, base: str, tokenizer: PreTrainedTokenizerFast, data: Path, out: Path) -> Path:
    """Trains as the recipe's `warm_up` says and saves the encoder in `out`, which it returns; one that is there already, made from
    the same things, is used as it is."""
    settings = recipe.warm_up
    notes = [(d, Corpus(folder)) for folder in settings.notes for d in corpora.read_notes(data, folder)]
    made_from = _digest(recipe, [d for d, _ in notes])
    marker = out / "made-from.txt"  # written last
    if marker.exists() and marker.read_text(encoding="utf-8") == made_from:
        print(f"warm-up: {out} is used as it is")
        return out
    set_seed(recipe.seed)
    items: list[dict] = []
    columns: list[int] = []
    for number, corpus in enumerate(settings.corpora):
        documents = corpora.read(corpus, data)
        tags = tagging.tag_set(sorted({s.label for d in documents for s in d.spans}))
        first = sum(columns)
        windows = Windows([(d, corpus) for d in documents], tokenizer, {t: first + i for i, t in enumerate(tags)}, recipe.window)
        items += [item | {"corpus": number} for item in windows.items]
        columns.append(len(tags))
    unlabelled = Windows(notes, tokenizer, {tagging.OUTSIDE: 0}, recipe.window)
    items += [item | {"corpus": -1} for item in unlabelled.items]
    print(f"warm-up: {len(items)} windows, {len(columns)} corpora, {settings.epochs} epochs")
    encoder = AutoModel.from_pretrained(base, **recipe.config)
    trainer = Trainer(
        model=Encoder(encoder, columns or [1]),
        args=arguments(
            recipe,
            out / "checkpoints",
            len(items),
            settings.epochs,
            settings.batch,
            settings.learning_rate,
            train_sampling_strategy="group_by_length",
        ),
        train_dataset=items,
        data_collator=Collator(tokenizer, recipe.seed),
    )
    trainer.train()
    encoder.save_pretrained(out)
    tokenizer.save_pretrained(out)
    marker.write_text(made_from, encoding="utf-8")
    return out


def _digest(recipe: Recipe, notes: list[Document]) -> str:
    """Tells warm-ups apart: by their settings, and by the notes, of which those that have excerpts for testing are left out."""
    content = [recipe.base_model, recipe.config, recipe.window, recipe.seed, asdict(recipe.warm_up), [d.id for d in notes]]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
