"""The project's own labels of dictated notes: kept as stand-off lines without the text, joined to it by one command.

training/labels/first.jsonl has a line for each excerpt; second.jsonl the independent second reading of some of them:

    {"note": "1286", "start": 0, "end": 1490, "sha256": "…", "test": false, "entities": [[4, 16, "Sign_symptom"], …]}

`start` and `end` are code points in the note's transcription, the offsets of entities code points in the excerpt, `sha256` is
that of the excerpt's UTF-8 text. Excerpts with `test` are never trained on.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .document import Document, Span

FOLDER = Path(__file__).parent.parent / "labels"

# The corpus was once one note a line: a comma stands where a line ended. Length and offsets stay as they are.
_LINE_END = re.compile(r"(?<=[.:;!?])(\s*),(?=\s*\S)")


class LabelError(ValueError):
    """Labels that do not fit the text, named by note."""


@dataclass(frozen=True)
class Labelled:
    document: Document
    test: bool


def restore_lines(transcription: str) -> str:
    """Gives a transcription its line ends back, character for character."""
    return _LINE_END.sub(r"\1\n", transcription)


def read_transcriptions(data: Path) -> dict[str, str]:
    with gzip.open(Path(data) / "mtsamples" / "notes.ndjson.gz", "rt", encoding="utf-8") as lines:
        return {note["note_id"]: restore_lines(note["transcription"]) for note in map(json.loads, lines)}


def join(transcriptions: dict[str, str], labels: Path) -> Iterator[Labelled]:
    """Puts labels and text together; text that is not the one that was labelled is a LabelError."""
    for number, line in enumerate(labels.read_text(encoding="utf-8").splitlines(), 1):
        entry = json.loads(line)
        place = f"{labels.name}:{number}: note {entry['note']}"
        if entry["note"] not in transcriptions:
            raise LabelError(f"{place} is not in the corpus")
        text = transcriptions[entry["note"]][entry["start"] : entry["end"]]
        if hashlib.sha256(text.encode()).hexdigest() != entry["sha256"]:
            raise LabelError(f"{place} has another text than the one that was labelled")
        spans = [Span(start, end, label) for start, end, label in entry["entities"]]
        previous = 0
        for span in spans:
            if not previous <= span.start < span.end <= len(text):
                raise LabelError(f"{place}: the span {span.start} to {span.end} is out of order or out of the text")
            previous = span.end
        yield Labelled(Document(f"{entry['note']}", text, spans), entry["test"])


def passages(text: str, words: int = 12) -> set[str]:
    """Gives every run of that many words: what two texts share when the one was made from the other. The source repeats notes."""
    split = text.lower().split()
    return {" ".join(split[i : i + words]) for i in range(len(split) - words + 1)}
