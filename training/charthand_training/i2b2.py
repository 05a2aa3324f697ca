"""Reads the files of the i2b2/VA 2010 challenge: concepts (.con), their assertions (.ast), relations between them (.rel).

The text (.txt) has one sentence a line, its tokens parted by blanks. A place is LINE:TOKEN, lines counted from 1 and tokens
from 0; a concept runs from its first token through its last (Uzuner et al., JAMIA 2011):

    c="chest pain" 12:3 12:4||t="problem"
    c="chest pain" 12:3 12:4||t="problem"||a="absent"
    c="aspirin" 12:1 12:1||r="TrAP"||c="chest pain" 12:3 12:4

The text of the corpus is restricted: none of it is in this repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .document import CorpusError, Document, Report, Span

CONCEPTS = ("problem", "treatment", "test")
ASSERTIONS = ("present", "absent", "possible", "conditional", "hypothetical", "associated_with_someone_else")

_CONCEPT = r'c="(.*?)" (\d+):(\d+) (\d+):(\d+)'
_CON = re.compile(rf'^{_CONCEPT}\|\|t="([^"]+)"$')
_AST = re.compile(rf'^{_CONCEPT}\|\|t="([^"]+)"\|\|a="([^"]+)"$')
_REL = re.compile(rf'^{_CONCEPT}\|\|r="([^"]+)"\|\|{_CONCEPT}$')


@dataclass(frozen=True)
class Assertion:
    """What the note says of a concept."""

    span: Span
    value: str  # one of ASSERTIONS


@dataclass(frozen=True)
class Relation:
    """A relation between two concepts, as places in the text: (start, end) in code points."""

    kind: str  # "TrAP", "TeRP", "PIP", …
    first: tuple[int, int]
    second: tuple[int, int]


class Places:
    """Turns places of a text into code points."""

    def __init__(self, text: str):
        self.text = text
        self.lines: list[list[tuple[int, int]]] = []
        at = 0
        for line in text.split("\n"):
            self.lines.append([(at + m.start(), at + m.end()) for m in re.finditer(r"\S+", line)])
            at += len(line) + 1

    def span(self, words: str, line: str, token: str, last_line: str, last_token: str) -> tuple[int, int] | None:
        """Gives the code points of a concept, or None where no such tokens are or they are not its words."""
        try:
            start = self.lines[int(line) - 1][int(token)][0]
            end = self.lines[int(last_line) - 1][int(last_token)][1]
        except IndexError:
            return None
        if int(line) < 1 or int(last_line) < 1 or start >= end or self.text[start:end].lower().split() != words.lower().split():
            return None
        return start, end


def read(txt: Path, con: Path, report: Report | None = None) -> Document:
    """Reads a text and its concepts."""
    report = report if report is not None else Report()
    text = _read_text(txt)
    places = Places(text)
    found: list[Span] = []
    for number, match in _lines(con, _CON, report):
        where = places.span(*match.groups()[:5])
        if where is None:
            report.fault(con.name, number, "the words are not at that place of the text")
        elif match[6] not in CONCEPTS:
            report.fault(con.name, number, "not a concept type of i2b2 2010")
        else:
            found.append(Span(*where, match[6]))
    return report.add(txt.stem, text, found)


def read_assertions(txt: Path, ast: Path, report: Report | None = None) -> list[Assertion]:
    """Reads the assertions of a text's problems."""
    report = report if report is not None else Report()
    places = Places(_read_text(txt))
    assertions = []
    for number, match in _lines(ast, _AST, report):
        where = places.span(*match.groups()[:5])
        if where is None:
            report.fault(ast.name, number, "the words are not at that place of the text")
        elif match[7] not in ASSERTIONS:
            report.fault(ast.name, number, "not an assertion of i2b2 2010")
        else:
            assertions.append(Assertion(Span(*where, match[6]), match[7]))
    return assertions


def read_relations(txt: Path, rel: Path, report: Report | None = None) -> list[Relation]:
    """Reads the relations between a text's concepts."""
    report = report if report is not None else Report()
    places = Places(_read_text(txt))
    relations = []
    for number, match in _lines(rel, _REL, report):
        first, second = places.span(*match.groups()[:5]), places.span(*match.groups()[6:])
        if first is None or second is None:
            report.fault(rel.name, number, "the words are not at that place of the text")
        else:
            relations.append(Relation(match[6], first, second))
    return relations


def read_corpus(folder: Path, strict: bool = False) -> tuple[list[Document], Report]:
    """Reads every NAME.txt below a folder that has a NAME.con somewhere below it: the parts of the challenge lay them out differently."""
    report = Report(strict=strict)
    texts, concepts = _below(Path(folder), ".txt"), _below(Path(folder), ".con")
    names = sorted(texts.keys() & concepts.keys())
    if not names:
        raise FileNotFoundError(f"{folder}: no .txt with a .con")
    return [read(texts[name], concepts[name], report) for name in names], report


def read_statements(folder: Path, report: Report) -> Iterator[dict]:
    """Gives what the .ast and .rel files below a folder say, document by document; places are [start, end) in code points:

    {"document": "record-1", "span": [38, 48], "label": "problem", "assertion": "absent"}
    {"document": "record-1", "first": [60, 67], "relation": "TrAP", "second": [78, 82]}
    """
    texts, assertions, relations = (_below(Path(folder), ending) for ending in (".txt", ".ast", ".rel"))
    for name in sorted(texts):
        if name in assertions:
            for a in read_assertions(texts[name], assertions[name], report):
                yield {"document": name, "span": [a.span.start, a.span.end], "label": a.span.label, "assertion": a.value}
        if name in relations:
            for r in read_relations(texts[name], relations[name], report):
                yield {"document": name, "first": list(r.first), "relation": r.kind, "second": list(r.second)}


def _below(folder: Path, ending: str) -> dict[str, Path]:
    """Finds the files of an ending below a folder, by their names without it; two of one name are an error."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob(f"*{ending}")):
        if path.stem in found:
            raise CorpusError(f"{found[path.stem]} and {path} have the same name: which concepts belong to which text cannot be told")
        found[path.stem] = path
    return found


def _read_text(txt: Path) -> str:
    with open(txt, encoding="utf-8", newline="") as f:
        return f.read()


def _lines(path: Path, pattern: re.Pattern[str], report: Report):
    """Gives the number and the match of every line that is not blank; those that do not match are faults."""
    with open(path, encoding="utf-8-sig", newline="\n") as f:
        for number, line in enumerate(f, 1):
            if not line.strip():
                continue
            match = pattern.match(line.rstrip("\r\n"))
            if match:
                yield number, match
            else:
                report.fault(path.name, number, "not a line of i2b2 2010")
