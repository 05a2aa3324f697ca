"""Precision, recall and F1 of predicted spans against gold ones: strict (same characters, same type) and by overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from .document import Span


@dataclass
class Counts:
    true_positive: int = 0
    predicted: int = 0
    gold: int = 0

    @property
    def precision(self) -> float:
        return self.true_positive / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.true_positive / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        total = self.predicted + self.gold
        return 2 * self.true_positive / total if total else 0.0


@dataclass
class Score:
    by_label: dict[str, Counts] = field(default_factory=dict)

    def micro(self, labels: Iterable[str] | None = None) -> Counts:
        """The counts of the given labels (all where none are given) added up."""
        total = Counts()
        for label in self.by_label if labels is None else labels:
            counts = self.by_label.get(label, Counts())
            total.true_positive += counts.true_positive
            total.predicted += counts.predicted
            total.gold += counts.gold
        return total


def matches(gold: Iterable[Span], found: Iterable[Span], any_label: bool = False) -> list[Span | None]:
    """Gives, for each found span, the first gold one that it shares a character with, and the label unless `any_label`; None where
    there is none. Each gold span is given at most once."""
    free = list(gold)
    hits: list[Span | None] = []
    for span in found:
        hit = next(
            (g for g in free if (any_label or g.label == span.label) and g.start < span.end and span.start < g.end), None
        )
        if hit is not None:
            free.remove(hit)
        hits.append(hit)
    return hits


def score(pairs: Iterable[tuple[list[Span], list[Span]]], overlap: bool = False) -> Score:
    """Scores (gold, predicted) span lists, one pair a document. By overlap, each gold span is matched at most once."""
    result = Score()

    def counts(label: str) -> Counts:
        return result.by_label.setdefault(label, Counts())

    for gold, predicted in pairs:
        for span in gold:
            counts(span.label).gold += 1
        for span in predicted:
            counts(span.label).predicted += 1
        if not overlap:
            for span in (Counter(gold) & Counter(predicted)).elements():
                counts(span.label).true_positive += 1
            continue
        for hit in matches(sorted(gold), sorted(predicted)):
            if hit is not None:
                counts(hit.label).true_positive += 1
    return result
