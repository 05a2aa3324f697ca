"""Fine-tunes an encoder for token classification, from a recipe to a model folder in Hugging Face's layout."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    PreTrainedTokenizerFast,
    set_seed,
)

from . import corpora, tagging
from .recipe import Recipe
from .trainer import PartialTrainer, arguments, token_f1
from .warmup import warm_up
from .windows import Windows


LANGUAGE = "en"  # of every corpus that a recipe reads


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


def train(recipe: Recipe, data: Path, out: Path, fold: int | None = None, base: str = "", warmed: Path | None = None) -> None:
    """Fine-tunes and saves model, tokenizer, the split, the log and charthand.json in `out`.

    `fold` is the fold held back of corpora that have folds; `base` takes the place of the recipe's base model; `warmed` is
    where the warmed-up encoder is kept (below `out` where it is None).
    """
    out.mkdir(parents=True, exist_ok=True)
    base = base_model_folder(base or recipe.base_model)
    if recipe.warm_up:
        base = str(warm_up(recipe, base, load_tokenizer(base), data, warmed or out / "warm-up"))
    set_seed(recipe.seed)
    training, held_back, split_ids = [], [], {}
    labelled_somewhere: set[str] = set()
    for corpus in recipe.corpora:
        kept, held = corpora.read_split(corpus, data, recipe.seed, fold)
        training += [(d, corpus) for d in kept] * corpus.repeat
        held_back += [(d, corpus) for d in held]
        if held:
            split_ids[corpus.path] = sorted(d.id for d in held)
        if corpus.partial:
            labelled_somewhere |= {s.label for d in kept for s in d.spans} - set(corpus.uncounted)
    types = sorted({s.label for d, _ in training + held_back for s in d.spans})
    tags = tagging.tag_set(types)
    tag_ids = {tag: i for i, tag in enumerate(tags)}

    tokenizer = load_tokenizer(base)
    model = AutoModelForTokenClassification.from_pretrained(
        base, num_labels=len(tags), id2label=dict(enumerate(tags)), label2id=tag_ids, **recipe.config
    )
    windows = Windows(training, tokenizer, tag_ids, recipe.window, recipe.shift, recipe.seed)
    print(f"{len(training)} documents an epoch in {len(windows)} windows, {len(held_back)} held back, {len(types)} types")
    trainer = PartialTrainer(
        hidden=[i for i, tag in enumerate(tags) if tag == tagging.OUTSIDE or tag[2:] not in labelled_somewhere],
        model=model,
        args=arguments(
            recipe,
            out / "checkpoints",
            len(windows),
            recipe.epochs,
            recipe.batch,
            recipe.learning_rate,
            eval_strategy="epoch" if held_back else "no",
        ),
        train_dataset=windows,
        eval_dataset=Windows(held_back, tokenizer, tag_ids, recipe.window) if held_back else None,
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
        "language": LANGUAGE,
        "decode": {"viterbi": recipe.viterbi, "minimum": recipe.minimum},
        "window": {"tokens": recipe.inference_window, "overlap": recipe.inference_overlap},
    }
    for name, content in (
        ("charthand.json", settings),
        ("held-back.json", split_ids),
        ("training-log.json", trainer.state.log_history),
    ):
        (out / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
