"""CoNLL: one token a line, a blank line after each sentence. Reads IOB files as they are published, and writes and reads
charthand's own form, which keeps the place of every token, so that a document's spans survive the trip.

    -DOCSTART-	note-7
    Severe	0	6	O
    chest	7	12	B-problem
    pain	13	17	I-problem

Published IOB files have two columns (token, tag) and no places: their text is the tokens with a blank between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from . import tagging
from .document import Document, Report, Span

DOCUMENT = "-DOCSTART-"

MAX_GAP = 1 << 16  # code points of blank text between two tokens: a place beyond it is a slip

_WORD = re.compile(r"\w+|[^\w\s]")
_SENTENCE_END = re.compile(r"\n+|(?<=[.!?])\s+(?=[A-Z0-9])")


def tokens(document: Document) -> list[tuple[int, int]]:
    """Splits a text into words and signs, and also where a span begins or ends, so that every span is made of whole tokens."""
    edges = sorted({edge for s in document.spans for edge in (s.start, s.end)})
    split: list[tuple[int, int]] = []
    for match in _WORD.finditer(document.text):
        start = match.start()
        for edge in edges:
            if start < edge < match.end():
                split.append((start, edge))
                start = edge
        split.append((start, match.end()))
    return split


def sentences(document: Document) -> list[int]:
    """Gives the code points at which a new sentence begins, none of them inside a span."""
    starts = [match.end() for match in _SENTENCE_END.finditer(document.text)]
    return [at for at in starts if not any(s.start < at < s.end for s in document.spans)]


def write(documents: Iterable[Document], out: Path) -> int:
    """Writes documents in charthand's form; returns how many."""
    count = 0
    with open(out, "w", encoding="utf-8", newline="\n") as f:
        for document in documents:
            count += 1
            f.write(f"{DOCUMENT}\t{document.id}\n")
            split = tokens(document)
            tags = tagging.encode(split, [False] * len(split), document.spans)
            breaks = iter(sentences(document) + [len(document.text) + 1])
            next_break = next(breaks)
            for (start, end), tag in zip(split, tags):
                while start >= next_break:
                    f.write("\n")
                    next_break = next(breaks)
                f.write(f"{document.text[start:end]}\t{start}\t{end}\t{tag}\n")
            f.write("\n")
    return count


def read(file: Path, strict: bool = False) -> tuple[list[Document], Report]:
    """Reads either form. In charthand's own, text that no token stands for is blank: line ends are not kept."""
    report = Report(strict=strict)
    documents: list[Document] = []
    name = Path(file).stem
    for number, (document_id, rows) in enumerate(_documents(Path(file), report)):
        document_id = document_id or (name if number == 0 else f"{name}-{number}")
        text, at = [], 0
        for word, start, *_ in rows:
            text.append(" " * (start - at) + word)
            at = start + len(word)
        spans: list[Span] = []
        for _, sentence in groupby(rows, key=lambda row: row[4]):  # a mention ends with its sentence
            places = list(sentence)
            spans += tagging.decode([(start, end) for _, start, end, *_ in places], [row[3] for row in places])
        documents.append(report.add(document_id, "".join(text), spans))
    if not documents:
        raise FileNotFoundError(f"{file}: no token in it")
    return documents, report


def _documents(file: Path, report: Report) -> Iterator[tuple[str, list[tuple[str, int, int, str, int]]]]:
    """Gives each document's name and rows: token, start, end, tag, number of the sentence."""
    document_id, rows, at, sentence = "", [], 0, 0
    with open(file, encoding="utf-8-sig", newline="\n") as f:
        for number, line in enumerate(f, 1):
            fields = line.rstrip("\r\n").split("\t")
            if fields[0] == DOCUMENT:
                if rows:
                    yield document_id, rows
                document_id, rows, at = (fields[1] if len(fields) > 1 and fields[1] not in ("O", "-X-") else ""), [], 0
                continue
            if fields == [""]:
                sentence += 1
                continue
            row = _row(fields, at)
            if row is None:
                report.fault(file.name, number, "not a token with its tag")
                continue
            rows.append((*row, sentence))
            at = row[2] + 1
    if rows:
        yield document_id, rows


def _row(fields: list[str], at: int) -> tuple[str, int, int, str] | None:
    tag = fields[-1]
    if not fields[0] or not re.fullmatch(r"O|[BI]-\S+", tag):
        return None
    if len(fields) == 2:
        return fields[0], at, at + len(fields[0]), tag
    if len(fields) != 4 or not all(re.fullmatch("[0-9]+", field) for field in fields[1:3]):
        return None
    start, end = int(fields[1]), int(fields[2])
    if end - start != len(fields[0]) or not at - 1 <= start <= at + MAX_GAP:
        return None
    return fields[0], start, end, tag


def span_words(document: Document) -> list[tuple[str, str]]:
    """Gives the words and the label of every span, blanks made one: what survives whatever the line ends were."""
    return [(" ".join(document.text[s.start : s.end].split()), s.label) for s in document.spans]
