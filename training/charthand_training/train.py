"""Fine-tunes an encoder for token classification, from a recipe to a model folder in Hugging Face's layout."""

from __future__ import annotations

import importlib
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

from . import brat, labels, score, tagging
from .document import Document
from .recipe import Corpus, Recipe


def base_model_folder(name: str) -> str:
    """Turns a recipe's base_model into what from_pretrained takes."""
    if not name.startswith("package:"):
        return name
    package = importlib.import_module(name.removeprefix("package:"))
    return str(Path(package.__file__).parent / "model")


def load_tokenizer(folder: str) -> PreTrainedTokenizerFast:
    """Loads the fast tokenizer without the padding and truncation that its file may carry."""
    tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True)
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.no_truncation()
    return tokenizer


def split(documents: list[Document], share: float, seed: int) -> tuple[list[Document], list[Document]]:
    """Splits by document, by seed: (for training, held back)."""
    order = sorted(documents, key=lambda d: d.id)
    random.Random(seed).shuffle(order)
    held = round(len(order) * share)
    return order[held:], order[:held]


def read_corpus(corpus: Corpus, data: Path, recipe: Recipe) -> tuple[list[Document], list[Document]]:
    """Reads one corpus of a recipe: (for training, held back)."""
    if corpus.folder == "labels":
        labelled = list(labels.join(labels.read_transcriptions(data), labels.FOLDER / "first.jsonl"))
        return [x.document for x in labelled if not x.test], [x.document for x in labelled if x.test]
    documents, report = brat.read_corpus(data / corpus.folder)
    print(f"{corpus.folder}: {report}")
    return split(documents, recipe.held_back, recipe.seed)


class Windows(torch.utils.data.Dataset):
    """Documents cut into windows of at most `size` tokens, at line ends and full stops where there are any.

    Documents come with whether they are partial: labelled in some of the types alone.
    """

    def __init__(
        self, documents: list[tuple[Document, bool]], tokenizer: PreTrainedTokenizerFast, tag_ids: dict[str, int], size: int
    ):
        self.items: list[dict[str, list[int] | int]] = []
        for document, partial in documents:
            encoding = tokenizer.backend_tokenizer.encode(document.text, add_special_tokens=False)
            continues = [i > 0 and word == encoding.word_ids[i - 1] for i, word in enumerate(encoding.word_ids)]
            tags = tagging.encode(encoding.offsets, continues, document.spans)
            for start, end in self._cuts(document.text, encoding.offsets, continues, tags, size):
                ids = [tokenizer.cls_token_id, *encoding.ids[start:end], tokenizer.sep_token_id]
                gold = [-100, *(tag_ids[t] for t in tags[start:end]), -100]
                self.items.append({"input_ids": ids, "attention_mask": [1] * len(ids), "labels": gold, "partial": int(partial)})

    @staticmethod
    def _cuts(text, offsets, continues, tags, size) -> Iterator[tuple[int, int]]:
        """Never cuts inside a word or a mention, unless that is as long as a window."""
        start = 0
        while start < len(offsets):
            end = min(start + size, len(offsets))
            if end < len(offsets):
                best = end
                while best > start + 1 and (continues[best] or tags[best].startswith("I-")):
                    best -= 1
                for i in range(best, start + size // 2, -1):
                    gap = text[offsets[i - 1][0] : offsets[i][0]]
                    if "\n" in gap or gap.startswith(". "):
                        best = i
                        break
                end = best
            yield start, end
            start = end

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, list[int] | int]:
        return self.items[index]


