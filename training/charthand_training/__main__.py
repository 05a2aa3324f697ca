"""python -m charthand_training COMMAND --help says more of each; README.md shows them at work."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import brat, conll, corpora, i2b2, labels, score
from .document import CorpusError, Document, Span
from .recipe import Recipe

BINARY = Path(__file__).parents[2] / "bin" / "charthand"


def main(argv: list[str] | None = None) -> int:
    """Runs one command; gives the exit code."""
    parser = argparse.ArgumentParser(prog="charthand_training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run, what: str, *flags: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=what, description=what)
        added.set_defaults(run=run)
        for flag, settings in FLAGS.items():
            if flag in flags:
                added.add_argument(flag, **settings)
        return added

    command("run", run_all, "a recipe from corpus to model folder and report", "recipe", "--base", "--data", "--out", "--charthand",
            "--fold")  # fmt: skip
    command("train", run_train, "fine-tune a model as a recipe says", "recipe", "--base", "--data", "--out", "--warmed")
    added = command("export", run_export, "write model.onnx (fused, int8) and what charthand needs beside it", "model", "--out")
    added.add_argument("--fp32", action="store_true", help="do not quantise")
    added.add_argument("--calibration", type=Path, help="what `calibrate` wrote: the scores' settings")
    command("report", run_report, "measure an exported model on what its training held back",
            "recipe", "model", "--data", "--out", "--charthand")  # fmt: skip
    command("card", run_card, "write the default model's card, from what folds, calibrate and report left in OUT",
            "recipe", "model", "--data", "--out", "--charthand")  # fmt: skip
    added = command("compare", run_compare, "lay models side by side, from their report.json")
    added.add_argument("reports", type=Path, nargs="+")
    added = command("folds", run_folds, "cross-validate a recipe; folds that have run are not run again",
                    "recipe", "--data", "--out", "--charthand", "--warmed")  # fmt: skip
    added.add_argument("--only", type=int, nargs="+", help="these folds, counted from 0 (all)")
    added.add_argument("--summary", type=Path, help="write the figures here too")
    added = command("calibrate", run_calibrate, "fit scores and minimum scores to what `folds` found", "recipe", "--data", "--out")
    added.add_argument("--folds", type=Path, required=True, help="the folder that `folds` wrote")
    added.add_argument("--precision", type=float, default=0.8, help="that mentions above the minimum score shall have (0.8)")

    added = command("parity", run_parity, "record what Hugging Face's pipeline answers, beside tiny models of each architecture", "--out")
    added.add_argument("--check", action="store_true", help="compare with what is recorded in OUT instead")

    command("record", run_record, "record what Hugging Face's pipeline answers with a fine-tuned model, for `charthand model check`",
            "model", "--out")  # fmt: skip

    added = command("peers", run_peers, "time charthand beside Hugging Face's pipeline and hugot on the same notes", "--data", "--charthand")
    added.add_argument("size", choices=["default", "bert-base", "albert-base", "deberta-v3-base"], help="which model; base sizes have random weights")
    added.add_argument("--notes", type=int, default=60, help="how many notes of mtsamples (60)")

    added = command("precision", run_precision, "what int8 weights and short windows cost, and what they give", "--data", "--charthand")
    added.add_argument("what", choices=["folds", "windows", "small", "base", "runs"],
                       help="ways to quantise the default model's folds (F1, time); lengths of their windows (F1, time); small models of each "
                       "architecture trained from scratch (F1); base sizes with random weights (labels); threads, runs and batches (time)")  # fmt: skip
    added.add_argument("--folds", type=Path, help="the folder that `folds` wrote")

    added = command("convert", run_convert, "read a corpus in its published format and write CoNLL; assertions and relations of i2b2 beside it, as .statements.jsonl", "--out")
    added.add_argument("format", choices=sorted(corpora.READERS))
    added.add_argument("source", type=Path, help="the folder (brat, i2b2) or the file (conll, pubtator)")
    added.add_argument("--strict", action="store_true", help="stop at the first malformed line instead of counting it")
    added = command("labels", run_labels, "join training/labels with its text and write brat files", "--data", "--out")
    added.add_argument("--test", action="store_true", help="those kept for testing alone")
    added.add_argument("--second", action="store_true", help="the independent second reading instead")
    command("accuracy", run_accuracy, "how well the stages after the model do, each alone; fails below fixtures/context/levels.json", "--data", "--charthand")
    command("agreement", run_agreement, "how far the two readings of training/labels agree", "--data")

    arguments = parser.parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except (CorpusError, labels.LabelError, OSError, ValueError, RuntimeError) as error:
        print(f"charthand_training: {error}", file=sys.stderr)
        return 1


FLAGS = {
    "recipe": dict(type=Path, help="a YAML file of recipes/"),
    "model": dict(type=Path, help="the model folder"),
    "--base": dict(default="", help="base model instead of the recipe's: a folder or a hub name"),
    "--data": dict(type=Path, required=True, help="the folder with the corpora"),
    "--out": dict(type=Path, required=True, help="what is written"),
    "--warmed": dict(type=Path, help="folder of the warmed-up encoder, made where it is missing (OUT/warm-up)"),
    "--fold": dict(type=int, help="hold back this fold of the corpora that have folds, counted from 0, as every model is measured on then"),
    "--charthand": dict(type=Path, default=BINARY, help="the charthand binary (bin/charthand)"),
}


def run_all(a: argparse.Namespace) -> None:
    from . import report
    from .export import export
    from .train import train

    recipe = Recipe.read(a.recipe)
    if a.fold is not None:
        check_fold(a.fold, corpora.fold_count(recipe))
    train(recipe, a.data, a.out / "trained", base=a.base, fold=a.fold)
    export(a.out / "trained", a.out / "model", quantise=recipe.quantise)
    report.write(recipe, a.data, a.out / "model", a.charthand, a.out / "report")
    print(f"model: {a.out / 'model'}; report: {a.out / 'report' / 'report.md'}")


def check_fold(fold: int, count: int) -> None:
    if not 0 <= fold < count:
        raise ValueError(f"there is no fold {fold}: they are 0 to {count - 1}")


def run_train(a: argparse.Namespace) -> None:
    from .train import train

    train(Recipe.read(a.recipe), a.data, a.out, base=a.base, warmed=a.warmed)


def run_export(a: argparse.Namespace) -> None:
    from .export import export

    calibration = json.loads(a.calibration.read_text(encoding="utf-8")) if a.calibration else None
    export(a.model, a.out, quantise=not a.fp32, calibration=calibration)


def run_report(a: argparse.Namespace) -> None:
    from . import report

    report.write(Recipe.read(a.recipe), a.data, a.model, a.charthand, a.out)


def run_card(a: argparse.Namespace) -> None:
    from . import card

    card.write(Recipe.read(a.recipe), a.data, a.model, a.charthand, a.out)


def run_compare(a: argparse.Namespace) -> None:
    from . import report

    print(report.compare([json.loads(path.read_text(encoding="utf-8")) for path in a.reports]), end="")


def run_folds(a: argparse.Namespace) -> None:
    from . import crossvalidate

    recipe = Recipe.read(a.recipe)
    count = corpora.fold_count(recipe)
    for fold in a.only if a.only is not None else range(count):
        check_fold(fold, count)
        crossvalidate.run_fold(recipe, a.data, a.out, fold, a.charthand, a.warmed or a.out / "warm-up")
    summary = crossvalidate.summarise(recipe, a.data, a.out, count)
    crossvalidate.write_summary(summary, a.summary or a.out / "summary.json")


def run_calibrate(a: argparse.Namespace) -> None:
    from . import calibrate, crossvalidate, plots

    recipe = Recipe.read(a.recipe)
    answers = {fold: crossvalidate.read_answers(recipe, a.data, a.folds, fold) for fold in range(corpora.fold_count(recipe))}
    answers = {fold: found for fold, found in answers.items() if found}
    if not answers:
        raise ValueError(f"{a.folds}: no fold has run")
    calibration = calibrate.calibrate(calibrate.gather(answers), a.precision)
    calibration |= {"folds": sorted(answers), "recipe_sha256": crossvalidate.digest(recipe)}
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "calibration.json").write_text(json.dumps(calibration, indent=1) + "\n", encoding="utf-8")
    plots.reliability(calibration, a.out / "reliability.png")
    error = calibration["expected_error"]
    print(f"{calibration['mentions']} mentions: expected calibration error {error['before']:.3f} before, {error['after']:.3f} after")


def run_parity(a: argparse.Namespace) -> int:
    from . import parity

    if not a.check:
        parity.write(a.out)
        return 0
    faults = parity.check(a.out)
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"{len(faults)} answers are others than recorded")
    return 1 if faults else 0


def run_record(a: argparse.Namespace) -> None:
    from . import parity

    parity.record(a.model, a.out)


def quiet() -> None:
    """Keeps what libraries say of their own working from what a command prints."""
    import logging
    import warnings

    import transformers

    warnings.simplefilter("ignore")
    logging.getLogger().setLevel(logging.ERROR)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def run_peers(a: argparse.Namespace) -> None:
    from . import peers

    quiet()

    rows, share = peers.measure(a.size, a.data, a.charthand, a.notes)
    print(f"{a.size}, share of the model's time in matrix products of int8: {share:.2f}")
    for row in rows:
        asked = f" (asked for: {row['asked']:g})" if row["asked"] else ""
        print(f"{a.size}, {row['figure']}: {row['peer']} {row['theirs']:.2f}, charthand {row['ours']:.2f}, ratio {row['ratio']:.2f}{asked}", flush=True)


def run_precision(a: argparse.Namespace) -> None:
    from . import precision

    quiet()
    if a.what in ("folds", "windows") and a.folds is None:
        raise ValueError("--folds is missing: the folder that `folds` wrote")
    ways = {
        "folds": lambda: precision.of_folds(a.data, a.charthand, a.folds),
        "windows": lambda: precision.of_windows(a.data, a.charthand, a.folds),
        "small": lambda: precision.of_small(a.data, a.charthand),
        "base": lambda: precision.of_base(a.data),
        "runs": lambda: precision.of_runs(a.data),
    }
    rows = ways[a.what]()
    for row in rows:
        print(", ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()))


def run_convert(a: argparse.Namespace) -> int:
    documents, report = corpora.READERS[a.format](a.source, a.strict)
    conll.write(documents, a.out)
    if a.format == "i2b2" and (statements := list(i2b2.read_statements(a.source, report))):
        beside = a.out.with_suffix(".statements.jsonl")
        beside.write_text("".join(json.dumps(s) + "\n" for s in statements), encoding="utf-8")
        print(f"{len(statements)} assertions and relations written to {beside}")
    for fault in report.faults:
        print(fault, file=sys.stderr)
    print(report)
    return 1 if report.faults else 0


def run_accuracy(a: argparse.Namespace) -> int:
    from . import accuracy

    return 0 if accuracy.report(a.charthand, a.data) else 1


def run_labels(a: argparse.Namespace) -> None:
    name = "second.jsonl" if a.second else "first.jsonl"
    joined = labels.join(labels.read_transcriptions(a.data), labels.FOLDER / name)
    wanted = (x.document for x in joined if x.test or not a.test)
    print(f"{brat.write(wanted, a.out)} documents written to {a.out}")


def run_agreement(a: argparse.Namespace) -> None:
    transcriptions = labels.read_transcriptions(a.data)
    first, second = (
        {x.document.id: x.document for x in labels.join(transcriptions, labels.FOLDER / name)}
        for name in ("first.jsonl", "second.jsonl")
    )
    print_scores("second reading against the first", [(first[i], second[i].spans) for i in second])


def print_scores(title: str, pairs: list[tuple[Document, list[Span]]]) -> None:
    """Prints figures of spans, without the binary."""
    spans = [(d.spans, found) for d, found in pairs]
    strict, overlap = score.score(spans), score.score(spans, overlap=True)
    print(f"{title}: {len(pairs)} documents")
    print(f"  {'type':<26} {'gold':>5} {'P':>6} {'R':>6} {'F1':>6} {'overlap F1':>11}")
    rows = sorted(strict.by_label, key=lambda label: -strict.by_label[label].gold)
    for name, s, o in [("all types", strict.micro(), overlap.micro())] + [
        (label, strict.by_label[label], overlap.by_label[label]) for label in rows
    ]:
        print(f"  {name:<26} {s.gold:>5} {s.precision:>6.3f} {s.recall:>6.3f} {s.f1:>6.3f} {o.f1:>11.3f}")


if __name__ == "__main__":
    sys.exit(main())
