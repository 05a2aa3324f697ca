"""Runs the charthand binary: what is measured is what ships."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from . import brat
from .document import Document, Span


@dataclass(frozen=True)
class Found:
    """A mention that charthand found, with its score (0 to 1)."""

    span: Span
    score: float


def annotate(binary: Path, model: Path, documents: Iterable[Document]) -> list[list[Found]]:
    """Gives what `charthand annotate` finds in each document."""
    answers = _run(binary, ["annotate", "--model", str(model), "--ndjson", "-"], lines(documents)).rstrip("\n").split("\n")  # no other line ends: a note may hold them
    return [
        [Found(Span(e["start"], e["end"], e["label"]), e["score"]) for e in json.loads(answer)["entities"]] for answer in answers if answer
    ]


def lines(documents: Iterable[Document]) -> str:
    """Gives documents as charthand takes them with --ndjson."""
    return "".join(json.dumps({"id": d.id, "text": d.text}) + "\n" for d in documents)


def evaluate(binary: Path, model: Path, documents: Iterable[Document], kinds: dict[str, Iterable[str]] | None = None) -> dict:
    """Gives what `charthand evaluate --json` says of the documents; `kinds` are labels that count as one."""
    with tempfile.TemporaryDirectory() as folder:
        brat.write(documents, Path(folder))
        flags = [f"--kind={name}={','.join(labels)}" for name, labels in (kinds or {}).items()]
        return json.loads(_run(binary, ["evaluate", "--model", str(model), "--format", "brat", "--gold", folder, "--json", *flags]))


def _run(binary: Path, arguments: list[str], text: str = "") -> str:
    done = subprocess.run([str(binary), *arguments], input=text, capture_output=True, encoding="utf-8")
    if done.returncode != 0:
        raise RuntimeError(f"{binary.name} {arguments[0]}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout
