"""Reads brat stand-off annotation (.txt with .ann): MACCROBAT, n2c2 2018 track 2, PHEE, and charthand's own fixtures.

Offsets are Unicode code points, half-open, as the format has them (https://brat.nlplab.org/standoff.html).
Only text-bound annotations (T lines) are read. A discontinuous one runs from its first to its last character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .document import Document, Report, Span

_TEXT_BOUND = re.compile(r"^(T\S+)\t(\S+) ([0-9]+ [0-9]+(?:;[0-9]+ [0-9]+)*)\t(.*)$")


def read(txt: Path, report: Report | None = None) -> Document:
    """Reads one document; the .ann stands beside the .txt."""
    report = report if report is not None else Report()
    # newline="" keeps CR: offsets count it.
    with open(txt, encoding="utf-8", newline="") as f:
        text = f.read()
    ann = txt.with_suffix(".ann")
    found: list[Span] = []
    with open(ann, encoding="utf-8-sig", newline="\n") as f:
        for number, line in enumerate(f, 1):
            if not line.startswith("T"):
                continue
            match = _TEXT_BOUND.match(line.rstrip("\r\n"))
            bounds = [int(n) for n in re.findall(r"\d+", match[3])] if match else []
            pieces = list(zip(bounds[::2], bounds[1::2]))
            if not pieces or len(bounds) % 2 or not all(start < end <= len(text) for start, end in pieces):
                report.fault(ann.name, number, "not a text-bound annotation within the text")
                continue
            if match[4].split() != " ".join(text[start:end] for start, end in pieces).split():
                report.fault(ann.name, number, "the words are not at that place of the text")
                continue
            if len(pieces) > 1:
                report.discontinuous += 1
            found.append(Span(min(bounds), max(bounds), match[2]))
    return report.add(txt.stem, text, found)


def read_corpus(folder: Path, strict: bool = False) -> tuple[list[Document], Report]:
    """Reads every .txt of a folder that has an .ann, in the order of their names."""
    report = Report(strict=strict)
    texts = sorted(p for p in Path(folder).glob("*.txt") if p.with_suffix(".ann").exists())
    if not texts:
        raise FileNotFoundError(f"{folder}: no .txt with an .ann beside it")
    return [read(p, report) for p in texts], report


def write(documents: Iterable[Document], folder: Path) -> int:
    """Writes documents as NAME.txt and NAME.ann; returns how many."""
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for document in documents:
        if (folder / f"{document.id}.txt").exists():
            raise FileExistsError(f"{folder / document.id}.txt: two documents of one name, or a folder that is not empty")
        (folder / f"{document.id}.txt").write_text(document.text, encoding="utf-8", newline="")
        lines = (
            f"T{i}\t{s.label} {s.start} {s.end}\t{' '.join(document.text[s.start : s.end].split())}\n"
            for i, s in enumerate(document.spans, 1)
        )
        (folder / f"{document.id}.ann").write_text("".join(lines), encoding="utf-8")
        count += 1
    return count
