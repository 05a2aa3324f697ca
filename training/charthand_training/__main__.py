"""python -m charthand_training train RECIPE --data DIR --out DIR    (then: export, score; see README.md)"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import brat, conll, i2b2, labels, pubtator, score
from .document import CorpusError, Document, Span


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="charthand_training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("train", help="fine-tune a model as a recipe says")
    command.add_argument("recipe", type=Path)
    command.add_argument("--data", type=Path, required=True, help="the folder with the corpora")
    command.add_argument("--out", type=Path, required=True, help="the model folder to write")
    command.set_defaults(run=run_train)

    command = commands.add_parser("export", help="write model.onnx (fused; int8 unless --fp32) for charthand")
    command.add_argument("model", type=Path, help="the folder that train wrote")
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--fp32", action="store_true", help="do not quantise")
    command.set_defaults(run=run_export)

    command = commands.add_parser("input", help="print {id,text} lines of held-back documents, for charthand annotate --ndjson")
    command.add_argument("model", type=Path, help="the folder that train wrote (it names the held-back documents)")
    command.add_argument("--data", type=Path, required=True)
    command.set_defaults(run=run_input)

    command = commands.add_parser("convert", help="read a corpus in its published format and write CoNLL")
    command.add_argument("format", choices=sorted(READERS))
    command.add_argument("source", type=Path, help="the folder (brat, i2b2) or the file (conll, pubtator)")
    command.add_argument("--out", type=Path, required=True, help="the CoNLL file to write")
    command.add_argument("--strict", action="store_true", help="stop at the first malformed line instead of counting it")
    command.set_defaults(run=run_convert)

    command = commands.add_parser("labels", help="join training/labels with its text and write brat files")
    command.add_argument("--data", type=Path, required=True)
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--second", action="store_true", help="the independent second reading instead")
    command.set_defaults(run=run_labels)

    command = commands.add_parser("agreement", help="how far the two readings of training/labels agree")
    command.add_argument("--data", type=Path, required=True)
    command.set_defaults(run=run_agreement)

    command = commands.add_parser("score", help="score what charthand annotate --ndjson wrote against the gold")
    command.add_argument("predictions", type=Path, help="NDJSON with id and entities")
    command.add_argument("--data", type=Path, required=True)
    command.set_defaults(run=run_score)

    arguments = parser.parse_args(argv)
    return arguments.run(arguments) or 0


def run_train(a: argparse.Namespace) -> None:
    from .recipe import Recipe
    from .train import train

    train(Recipe.read(a.recipe), a.data, a.out)


def run_export(a: argparse.Namespace) -> None:
    from .export import export

    export(a.model, a.out, quantise=not a.fp32)


def run_input(a: argparse.Namespace) -> None:
    held_back = json.loads((a.model / "held-back.json").read_text(encoding="utf-8"))
    for folder, ids in held_back.items():
        documents = read_documents(a.data, folder)
        for name in ids:
            print(json.dumps({"id": f"{folder}/{name}", "text": documents[name].text}))


def read_documents(data: Path, folder: str) -> dict[str, Document]:
    """Reads the documents of a corpus, as the recipes name it, by their names."""
    if folder == "labels":
        joined = labels.join(labels.read_transcriptions(data), labels.FOLDER / "first.jsonl")
        return {x.document.id: x.document for x in joined}
    return {d.id: d for d in brat.read_corpus(data / folder)[0]}


# How corpora are published, and who reads them. IOB files are CoNLL without places; n2c2 2018 and MACCROBAT are brat.
READERS = {
    "brat": brat.read_corpus,
    "conll": conll.read,
    "i2b2": i2b2.read_corpus,
    "pubtator": pubtator.read_corpus,
}


def run_convert(a: argparse.Namespace) -> int:
    try:
        documents, report = READERS[a.format](a.source, a.strict)
    except (CorpusError, OSError) as error:
        print(f"charthand_training: {error}", file=sys.stderr)
        return 1
    conll.write(documents, a.out)
    for fault in report.faults:
        print(fault, file=sys.stderr)
    print(report)
    return 0


def run_labels(a: argparse.Namespace) -> None:
    name = "second.jsonl" if a.second else "first.jsonl"
    joined = labels.join(labels.read_transcriptions(a.data), labels.FOLDER / name)
    print(f"{labels.write_brat((x.document for x in joined), a.out)} documents written to {a.out}")


def run_agreement(a: argparse.Namespace) -> None:
    transcriptions = labels.read_transcriptions(a.data)
    first, second = (
        {x.document.id: x.document.spans for x in labels.join(transcriptions, labels.FOLDER / name)}
        for name in ("first.jsonl", "second.jsonl")
    )
    print_scores("second reading against the first", [(first[i], second[i]) for i in second])


# The types that become resources: what the shipped model is judged by beside the whole.
RESOURCE_LABELS = (
    "Disease_disorder",
    "Sign_symptom",
    "Medication",
    "Therapeutic_procedure",
    "Diagnostic_procedure",
    "Lab_value",
)


def run_score(a: argparse.Namespace) -> None:
    pairs: dict[str, list] = {}
    corpora: dict[str, dict[str, Document]] = {}
    for line in a.predictions.read_text(encoding="utf-8").splitlines():
        answer = json.loads(line)
        folder, name = answer["id"].split("/", 1)
        if folder not in corpora:
            corpora[folder] = read_documents(a.data, folder)
        gold = corpora[folder][name].spans
        predicted = [Span(e["start"], e["end"], e["label"]) for e in answer.get("entities", [])]
        pairs.setdefault(folder, []).append((gold, predicted))
    for folder, folder_pairs in pairs.items():
        print_scores(folder, folder_pairs)


def print_scores(title: str, pairs: list) -> None:
    strict, overlap = score.score(pairs), score.score(pairs, overlap=True)
    print(f"{title}: {len(pairs)} documents")
    print(f"  {'type':<26} {'gold':>5} {'P':>6} {'R':>6} {'F1':>6} {'overlap F1':>11}")
    rows = sorted(strict.by_label, key=lambda label: -strict.by_label[label].gold)
    for name, s, o in (
        [("all types", strict.micro(), overlap.micro())]
        + [("types with a resource", strict.micro(RESOURCE_LABELS), overlap.micro(RESOURCE_LABELS))]
        + [(label, strict.by_label[label], overlap.by_label[label]) for label in rows]
    ):
        print(f"  {name:<26} {s.gold:>5} {s.precision:>6.3f} {s.recall:>6.3f} {s.f1:>6.3f} {o.f1:>11.3f}")


if __name__ == "__main__":
    sys.exit(main())