class PartialTrainer(Trainer):
    """Trains on documents that are labelled in some types alone: there, what is not marked is taught as "outside, or of a type
    that was not labelled" (the sum of their probabilities), so that an unlabelled type is not unlearned."""

    def __init__(self, *args, hidden: list[int], **kwargs):
        super().__init__(*args, **kwargs)
        self.hidden = hidden  # the tags that may hide behind an unmarked token of a partial document

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        partial = inputs.pop("partial").bool()
        gold = inputs.pop("labels")
        outputs = model(**inputs)
        logp = torch.log_softmax(outputs.logits.float(), dim=-1)
        chosen = logp.gather(-1, gold.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        if self.hidden:
            unmarked = torch.logsumexp(logp[..., self.hidden], dim=-1)
            chosen = torch.where(partial.unsqueeze(-1) & (gold == 0), unmarked, chosen)
        counted = gold != -100
        loss = -(chosen * counted).sum() / counted.sum()
        if return_outputs:
            return loss, outputs
        return loss

    def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
        gold = inputs["labels"]
        with torch.no_grad():
            loss, outputs = self.compute_loss(model, inputs, return_outputs=True)
        return loss.detach(), outputs.logits.detach(), gold


def token_f1(tags: list[str]) -> Callable:
    """Strict span F1 over windows with arg-max decoding: a figure to watch while training, not the reported one."""

    def compute(prediction) -> dict[str, float]:
        best = np.argmax(prediction.predictions, axis=-1)
        pairs = []
        for row, gold in zip(best, prediction.label_ids):
            keep = np.flatnonzero(gold != -100)
            offsets = [(int(i), int(i) + 1) for i in keep]
            pairs.append(
                (
                    tagging.decode(offsets, [tags[g] for g in gold[keep]]),
                    tagging.decode(offsets, [tags[p] for p in row[keep]]),
                )
            )
        micro = score.score(pairs).micro()
        return {"precision": micro.precision, "recall": micro.recall, "f1": micro.f1}

    return compute


def train(recipe: Recipe, data: Path, out: Path) -> None:
    """Fine-tunes and saves model, tokenizer, the split and charthand.json in `out`."""
    set_seed(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    training, held_back, split_ids = [], [], {}
    labelled_somewhere: set[str] = set()
    for corpus in recipe.corpora:
        kept, held = read_corpus(corpus, data, recipe)
        training += [(d, corpus.partial) for d in kept] * corpus.repeat
        held_back += [(d, corpus.partial) for d in held]
        split_ids[corpus.folder] = sorted(d.id for d in held)
        if corpus.partial:
            labelled_somewhere |= {s.label for d in kept for s in d.spans}
    types = sorted({s.label for d, _ in training + held_back for s in d.spans})
    tags = tagging.tag_set(types)
    tag_ids = {tag: i for i, tag in enumerate(tags)}

    base = base_model_folder(recipe.base_model)
    tokenizer = load_tokenizer(base)
    model = AutoModelForTokenClassification.from_pretrained(
        base, num_labels=len(tags), id2label=dict(enumerate(tags)), label2id=tag_ids
    )
    windows = Windows(training, tokenizer, tag_ids, recipe.window)
    print(f"{len(training)} documents an epoch in {len(windows)} windows, {len(held_back)} held back, {len(types)} types")
    arguments = TrainingArguments(
        output_dir=str(out / "checkpoints"),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch,
        per_device_eval_batch_size=16,
        learning_rate=recipe.learning_rate,
        warmup_steps=int(recipe.warmup * recipe.epochs * len(windows) / recipe.batch),
        weight_decay=recipe.weight_decay,
        lr_scheduler_type="cosine",
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=50,
        seed=recipe.seed,
        data_seed=recipe.seed,
        report_to=[],
        remove_unused_columns=False,
        disable_tqdm=True,
    )
    trainer = PartialTrainer(
        hidden=[i for i, tag in enumerate(tags) if tag == tagging.OUTSIDE or tag[2:] not in labelled_somewhere],
        model=model,
        args=arguments,
        train_dataset=windows,
        eval_dataset=Windows(held_back, tokenizer, tag_ids, recipe.window),
        data_collator=DataCollatorForTokenClassification(tokenizer),
        compute_metrics=token_f1(tags),
    )
    trainer.train()
    # The tokenizer is saved without the padding and truncation of the file that it came from.
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    settings = {
        "name": recipe.name,
        "version": recipe.version,
        "decode": {"viterbi": True},
        "window": {"tokens": recipe.inference_window, "overlap": recipe.inference_overlap},
    }
    (out / "charthand.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    (out / "held-back.json").write_text(json.dumps(split_ids, indent=2) + "\n", encoding="utf-8")
