"""Measures each context stage of charthand alone on the sets of fixtures/context.

Every set is turned into lines for `charthand annotate --given`, and the answers are compared with the set's own.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SETS = Path(__file__).parents[2] / "fixtures" / "context"

_MARK = re.compile(r"\[\[(.*?)\|(.*?)\]\](?!\])")
_HEADING = re.compile(r"\{\{(.*?)\|(.*?)\}\}")


@dataclass(frozen=True)
class Example:
    """A text with mentions and the parts of each one's right answer ("negated", "dose=5 mg")."""

    text: str
    answers: list[tuple[int, int, str, frozenset[str]]]  # start, end, label, parts
    date: str = ""


@dataclass
class Count:
    """Parts that are right, wrong and missing, and mentions wholly right."""

    right: int = 0
    wrong: int = 0
    missing: int = 0
    mentions: int = 0
    whole: int = 0
    mistakes: list[str] = field(default_factory=list)

    def add(self, expected: frozenset[str], found: frozenset[str], what: str) -> None:
        self.right += len(expected & found)
        self.wrong += len(found - expected)
        self.missing += len(expected - found)
        self.mentions += 1
        if expected == found:
            self.whole += 1
        else:
            self.mistakes.append(f"{what}\n    missing {sorted(expected - found)}, wrong {sorted(found - expected)}")

    @property
    def f1(self) -> float:
        total = 2 * self.right + self.wrong + self.missing
        return 2 * self.right / total if total else 1.0

    @property
    def accuracy(self) -> float:
        return self.whole / self.mentions if self.mentions else 1.0


def annotate(charthand: Path, examples: list[Example]) -> list[dict]:
    """Gives the annotate object of each example."""
    lines = "".join(
        json.dumps({
            "id": str(i), "text": e.text, "date": e.date,
            "entities": [{"label": label, "start": start, "end": end} for start, end, label, _ in e.answers],
        }) + "\n"
        for i, e in enumerate(examples)
    )
    answer = subprocess.run([charthand, "annotate", "--given", "-"], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in answer.stdout.splitlines()]


def unmark(line: str, pattern: re.Pattern = _MARK) -> tuple[str, list[tuple[int, int, str]]]:
    """Takes the marks out of a line: its text, and start, end and answer of each mark."""
    text, marks, at = "", [], 0
    for match in pattern.finditer(line):
        text += line[at : match.start()]
        marks.append((len(text), len(text) + len(match[1]), match[2]))
        text += match[1]
        at = match.end()
    return text + line[at:], marks


