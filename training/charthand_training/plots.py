"""The pictures of a report."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no window

import matplotlib.pyplot as plt
import numpy as np

from .document import Span
from .score import matches

NONE = "(nothing)"


def _save(figure: plt.Figure, path: Path) -> None:
    figure.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)


def learning_curve(log: list[dict], path: Path) -> None:
    """Draws the loss of training, and the loss and F1 of the held-back documents where there are any, by epoch."""
    figure, left = plt.subplots(figsize=(7, 4))
    for key, name, colour in (("loss", "training loss", "tab:blue"), ("eval_loss", "held-back loss", "tab:orange")):
        points = [(float(e["epoch"]), float(e[key])) for e in log if key in e]
        if points:
            left.plot(*zip(*points), label=name, color=colour)
    left.set_xlabel("epoch")
    left.set_ylabel("loss")
    left.set_ylim(bottom=0)
    handles, names = left.get_legend_handles_labels()
    points = [(float(e["epoch"]), float(e["eval_f1"])) for e in log if "eval_f1" in e]
    if points:
        right = left.twinx()
        right.plot(*zip(*points), label="held-back F1, strict, token by token", color="tab:green")
        right.set_ylabel("F1")
        right.set_ylim(0, 1)
        more = right.get_legend_handles_labels()
        handles, names = handles + more[0], names + more[1]
    left.legend(handles, names, loc="center right")
    _save(figure, path)


def confusions(pairs: list[tuple[list[Span], list[Span]]]) -> Counter[tuple[str, str]]:
    """Counts what marked mentions were taken for: (marked type, found type), either of them NONE.

    A found mention answers to the marked one that it shares characters with, one of its own type before another.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for gold, found in pairs:
        hits = matches(gold, found)
        free = [g for g in gold if g not in hits]
        rest = [span for span, hit in zip(found, hits, strict=True) if hit is None]
        others = matches(free, rest, any_label=True)
        counts.update((span.label, span.label) for span, hit in zip(found, hits, strict=True) if hit is not None)
        counts.update((hit.label if hit else NONE, span.label) for span, hit in zip(rest, others, strict=True))
        counts.update((g.label, NONE) for g in free if g not in others)
    return counts


def confusion_matrix(pairs: list[tuple[list[Span], list[Span]]], path: Path, most: int = 20) -> None:
    """Draws what marked mentions were taken for, each row as shares of its type; the `most` commonest types."""
    counts = confusions(pairs)
    totals = Counter()
    for (gold, found), n in counts.items():
        totals[gold] += n
        totals[found] += 0
    names = [label for label, _ in totals.most_common() if label != NONE][:most] + [NONE]
    matrix = np.array([[counts[gold, found] for found in names] for gold in names], dtype=float)
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    size = 2.5 + 0.42 * len(names)
    figure, axes = plt.subplots(figsize=(size, size))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.argwhere(shares >= 0.005):
        axes.text(j, i, f"{shares[i, j]:.2f}"[1:] if shares[i, j] < 0.995 else "1", ha="center", va="center", fontsize=7,
                  color="white" if shares[i, j] > 0.5 else "black")  # fmt: skip
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel("found (by overlap)")
    axes.set_ylabel("marked")
    _save(figure, path)


def reliability(calibration: dict, path: Path) -> None:
    """Draws how often mentions of a score are right, before and after calibration."""
    figure, axes = plt.subplots(figsize=(5, 5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for name, colour in (("before", "tab:orange"), ("after", "tab:blue")):
        rows = calibration["reliability"][name]
        error = calibration["expected_error"][name]
        axes.plot(
            [r["score"] for r in rows], [r["right"] for r in rows], "o-", color=colour, label=f"{name}: expected error {error:.3f}"
        )
    axes.set_xlabel("score")
    axes.set_ylabel("share of mentions that are right")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.legend()
    _save(figure, path)
