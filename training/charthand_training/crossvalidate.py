"""k-fold cross-validation of a recipe, measured through the charthand binary with the model as it would ship.

Each fold leaves in its folder what it measured; a fold that has done so with the same recipe is not run again, so that a long run can
be taken up where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import statistics
from dataclasses import asdict
from pathlib import Path

from . import binary, corpora, labels, schema, score
from .document import Document, Span
from .recipe import Recipe

ANSWERS = "answers.json"  # what a fold's model found in its held-back documents


def run_fold(recipe: Recipe, data: Path, out: Path, fold: int, charthand: Path, warmed: Path) -> None:
    """Trains and exports the model of a fold, and keeps what it finds in the fold's held-back documents."""
    folder = out / f"fold-{fold}"
    if _measured(recipe, folder) is not None:
        print(f"fold {fold}: measured already")
        return
    from .export import export
    from .train import train

    # Before the training: what it is made from may change while it runs.
    made_from = digest(recipe)
    held_back = {corpus.path: corpora.read_split(corpus, data, recipe.seed, fold)[1] for corpus in recipe.corpora}
    trained, exported = folder / "trained", folder / "model"
    train(recipe, data, trained, fold=fold, warmed=warmed)
    export(trained, exported, quantise=recipe.quantise)
    answers = {
        path: {
            document.id: [[f.span.start, f.span.end, f.span.label, f.score] for f in found]
            for document, found in zip(documents, binary.annotate(charthand, exported, documents), strict=True)
        }
        for path, documents in held_back.items()
        if documents
    }
    shutil.rmtree(trained / "checkpoints", ignore_errors=True)
    (folder / ANSWERS).write_text(json.dumps({"recipe": made_from, "found": answers}), encoding="utf-8")


def _measured(recipe: Recipe, folder: Path) -> dict | None:
    """Gives what a fold's model found, None where the fold has not run with this very recipe."""
    if not (folder / ANSWERS).exists():
        return None
    measured = json.loads((folder / ANSWERS).read_text(encoding="utf-8"))
    return measured["found"] if measured["recipe"] == digest(recipe) else None


def read_answers(recipe: Recipe, data: Path, out: Path, fold: int) -> dict[str, list[tuple[Document, list[binary.Found]]]] | None:
    """Gives the held-back documents of a fold, by corpus, each with what was found in it; None where the fold has not run."""
    answers = _measured(recipe, out / f"fold-{fold}")
    if answers is None:
        return None
    result = {}
    for corpus in recipe.corpora:
        if corpus.path in answers:
            _, held = corpora.read_split(corpus, data, recipe.seed, fold)
            result[corpus.path] = [
                (d, [binary.Found(Span(start, end, label), value) for start, end, label, value in answers[corpus.path][d.id]])
                for d in held
            ]
    return result


def summarise(recipe: Recipe, data: Path, out: Path, folds: int) -> dict:
    """Gives the figures of every fold that has run, their means and spreads (standard deviations)."""
    measured, pooled = {}, {}
    for fold in range(folds):
        answers = read_answers(recipe, data, out, fold) or {}
        for name, pairs in answers.items():
            measured.setdefault(fold, {})[name] = figures(pairs)
            pooled.setdefault(name, []).extend((d.spans, [f.span for f in found]) for d, found in pairs)
    names = {name for m in measured.values() for name in m}
    return {
        "recipe": recipe.name,
        "recipe_sha256": digest(recipe),
        "of": folds,
        "folds": measured,
        "documents": {name: len(spans) for name, spans in sorted(pooled.items())},  # of all folds
        "types": {name: by_type(spans) for name, spans in sorted(pooled.items())},
        "positions": {name: by_position(spans) for name, spans in sorted(pooled.items())},
        "mean": {n: _over(measured, n, statistics.fmean) for n in sorted(names)},
        "spread": {n: _over(measured, n, lambda v: statistics.stdev(v) if len(v) > 1 else 0.0) for n in sorted(names)},
    }


def digest(recipe: Recipe) -> str:
    """Tells recipes apart by what is in them, by their folds, and by the project's own labels where they train on those."""
    content = json.dumps(asdict(recipe), sort_keys=True).encode()
    for corpus in recipe.corpora:
        if corpus.format == "labels":
            content += (labels.FOLDER / "first.jsonl").read_bytes()
        if corpus.folds:
            content += (corpora.FOLDS / corpus.folds).read_bytes()
    return hashlib.sha256(content).hexdigest()


def figures(pairs: list[tuple[Document, list[binary.Found]]]) -> dict[str, float]:
    """Micro F1 of documents: strict over all types and over those with a resource, by overlap over the four kinds."""
    spans = [(d.spans, [f.span for f in found]) for d, found in pairs]
    strict = score.score(spans)
    kinds = score.score([(_as_kinds(gold), _as_kinds(found)) for gold, found in spans], overlap=True)
    result = {
        "strict": strict.micro().f1,
        "strict_resources": strict.micro(schema.RESOURCE_LABELS).f1,
        "overlap_kinds": kinds.micro().f1,
    }
    result |= {f"overlap_{kind}": kinds.micro([kind]).f1 for kind in schema.KINDS}
    return {name: round(value, 4) for name, value in result.items()}


def by_type(spans: list[tuple[list[Span], list[Span]]]) -> dict[str, dict[str, float]]:
    """F1 of every type that is marked, strict and by overlap, over the documents of all folds."""
    strict, overlap = score.score(spans), score.score(spans, overlap=True)
    return {
        label: {"gold": counts.gold, "strict": round(counts.f1, 4), "overlap": round(overlap.by_label[label].f1, 4)}
        for label, counts in sorted(strict.by_label.items())
        if counts.gold
    }


# Where a document is looked at by itself, in code points: 512 tokens, which is as far as the encoder sees at once, are some 2,200.
POSITIONS = (0, 1100, 2200, 3300, 4400)


def by_position(spans: list[tuple[list[Span], list[Span]]]) -> list[dict[str, float]]:
    """Strict micro F1 of the mentions that begin in each part of the documents."""
    rows = []
    for start, end in zip(POSITIONS, (*POSITIONS[1:], 1 << 31)):
        counts = score.score([_between(gold, found, start, end) for gold, found in spans]).micro()
        if counts.gold:
            rows.append({"from": start, "gold": counts.gold, "strict": round(counts.f1, 4)})
    return rows


def _between(gold: list[Span], found: list[Span], start: int, end: int) -> tuple[list[Span], list[Span]]:
    return [s for s in gold if start <= s.start < end], [s for s in found if start <= s.start < end]


def _as_kinds(spans: list[Span]) -> list[Span]:
    return [Span(s.start, s.end, kind) for s in spans if (kind := schema.kind_of(s.label))]


def _over(measured: dict, corpus: str, how) -> dict[str, float]:
    rows = [m[corpus] for m in measured.values() if corpus in m]
    return {name: round(how([row[name] for row in rows]), 4) for name in rows[0]}


def write_summary(summary: dict, path: Path) -> None:
    """Writes and prints a summary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    for name, mean in summary["mean"].items():
        print(f"{name}, {len(summary['folds'])} folds")
        for figure, value in mean.items():
            print(f"  {figure:<20} {value:.3f} ± {summary['spread'][name][figure]:.3f}")
