"""Reads brat stand-off annotation (.txt with .ann): the format of MACCROBAT and of charthand's own fixtures.

Offsets are Unicode code points, half-open, as the format has them (https://brat.nlplab.org/standoff.html).
Only text-bound annotations (T lines) are read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, order=True)
class Span:
    """One mention: code points [start, end) of the document's text, and its type."""

    start: int
    end: int
    label: str


@dataclass
class Document:
    id: str
    text: str
    spans: list[Span]


@dataclass
class Report:
    """What reading a corpus left out or changed, to be printed beside every figure."""

    documents: int = 0
    spans: int = 0
    discontinuous: int = 0
    overlapping: int = 0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.documents} documents, {self.spans} spans kept; {self.discontinuous} discontinuous read from first to"
            f" last character, {self.overlapping} overlapping dropped, {len(self.faults)} malformed lines"
        )


class BratError(ValueError):
    """A line that is not brat, named by file and line."""


_TEXT_BOUND = re.compile(r"^(T\S+)\t(\S+) ([\d;\s]+)\t(.*)$")


def read(txt: Path, report: Report | None = None, strict: bool = False) -> Document:
    """Reads one document; the .ann stands beside the .txt.

    Spans come back flat: a discontinuous span runs from its first to its last character, and of two spans that overlap the
    one that starts first wins, then the longer one. What that drops is counted in `report`. A malformed line is a
    BratError when `strict`, else a fault in the report.
    """
    report = report if report is not None else Report()
    # newline="" keeps CR: offsets count it.
    with open(txt, encoding="utf-8", newline="") as f:
        text = f.read()
    ann = txt.with_suffix(".ann")
    found: set[Span] = set()
    with open(ann, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            if not line.startswith("T"):
                continue
            match = _TEXT_BOUND.match(line.rstrip("\n"))
            bounds = [int(n) for n in re.findall(r"\d+", match[3])] if match else []
            pieces = list(zip(bounds[::2], bounds[1::2]))
            if not pieces or len(bounds) % 2 or not all(start < end <= len(text) for start, end in pieces):
                fault = f"{ann.name}:{number}: not a text-bound annotation within the text"
                if strict:
                    raise BratError(fault)
                report.faults.append(fault)
                continue
            if len(bounds) > 2:
                report.discontinuous += 1
            found.add(Span(min(bounds), max(bounds), match[2]))
    spans = flatten(found)
    report.documents += 1
    report.spans += len(spans)
    report.overlapping += len(found) - len(spans)
    return Document(txt.stem, text, spans)


def flatten(spans: set[Span]) -> list[Span]:
    """Keeps, of spans that overlap, the one that starts first, then the longest."""
    flat: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end, s.label)):
        if not flat or span.start >= flat[-1].end:
            flat.append(span)
    return flat


def read_corpus(folder: Path, strict: bool = False) -> tuple[list[Document], Report]:
    """Reads every .txt of a folder that has an .ann, in the order of their names."""
    report = Report()
    texts = sorted(p for p in Path(folder).glob("*.txt") if p.with_suffix(".ann").exists())
    if not texts:
        raise FileNotFoundError(f"{folder}: no .txt with an .ann beside it")
    return [read(p, report, strict) for p in texts], report
