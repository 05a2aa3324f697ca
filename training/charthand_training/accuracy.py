"""Measures the context stages of charthand, each alone on mentions that are given: the project's own sets, MACCROBAT's attributes
and relations, and dictated notes through the model. A figure below the one that is recorded in LEVELS is a failure.

    python3 -m charthand_training accuracy --data ../../shared/data
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import labels, sets

ROOT = Path(__file__).parents[2]
LEVELS = sets.SETS / "levels.json"
from .sets import Count, Example


@dataclass
class Marked:
    """A case report of MACCROBAT with its attributes and relations, which brat.read leaves out."""

    text: str
    entities: list[tuple[int, int, str]]  # start, end, label
    negated: set[int]
    modify: set[tuple[int, int]]  # modifier, modified


def read_maccrobat(ann: Path) -> Marked:
    with open(ann.with_suffix(".txt"), encoding="utf-8", newline="") as f:
        text = f.read()
    names: dict[str, int] = {}
    entities: list[tuple[int, int, str]] = []
    events: dict[str, str] = {}
    negated: set[str] = set()
    modify: set[tuple[str, str]] = set()
    for line in ann.read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition("\t")
        head = rest.split("\t")[0]
        if name.startswith("T"):
            label, _, bounds = head.partition(" ")
            numbers = [int(n) for n in bounds.replace(";", " ").split()]
            names[name] = len(entities)
            entities.append((min(numbers), max(numbers), label))
        elif name.startswith("E"):
            events[name] = head.split()[0].partition(":")[2]
        elif name.startswith("A") and head.startswith("POLARITY ") and head.endswith(" NEG"):
            negated.add(head.split()[1])
        elif name.startswith("R") and head.startswith("MODIFY "):
            first, second = (argument.partition(":")[2] for argument in head.split()[1:3])
            modify.add((first, second))
    place = lambda name: names[events.get(name, name)]
    return Marked(text, entities, {place(n) for n in negated}, {(place(a), place(b)) for a, b in modify})


def _cues(answer: dict, i: int) -> list[str]:
    return [f"{cue['rule']}:{answer['text'][cue['start']:cue['end']]}" for cue in answer["entities"][i].get("cues", [])]


def maccrobat(charthand: Path, data: Path) -> dict[str, Count]:
    """F1 of POLARITY NEG and of directed MODIFY relations, with gold entities."""
    reports = [read_maccrobat(ann) for ann in sorted((data / "maccrobat").glob("*.ann"))]
    answers = sets.annotate(charthand, [Example(r.text, [(*e, frozenset()) for e in r.entities]) for r in reports])
    negated, modify = Count(), Count()
    for report, answer in zip(reports, answers):
        for i, (start, end, label) in enumerate(report.entities):
            found = frozenset(["negated"] if answer["entities"][i].get("negated") else [])
            shown = report.text[max(0, start - 60) : start] + "[[" + report.text[start:end] + "]]" + report.text[end : end + 40]
            negated.add(frozenset(["negated"] if i in report.negated else []), found, f"{label}: {shown!r} {_cues(answer, i)}")
        found = {(r["from"], r["to"]) for r in answer["relations"] if r["kind"] == "modify"}
        modify.add(frozenset(map(str, report.modify)), frozenset(map(str, found)), "")
    return {"negated": negated, "modify": modify}


# What is compared of a problem in a dictated note: three answers, all of which must be right.
THREE = {"negated": ("negated",), "hypothetical or planned": ("hypothetical", "planned")}


def three(flags: set[str]) -> frozenset[str]:
    said = {name for name, words in THREE.items() if flags & set(words)}
    if any(flag.isupper() for flag in flags):
        said.add("family")
    return frozenset(said)


def dictated(charthand: Path, data: Path, kept: bool, given: bool = False) -> Count:
    """Negated, hypothetical or planned, and family, all three right, of the problems of dictated notes that the model finds.

    With given the mentions are given too, which leaves the model out.
    """
    transcriptions = labels.read_transcriptions(data)
    notes = [n for n in map(json.loads, (labels.FOLDER / "assertions.jsonl").read_text().splitlines()) if n["kept"] == kept]
    texts = [transcriptions[n["note"]][n["start"] : n["end"]] for n in notes]
    if given:
        answers = sets.annotate(charthand, [
            Example(text, [(start, end, "Sign_symptom", frozenset()) for start, end, _ in n["problems"]]) for n, text in zip(notes, texts)
        ])  # fmt: skip
    else:
        lines = "".join(json.dumps({"id": n["note"], "text": text}) + "\n" for n, text in zip(notes, texts))
        run = subprocess.run([charthand, "annotate", "--ndjson", "-"], input=lines, capture_output=True, text=True, check=True)
        answers = [json.loads(line) for line in run.stdout.splitlines()]
    count = Count()
    for note, text, answer in zip(notes, texts, answers):
        found = [e for e in answer["entities"] if e["label"] in ("Sign_symptom", "Disease_disorder")]
        for start, end, flags in note["problems"]:
            over = [e for e in found if e["start"] < end and start < e["end"]]
            if not over:
                continue
            best = max(over, key=lambda e: min(e["end"], end) - max(e["start"], start))
            shown = text[max(0, start - 80) : start] + "[[" + text[start:end] + "]]" + text[end : end + 40]
            count.add(three(set(flags.split())), three(set(sets.assertion(best))), f"{note['note']}: {shown!r} {_cues(answer, answer['entities'].index(best))}")
    return count


def modify_unseen(data: Path) -> float:
    """F1 of MODIFY relations on reports that the model of relations has not learned from, which its own trainer measures."""
    run = subprocess.run(["go", "run", "./nlp/relate/train", data / "maccrobat"], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(re.search(r"F1 ([\d.]+)", run.stdout)[1])


def benchmark(name: str, unit: str, *flags: str) -> list[float]:
    """Gives a figure of a Go benchmark of nlp in three runs."""
    run = subprocess.run(["go", "test", "./nlp", "-run", "^$", "-bench", name, "-count", "3", *flags], cwd=ROOT, capture_output=True, text=True, check=True)
    return [float(figure) for figure in re.findall(rf"([\d.]+) {unit}", run.stdout)]


def figures(charthand: Path, data: Path) -> dict[str, tuple[float, str]]:
    """Gives each measure its figure and what stands beside it in the table."""
    found: dict[str, tuple[float, str]] = {}
    for name in ("assertion", "sig", "value", "date", "heading"):
        tune, kept = (sets.measure(charthand, name, half) for half in ("tune", "kept"))
        whole = "" if name == "heading" else f"; wholly right {kept.accuracy:.3f} of {kept.mentions}"
        found[f"{name}: F1 of the parts, kept half"] = (kept.f1, f"the half to tune on {tune.f1:.3f}{whole}")
    measured = maccrobat(charthand, data)
    negated = measured["negated"]
    found["MACCROBAT: negated, F1"] = (negated.f1, f"{negated.right} right, {negated.wrong} wrong, {negated.missing} missing")
    found["MACCROBAT: MODIFY, F1, reports not learned from"] = (modify_unseen(data), f"with those learned from {measured['modify'].f1:.3f}")
    tune, kept = (dictated(charthand, data, half) for half in (False, True))
    found["dictated notes: negation, hypothesis and family right"] = (kept.accuracy, f"of {kept.mentions} problems found; the half to tune on {tune.accuracy:.3f}")
    found["stages without the model, MB/s on one core"] = (max(benchmark("Understanding/all", "MB/s", "-cpu", "1")), "labelled dictated notes, the best of three runs")
    found["stages, percent of the model's time"] = (min(benchmark("Share", "%model", "-benchtime", "1x")), "dictated notes; at most this")
    return found


def report(charthand: Path, data: Path) -> bool:
    """Prints the table; false where a figure is below its level."""
    levels = json.loads(LEVELS.read_text(encoding="utf-8"))
    good = True
    print(f"{'measure':56} {'asked':>6} {'level':>6} {'now':>6}")
    for name, (figure, beside) in figures(charthand, data).items():
        level = levels[name]
        below = figure > level["level"] if level.get("most") else figure < level["level"] - 5e-4
        good = good and not below
        print(f"{name:56} {level['asked']:6.3f} {level['level']:6.3f} {figure:6.3f}{'  BELOW ITS LEVEL' if below else ''}  {beside}")
    return good
