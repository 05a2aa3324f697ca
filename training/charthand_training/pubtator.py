"""Reads PubTator files: BC5CDR, the NCBI disease corpus.

    227508|t|Naloxone reverses the effect of clonidine.
    227508|a|In rats the decrease …
    227508	0	8	Naloxone	Chemical	D009270

Offsets are code points of title and abstract with one character between them. Relations ("227508	CID	…") are passed over.
"""

from __future__ import annotations

import re
from pathlib import Path

from .document import Document, Report, Span

_NUMBER = re.compile("[0-9]+")
_TEXT = re.compile(r"^(\S+)\|([ta])\|(.*)$")


def read_corpus(file: Path, strict: bool = False) -> tuple[list[Document], Report]:
    """Reads one file of documents."""
    report = Report(strict=strict)
    documents: list[Document] = []
    current: str | None = None
    parts: dict[str, str] = {}
    found: list[Span] = []

    def finish() -> None:
        nonlocal current, parts, found
        if current is not None:
            documents.append(report.add(current, _text(parts), found))
        current, parts, found = None, {}, []

    with open(file, encoding="utf-8-sig", newline="\n") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\r\n")
            if not line.strip():
                finish()
                continue
            head = _TEXT.match(line)
            if head:
                if current is not None and head[1] != current:
                    finish()
                current = head[1]
                parts[head[2]] = head[3]
                continue
            fields = line.split("\t")
            if current is None or fields[0] != current:
                report.fault(Path(file).name, number, "an annotation without its document")
            elif len(fields) == 4 and not _NUMBER.fullmatch(fields[1]):
                continue  # a relation
            elif len(fields) < 5 or not _NUMBER.fullmatch(fields[1]) or not _NUMBER.fullmatch(fields[2]):
                report.fault(Path(file).name, number, "not a line of PubTator")
            else:
                start, end = int(fields[1]), int(fields[2])
                if start >= end or end > len(_text(parts)) or _text(parts)[start:end] != fields[3]:
                    report.fault(Path(file).name, number, "the mention is not at that place of the text")
                else:
                    found.append(Span(start, end, fields[4]))
    finish()
    if not documents:
        raise FileNotFoundError(f"{file}: no document in it")
    return documents, report


def _text(parts: dict[str, str]) -> str:
    return parts.get("t", "") + "\n" + parts.get("a", "")