def examples(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("# "):
            yield line.replace("\\n", "\n")


# ---- assertion

FLAGS = ("negated", "ruledOut", "uncertain", "hypothetical", "planned", "historical", "resolved")
LABELS = ("Medication", "Therapeutic_procedure", "Diagnostic_procedure")


def read_assertions(path: Path) -> list[Example]:
    found = []
    for line in examples(path):
        text, marks = unmark(line)
        answers = []
        for start, end, answer in marks:
            words = set(answer.split())
            label = next((word for word in words if word in LABELS), "Sign_symptom")
            answers.append((start, end, label, frozenset(words - {label})))
        found.append(Example(text, answers))
    return found


def assertion(entity: dict) -> frozenset[str]:
    said = {flag for flag in FLAGS if entity.get(flag)}
    if entity.get("experiencer", "patient") != "patient":
        said.add(entity["experiencer"])
    return frozenset(said)


# ---- what has parts: sigs, values, dates


def parts(answer: str) -> frozenset[str]:
    """Gives the parts of an answer; those of a second step are numbered."""
    found = set()
    for number, step in enumerate(answer.split("||")):
        for part in filter(None, map(str.strip, step.split(";"))):
            key, _, value = part.partition("=")
            if key == "ratio":
                value = value.replace(":", "/")
            if key == "offset" and value.endswith(" h"):
                value = f"{int(value[:-2]) * 60} min"
            found.add(f"{number or ''}{key}={_number(value)}")
    return frozenset(found)


def _number(text: str) -> str:
    """Writes numbers one way: 5.0 as 5."""
    return re.sub(r"(?<![\d.*^/\w])(\d+\.\d*?)0*(?=$|[^\d])", lambda m: m[1].rstrip("."), text)


def read_sigs(path: Path) -> list[Example]:
    found = []
    for line in examples(path):
        text, _, answer = line.rpartition("=>")
        found.append(Example("Drug " + text.strip(), [(0, 4, "Medication", parts(answer))]))
    return found


def _decimal(value: float | int | str) -> str:
    return _number(f"{float(value):.10f}") if "." in str(value) or "e" in str(value).lower() else str(value)


def _quantity(q: dict) -> str:
    unit = q.get("code", q.get("unit", ""))
    return f"{q.get('comparator', '')}{_decimal(q['value'])}{' ' + unit if unit else ''}"


def _range(low: dict, high: dict) -> str:
    unit = low.get("code", low.get("unit", "")) or high.get("code", high.get("unit", ""))
    return f"{_decimal(low['value'])}-{_decimal(high['value'])}{' ' + unit if unit else ''}"


def _span(repeat: dict, key: str) -> str:
    low, high = repeat.get(key), repeat.get(key + "Max")
    return _decimal(low) + (f"-{_decimal(high)}" if high is not None else "")


def sig(entity: dict) -> frozenset[str]:
    found = set()
    for number, dosage in enumerate(entity.get("sig", {}).get("dosage", [])):
        parts_ = {}
        for dose in dosage.get("doseAndRate", []):
            if "doseQuantity" in dose:
                parts_["dose"] = _quantity(dose["doseQuantity"])
            if "doseRange" in dose:
                parts_["dose"] = _range(dose["doseRange"]["low"], dose["doseRange"]["high"])
            if "rateQuantity" in dose:
                parts_["rate"] = _quantity(dose["rateQuantity"])
            if "rateRange" in dose:
                parts_["rate"] = _range(dose["rateRange"]["low"], dose["rateRange"]["high"])
        if "strength" in dosage:
            parts_["strength"] = _quantity(dosage["strength"])
        if "route" in dosage:
            parts_["route"] = dosage["route"]["coding"][0]["code"]
        repeat = dosage.get("timing", {}).get("repeat", {})
        if "duration" in repeat:
            parts_["over"] = f"{_span(repeat, 'duration')} {repeat['durationUnit']}"
        if "frequency" in repeat:
            parts_["freq"] = f"{_span(repeat, 'frequency')}/{_span(repeat, 'period')} {repeat['periodUnit']}"
        if "when" in repeat:
            parts_["when"] = ",".join(repeat["when"])
        if "offset" in repeat:
            parts_["offset"] = f"{repeat['offset']} min"
        if "dayOfWeek" in repeat:
            parts_["days"] = ",".join(repeat["dayOfWeek"])
        if "timeOfDay" in repeat:
            parts_["times"] = ",".join(time[:5] for time in repeat["timeOfDay"])
        if "count" in repeat:
            parts_["count"] = _span(repeat, "count")
        if "boundsDuration" in repeat:
            parts_["bounds"] = _quantity(repeat["boundsDuration"])
        if "boundsRange" in repeat:
            parts_["bounds"] = _range(repeat["boundsRange"]["low"], repeat["boundsRange"]["high"])
        if "asNeededCodeableConcept" in dosage:
            parts_["prn"] = dosage["asNeededCodeableConcept"]["text"].lower()
        elif dosage.get("asNeededBoolean"):
            parts_["prn"] = "yes"
        if "maxDosePerPeriod" in dosage:
            ratio = dosage["maxDosePerPeriod"]
            parts_["max"] = f"{_quantity(ratio['numerator'])}/{_quantity(ratio['denominator'])}"
        found |= {f"{number or ''}{key}={_number(value)}" for key, value in parts_.items()}
    return frozenset(found)


def read_marked(label: str) -> Callable[[Path], list[Example]]:
    def read(path: Path) -> list[Example]:
        found = []
        for line in examples(path):
            date = ""
            if label == "Date":
                date, _, line = line.partition(" | ")
            text, marks = unmark(line)
            found.append(Example(text, [(start, end, label, parts(answer)) for start, end, answer in marks], "" if date == "-" else date))
        return found

    return read


def value(entity: dict) -> frozenset[str]:
    given, found = entity.get("value", {}), {}
    if "valueQuantity" in given:
        found["value"] = _quantity(given["valueQuantity"])
    if "valueRange" in given:
        found["range"] = _range(given["valueRange"]["low"], given["valueRange"]["high"])
    if "valueRatio" in given:
        ratio = given["valueRatio"]
        found["ratio"] = _quantity(ratio["numerator"]) + "/" + _quantity(ratio["denominator"])
    if "valueString" in given:
        found["string"] = given["valueString"].lower()
    for component in given.get("component", []):
        found[component["code"]["text"]] = _quantity(component["valueQuantity"])
    for range_ in given.get("referenceRange", []):
        found["reference"] = _range(range_["low"], range_["high"])
    for interpretation in given.get("interpretation", []):
        found["interp"] = interpretation["coding"][0]["code"]
    return frozenset(f"{key}={_number(text)}" for key, text in found.items())


def date(entity: dict) -> frozenset[str]:
    given, found = entity.get("date", {}), {}
    if "dateTime" in given:
        # FHIR's seconds are left out; a time of day without an offset stands beside its day.
        found["date"] = re.sub(r"(T\d\d:\d\d):00", r"\1", given["dateTime"]) + (f"T{given['time']}" if "time" in given else "")
    elif "time" in given:
        found["time"] = given["time"]
    for key in ("start", "end"):
        if key in given.get("period", {}):
            found[key] = given["period"][key]
    for key in ("age", "duration"):
        if key in given:
            found[key] = _quantity(given[key])
        if key + "Range" in given:
            found[key] = _range(given[key + "Range"]["low"], given[key + "Range"]["high"])
    if "after" in given:
        found["after"] = f"{_quantity(given['after'])} {given['event']}"
    return frozenset(f"{key}={text}" for key, text in found.items())


# ---- headings


def headings(charthand: Path, path: Path) -> Count:
    notes, marks = [], []
    for note in re.split(r"^=== .*\n", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
        text, found = unmark(note, _HEADING)
        notes.append(Example(text, []))
        marks.append({f"{start}-{end} {code} {text[start:end]}" for start, end, code in found})
    count = Count()
    for note, answer, expected in zip(notes, annotate(charthand, notes), marks):
        found = {
            f"{s['heading']['start']}-{s['heading']['end']} {s.get('code', '-')} {note.text[s['heading']['start']:s['heading']['end']]}"
            for s in answer.get("sections", [])
        }
        count.add(frozenset(expected), frozenset(found), note.text[:60].replace("\n", "|"))
    return count


# ---- all sets

READERS: dict[str, tuple[Callable[[Path], list[Example]], Callable[[dict], frozenset[str]]]] = {
    "assertion": (read_assertions, assertion),
    "sig": (read_sigs, sig),
    "value": (read_marked("Lab_value"), value),
    "date": (read_marked("Date"), date),
}


def measure(charthand: Path, name: str, half: str) -> Count:
    """Counts one half of a set, "tune" or "kept", or the further examples in "more"."""
    path = SETS / name / f"{half}.txt"
    if name == "heading":
        return headings(charthand, path)
    read, said = READERS[name]
    read_examples = read(path)
    count = Count()
    for example, answer in zip(read_examples, annotate(charthand, read_examples)):
        for (start, end, _, expected), entity in zip(example.answers, answer["entities"]):
            shown = example.text[:start] + "[[" + example.text[start:end] + "]]" + example.text[end:] if name != "sig" else example.text
            count.add(expected, said(entity), shown.replace("\n", "|"))
    return count
