"""What Hugging Face's token-classification pipeline answers, recorded with tiny models beside it: charthand's tests ask the same
models the same texts, for every architecture and every aggregation."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForTokenClassification, AutoTokenizer, PreTrainedTokenizerFast, pipeline

from . import tiny
from .export import load, trace
from .export import write as write_folder

EXPECTED = "expected.json"
AGGREGATIONS = ("none", "simple", "first", "average", "max")
LABELS = ("O", "B-Sign_symptom", "I-Sign_symptom", "B-Medication", "I-Medication", "Severity")

# Where offsets and words go wrong. All invented.
TEXTS = (
    "Admitted with severe chest pain. Started on ceftriaxone 2 g IV every 24 hours.",
    "Ménière’s disease – 37 °C, naïve café, coöperative.",
    "e\u0301tude of Me\u0301nie\u0300re, o\u0308dema and Å\u0327",
    "患者は胸痛を訴えた。환자는 통증 রোগীর ব্যথা",
    "Pain 🙂 better 👩‍⚕️ today 🇳🇴.",
    "BP\t120/80\tmmHg\r\nPulse:  72 \r\n\r\n  Plan:\tamlodipine   besylate 5 mg",
    "hydroxychloroquinesulfatehydroxychloroquinesulfatehydroxychloroquinesulfate" * 3 + " twice",
    "a\x00b chest\x00pain \x01 after",
    "Don't stop; she can't, it 's the patient 's . “Quoted” 'text' !",
    "[SEP] and [PAD] <s> </s> typed by hand [MASK]",
    "½ tablet ﬁbrosis Ⅳ ① ™ x² …",
    "\u00a0no\u00a0break\u200bzero\u200dwidth\ufeffmark",
    "MIXED Case OF Drugs: METOPROLOL, metoprolol, Metoprolol",
    "12.5mg/5mL q.i.d. p.r.n. (see below) -- ok",
    "x",
    "   ",
    "",
)


# The notes whose beginnings are asked about too: named, so that a new note does not change what was recorded.
NOTES = ("cervical-cancer", "consult-neurology-umlaut", "discharge-heart-failure", "emergency-chest-pain")


def texts() -> list[str]:
    """The texts above, and beginnings of the project's notes."""
    return [*TEXTS, *((tiny.FIXTURES / f"{name}.txt").read_text(encoding="utf-8")[:300] for name in NOTES)]


def write(out: Path) -> None:
    """Makes a tiny classifier of each architecture with the answers of the pipeline beside it."""
    for architecture in tiny.ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            make(architecture, tiny.tokenizer(architecture, vocabulary=400), Path(folder))
            shutil.rmtree(out / architecture, ignore_errors=True)
            export_plain(Path(folder), out / architecture)
            record(Path(folder), out / architecture / EXPECTED)


def export_plain(model_folder: Path, out: Path) -> None:
    """Exports with all the inputs that a model has, as others do: what charthand's own exports leave out has to work too."""
    model = load(model_folder)
    names = ["input_ids", "attention_mask"]
    if getattr(model.config, "type_vocab_size", 0) > 0:
        names.append("token_type_ids")
    with tempfile.TemporaryDirectory() as scratch:
        graph = Path(scratch) / "model.onnx"
        trace(model, names, graph)
        write_folder(graph, model_folder, out)


def record(model: Path, out: Path) -> None:
    """Writes what the pipeline answers with a model, for `charthand model check`: one line a text."""
    lines = ",\n".join(json.dumps(answer) for answer in ask(model))
    out.write_text(f'{{"transformers": {json.dumps(transformers.__version__)}, "texts": [\n{lines}\n]}}\n', encoding="utf-8")


def check(out: Path) -> list[str]:
    """Asks the pipeline anew; gives what it answers otherwise than recorded, by architecture and text."""
    faults = []
    for architecture in tiny.ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            # The recorded tokenizer: training one breaks ties as it likes.
            make(architecture, AutoTokenizer.from_pretrained(out / architecture), Path(folder))
            answers = ask(Path(folder))
        recorded = json.loads((out / architecture / EXPECTED).read_text(encoding="utf-8"))["texts"]
        if [r["text"] for r in recorded] != [a["text"] for a in answers]:
            faults.append(f"{architecture}: other texts")
            continue
        for number, (old, new) in enumerate(zip(recorded, answers, strict=True)):
            faults += [f"{architecture}: text {number}, {name}" for name in AGGREGATIONS if not _same(old[name], new[name])]
    return faults


def _same(old: list[dict], new: list[dict]) -> bool:
    without = [[{k: v for k, v in e.items() if k != "score"} for e in answer] for answer in (old, new)]
    return without[0] == without[1] and all(abs(a["score"] - b["score"]) <= 1e-4 for a, b in zip(old, new, strict=True))


def make(architecture: str, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Writes a tiny classifier with random weights, always the same ones."""
    torch.manual_seed(12)
    config = tiny.config(architecture, tokenizer, hidden=32, layers=1)
    config.id2label, config.label2id = dict(enumerate(LABELS)), {label: i for i, label in enumerate(LABELS)}
    config.initializer_range = 0.5  # the answers are far apart, unlike those of random weights of the usual size
    AutoModelForTokenClassification.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def ask(folder: Path) -> list[dict]:
    """Gives every text with the pipeline's answers, by aggregation."""
    model, tokenizer = AutoModelForTokenClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    run = pipeline("token-classification", model=model, tokenizer=tokenizer)
    answers = []
    for text in texts():
        answer = {"text": text}
        for aggregation in AGGREGATIONS:
            answer[aggregation] = [
                {k: round(float(v), 6) if k == "score" else v for k, v in e.items()} for e in run(text, aggregation_strategy=aggregation)
            ]
        answers.append(answer)
    return answers
