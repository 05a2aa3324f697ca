"""The report of a model: the same table and pictures for every model, so that models can be laid side by side."""

from __future__ import annotations

import json
from pathlib import Path

from . import binary, corpora, plots
from .document import Document
from .recipe import Recipe


def held_back(recipe: Recipe, data: Path, model: Path) -> dict[str, list[Document]]:
    """Reads the documents that were held back when the model was trained, by corpus."""
    names = json.loads((model / "held-back.json").read_text(encoding="utf-8"))
    result = {}
    for corpus in recipe.corpora:
        if corpus.path in names:
            wanted = set(names[corpus.path])
            result[corpus.path] = [d for d in corpora.read_all(corpus, data) if d.id in wanted]
    return result


def write(recipe: Recipe, data: Path, model: Path, charthand: Path, out: Path) -> dict:
    """Measures a model on what was held back and writes report.json, report.md and the pictures to `out`."""
    out.mkdir(parents=True, exist_ok=True)
    log = json.loads((model / "training-log.json").read_text(encoding="utf-8"))
    plots.learning_curve(log, out / "learning-curve.png")
    report = {"recipe": recipe.name, "version": recipe.version, "published": recipe.published, "corpora": {}}
    for path, documents in held_back(recipe, data, model).items():
        report["corpora"][path] = binary.evaluate(charthand, model, documents)
        found = binary.annotate(charthand, model, documents)
        name = path.replace("/", "-")
        plots.confusion_matrix(
            [(d.spans, [f.span for f in fs]) for d, fs in zip(documents, found, strict=True)], out / f"confusion-{name}.png"
        )
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (out / "report.md").write_text(markdown(report), encoding="utf-8")
    return report


def markdown(report: dict) -> str:
    """Gives a report as people read it."""
    parts = [f"# {report['recipe']} {report['version']}\n"]
    if report["published"]:
        figures = ", ".join(f"{name} {value}" for name, value in report["published"].items())
        parts.append(f"Published for the base model and corpus of this recipe: {figures}.\n")
    parts.append("![learning curve](learning-curve.png)\n")
    for path, measured in report["corpora"].items():
        corpus, tokens = measured["corpus"], measured["tokens"]
        parts.append(
            f"## {path}\n\n{corpus['documents']} held-back documents, {corpus['spans']} mentions; measured with `charthand evaluate`.\n"
        )
        rows = [("all, micro", measured["micro"]), ("all, macro", measured["macro"])]
        rows += [(line["label"], line) for line in measured["types"]]
        parts.append(_table(rows))
        parts.append(f"Token accuracy {tokens['accuracy']:.4f} ({tokens['count']} tokens).\n")
        parts.append(f"![what mentions were taken for](confusion-{path.replace('/', '-')}.png)\n")
    return "\n".join(parts)


def _table(rows: list[tuple[str, dict]]) -> str:
    lines = [
        "| type | marked | found | P | R | F1 | P, overlap | R, overlap | F1, overlap |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for name, row in rows:
        values = [row[how][figure] for how in ("strict", "overlap") for figure in ("precision", "recall", "f1")]
        lines.append(f"| {name} | {row['gold']} | {row['predicted']} | " + " | ".join(f"{v:.3f}" for v in values) + " |")
    return "\n".join(lines) + "\n"


def compare(reports: list[dict]) -> str:
    """Lays models side by side: one row for each model and corpus, and what was published."""
    lines = [
        "| model | corpus | P | R | F1 | F1, overlap | F1, macro | token accuracy | published |",
        "| --- | --- | --: | --: | --: | --: | --: | --: | --- |",
    ]
    for report in reports:
        published = ", ".join(f"{name} {value}" for name, value in report["published"].items())
        for path, m in report["corpora"].items():
            strict = m["micro"]["strict"]
            lines.append(
                f"| {report['recipe']} {report['version']} | {path} | {strict['precision']:.3f} | {strict['recall']:.3f}"
                f" | {strict['f1']:.3f} | {m['micro']['overlap']['f1']:.3f} | {m['macro']['strict']['f1']:.3f}"
                f" | {m['tokens']['accuracy']:.4f} | {published} |"
            )
    return "\n".join(lines) + "\n"
