"""The corpora of a recipe: read, and split into what is trained on and what is held back. Splits are by document."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
from pathlib import Path

from . import brat, conll, i2b2, labels, pubtator
from .document import Document
from .recipe import Corpus, Recipe

# How corpora are published, and who reads them. IOB files are CoNLL without places; n2c2 2018 and MACCROBAT are brat.
READERS = {
    "brat": brat.read_corpus,
    "conll": conll.read,
    "i2b2": i2b2.read_corpus,
    "pubtator": pubtator.read_corpus,
}

FOLDS = Path(__file__).parent.parent / "folds"


def read(corpus: Corpus, data: Path) -> list[Document]:
    """Reads a corpus whole, and prints what reading it left out."""
    documents, report = READERS[corpus.format](data / corpus.path)
    print(f"{corpus.path}: {report}")
    return documents


def read_all(corpus: Corpus, data: Path) -> list[Document]:
    """Reads a corpus of a recipe, whatever its format."""
    return [x.document for x in read_labels(data)] if corpus.format == "labels" else read(corpus, data)


def read_split(corpus: Corpus, data: Path, seed: int, fold: int | None) -> tuple[list[Document], list[Document]]:
    """Reads a corpus of a recipe: (for training, held back)."""
    if corpus.format == "labels":
        labelled = read_labels(data)
        training = [x.document for x in labelled if not x.test]
        if fold is None:
            return training, [x.document for x in labelled if x.test]
        # Those for testing alone are in no fold: what is chosen on the folds is not measured on them.
        held = {d.id for d in training if fold_of(d.id) == fold}
        return [d for d in training if d.id not in held], [d for d in training if d.id in held]
    documents = read(corpus, data)
    if corpus.folds and fold is not None:
        held = set(read_folds(corpus.folds)[fold])
        return [d for d in documents if d.id not in held], [d for d in documents if d.id in held]
    return split(documents, corpus.held_back, seed)


def read_labels(data: Path) -> list[labels.Labelled]:
    """Reads the project's own labels with their text."""
    return list(labels.join(labels.read_transcriptions(data), labels.FOLDER / "first.jsonl"))


def read_folds(name: str) -> list[list[str]]:
    """Reads a file of folds: lists of document names."""
    return json.loads((FOLDS / name).read_text(encoding="utf-8"))


def fold_count(recipe: Recipe) -> int:
    """How many folds the recipe's corpora have."""
    counts = {len(read_folds(c.folds)) for c in recipe.corpora if c.folds}
    if len(counts) != 1:
        raise ValueError(f"{recipe.name}: one file of folds is needed, its corpora have {len(counts)}")
    return counts.pop()


def fold_of(name: str) -> int:
    """Deals documents that come to be more with time to five folds, by their names."""
    return hashlib.sha256(name.encode()).digest()[0] % 5


def split(documents: list[Document], share: float, seed: int) -> tuple[list[Document], list[Document]]:
    """Splits by document, by seed: (for training, held back)."""
    order = sorted(documents, key=lambda d: d.id)
    random.Random(seed).shuffle(order)
    held = round(len(order) * share)
    return order[held:], order[:held]


def read_notes(data: Path, folder: str) -> list[Document]:
    """Reads unlabelled notes. Of mtsamples, those that have an excerpt for testing, or share passages with one, are left out."""
    if folder == "mtsamples":
        tests = [x.document for x in read_labels(data) if x.test]
        tested, shared = {d.id for d in tests}, set().union(*(labels.passages(d.text) for d in tests))
        return [
            Document(name, text, [])
            for name, text in labels.read_transcriptions(data).items()
            if name not in tested and len(labels.passages(text) & shared) < 10
        ]
    for name, opened in (("notes.ndjson", open), ("notes.ndjson.gz", gzip.open)):
        if (data / folder / name).exists():
            with opened(data / folder / name, "rt", encoding="utf-8") as lines:
                return [Document(str(note["id"]), note["note"], []) for note in map(json.loads, lines)]
    raise FileNotFoundError(f"{data / folder}: no notes.ndjson")
