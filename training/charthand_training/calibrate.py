"""Makes a model's scores mean what they say, from what models of all folds found in documents that they had not seen.

A score s becomes 1 / (1 + exp(-(slope * logit(s) + intercept))) (Platt 1999): the probability that a mention is right, which here is
that one of the same type is marked in the same place, as facts are compared. Corpora count the same, whatever their sizes. For each
type the lowest score is chosen above which the asked-for share of the mentions is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from .binary import Found
from .document import Document
from .score import matches

BINS = 10
LEAST_KEPT = 20  # mentions that a minimum score has to rest on
FALLBACK = 0.5  # the minimum score of a type that does not reach the precision


@dataclass(frozen=True)
class Sample:
    """What was found, one entry a mention."""

    label: np.ndarray
    score: np.ndarray
    right: np.ndarray  # 1 or 0
    weight: np.ndarray
    fold: np.ndarray


def gather(answers: dict[int, dict[str, list[tuple[Document, list[Found]]]]]) -> Sample:
    """Compares what the models of the folds found with what is marked. Types that a corpus has no mark of are left out."""
    rows: list[tuple[str, float, float, str, int]] = []
    for fold, corpora in answers.items():
        for name, pairs in corpora.items():
            marked = {s.label for d, _ in pairs for s in d.spans}
            for document, found in pairs:
                counted = [f for f in found if f.span.label in marked]
                hits = matches(document.spans, [f.span for f in counted])
                rows += [(f.span.label, f.score, float(hit is not None), name, fold) for f, hit in zip(counted, hits, strict=True)]
    labels, scores, right, names, folds = (np.array(column) for column in zip(*rows))
    weight = np.ones(len(rows))
    for name in set(names):
        weight[names == name] = 1 / (names == name).sum()
    return Sample(labels, scores.astype(float), right.astype(float), weight / weight.mean(), folds)


def logit(score: np.ndarray) -> np.ndarray:
    """The inverse of the logistic function, away from its ends."""
    s = np.clip(score, 1e-6, 1 - 1e-6)
    return np.log(s / (1 - s))


def fit(sample: Sample, rows: np.ndarray | slice = slice(None)) -> tuple[float, float]:
    """Gives slope and intercept."""
    model = LogisticRegression(C=1e6).fit(
        logit(sample.score[rows]).reshape(-1, 1), sample.right[rows], sample_weight=sample.weight[rows]
    )
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def apply(score: np.ndarray, slope: float, intercept: float) -> np.ndarray:
    """Turns scores into probabilities."""
    return 1 / (1 + np.exp(-(slope * logit(score) + intercept)))


def bins(score: np.ndarray, right: np.ndarray, weight: np.ndarray) -> list[dict[str, float]]:
    """Gives, for each tenth of the scores that has any, the mean score, the share that is right and the share of the whole."""
    at = np.minimum((score * BINS).astype(int), BINS - 1)
    return [
        {
            "score": float(np.average(score[at == b], weights=weight[at == b])),
            "right": float(np.average(right[at == b], weights=weight[at == b])),
            "share": float(weight[at == b].sum() / weight.sum()),
        }
        for b in range(BINS)
        if (at == b).any()
    ]


def expected_error(score: np.ndarray, right: np.ndarray, weight: np.ndarray) -> float:
    """Expected calibration error: how far score and share are apart, on average (Guo et al. 2017)."""
    return sum(b["share"] * abs(b["score"] - b["right"]) for b in bins(score, right, weight))


def minimum(score: np.ndarray, right: np.ndarray, weight: np.ndarray, precision: float) -> float | None:
    """The lowest score from which on at least `precision` of the mentions are right; None where there is none."""
    order = np.argsort(-score)
    kept = np.cumsum((right * weight)[order]) / np.cumsum(weight[order])
    good = np.flatnonzero(kept >= precision)
    if len(good) == 0 or good[-1] + 1 < LEAST_KEPT:
        return None
    return float(score[order][good[-1]])


def calibrate(sample: Sample, precision: float) -> dict:
    """Gives the settings that ship with the model (`score`) and the figures that say how good they are."""
    unseen = np.empty_like(sample.score)
    folds = sorted(set(sample.fold))
    for fold in folds:
        # Scores of a fold are measured with what the other folds gave.
        rest = sample.fold != fold if len(folds) > 1 else np.ones_like(sample.fold, dtype=bool)
        unseen[sample.fold == fold] = apply(sample.score[sample.fold == fold], *fit(sample, rest))
    slope, intercept = fit(sample)
    calibrated = apply(sample.score, slope, intercept)
    minima, types = {}, {}
    for label in sorted(set(sample.label)):
        rows = sample.label == label
        least = minimum(calibrated[rows], sample.right[rows], sample.weight[rows], precision)
        minima[label] = round(FALLBACK if least is None else least, 3)
        kept = rows & (calibrated >= minima[label])
        types[label] = {
            "reached": least is not None,
            "precision": float(np.average(sample.right[kept], weights=sample.weight[kept])) if kept.any() else 0.0,
            "kept_right": float((sample.right * sample.weight)[kept].sum() / max(1e-9, (sample.right * sample.weight)[rows].sum())),
        }
    before = (sample.score, sample.right, sample.weight)
    after = (unseen, sample.right, sample.weight)
    return {
        "score": {"slope": round(slope, 4), "intercept": round(intercept, 4), "minimum": minima},
        "precision": precision,
        "mentions": len(sample.score),
        "expected_error": {"before": expected_error(*before), "after": expected_error(*after)},
        "reliability": {"before": bins(*before), "after": bins(*after)},
        "types": types,
    }


