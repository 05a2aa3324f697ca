"""What every corpus becomes, whatever its format: documents with labelled spans."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


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
    spans: list[Span]  # flat, in the order of the text


class CorpusError(ValueError):
    """A line that is not in its format, named by file and line."""


@dataclass
class Report:
    """What reading a corpus left out or changed, to be printed beside every figure."""

    documents: int = 0
    spans: int = 0
    discontinuous: int = 0
    overlapping: int = 0
    trimmed: int = 0
    faults: list[str] = field(default_factory=list)
    strict: bool = False  # a malformed line stops the reading instead of being counted

    def fault(self, file: str, line: int, what: str) -> None:
        """Counts a malformed line, or raises it where the reading is strict."""
        fault = f"{file}:{line}: {what}"
        if self.strict:
            raise CorpusError(fault)
        self.faults.append(fault)

    def add(self, document_id: str, text: str, spans: Iterable[Span]) -> Document:
        """Makes a document of the spans as they were found, and counts it.

        Blanks at the ends of a span are left out of it. Spans come out flat: of two that overlap the one that starts first stays, then the longer one.
        """
        spans = list(spans)
        found = {trimmed for trimmed in (trim(text, span) for span in spans) if trimmed.start < trimmed.end}
        self.trimmed += sum(trim(text, span) != span for span in spans)
        flat = flatten(found)
        self.documents += 1
        self.spans += len(flat)
        self.overlapping += len(found) - len(flat)
        return Document(document_id, text, flat)

    def __str__(self) -> str:
        return (
            f"{self.documents} documents, {self.spans} spans kept; {self.discontinuous} discontinuous read from first to"
            f" last character, {self.trimmed} with blanks at their ends trimmed, {self.overlapping} overlapping dropped,"
            f" {len(self.faults)} malformed lines"
        )


def trim(text: str, span: Span) -> Span:
    """Leaves blanks at the ends out of a span."""
    words = text[span.start : span.end]
    start = span.start + len(words) - len(words.lstrip())
    return Span(start, max(start, span.end - len(words) + len(words.rstrip())), span.label)


def flatten(spans: Iterable[Span]) -> list[Span]:
    """Keeps, of spans that overlap, the one that starts first, then the longest."""
    flat: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end, s.label)):
        if not flat or span.start >= flat[-1].end:
            flat.append(span)
    return flat
