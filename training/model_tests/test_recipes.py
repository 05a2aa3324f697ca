"""Every recipe from end to end on tiny models: corpus → fine-tune → export → charthand, which answers what the model answers."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import tempfile
import unicodedata
import unittest
from pathlib import Path

import yaml
from seqeval.metrics import accuracy_score, classification_report
from seqeval.scheme import IOB2
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

from charthand_training import binary, brat, conll, corpora, report, tagging, tiny
from charthand_training.__main__ import main
from charthand_training.document import Document
from charthand_training.export import export
from charthand_training.recipe import Recipe
from charthand_training.train import train

ROOT = Path(__file__).parents[2]
CHARTHAND = ROOT / "bin" / "charthand"
RECIPES = ROOT / "training" / "recipes"

# The fixtures' types as the i2b2 challenge has them.
I2B2 = {
    "Disease_disorder": "problem",
    "Sign_symptom": "problem",
    "Medication": "treatment",
    "Therapeutic_procedure": "treatment",
    "Diagnostic_procedure": "test",
}


def fixture_documents() -> list[Document]:
    return brat.read_corpus(tiny.FIXTURES)[0]


def write_i2b2(documents: list[Document], folder: Path) -> None:
    """Writes documents in the form of the 2010 challenge: one sentence a line, tokens parted by blanks."""
    for part in ("txt", "concept"):
        (folder / part).mkdir(parents=True)
    for document in documents:
        lines: list[list[str]] = [[]]
        concepts = []
        spans = [s for s in document.spans if s.label in I2B2]
        tokens = conll.tokens(document)
        breaks = conll.sentences(document)
        for start, end in tokens:
            while breaks and start >= breaks[0]:
                breaks.pop(0)
                lines.append([])
            for span in spans:
                if span.start == start:
                    concepts.append([span, (len(lines), len(lines[-1])), None, []])
                if span.start <= start < span.end:
                    concepts[-1][2] = (len(lines), len(lines[-1]))
                    concepts[-1][3].append(document.text[start:end])
            lines[-1].append(document.text[start:end])
        (folder / "txt" / f"{document.id}.txt").write_text("\n".join(" ".join(line) for line in lines) + "\n", encoding="utf-8")
        (folder / "concept" / f"{document.id}.con").write_text(
            "".join(
                f'c="{" ".join(words).lower()}" {first[0]}:{first[1]} {last[0]}:{last[1]}||t="{I2B2[span.label]}"\n'
                for span, first, last, words in concepts
            ),
            encoding="utf-8",
        )


class RecipeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.data = cls.folder / "data"
        write_i2b2(fixture_documents(), cls.data / "i2b2-2010")
        brat.write(fixture_documents(), cls.data / "maccrobat")

    def end_to_end(self, name: str, architecture: str, corpus: str) -> None:
        """Runs a recipe on a tiny base model: charthand answers as the fine-tuned model does, and its figures are seqeval's."""
        recipe = dataclasses.replace(Recipe.read(RECIPES / f"{name}.yaml"), epochs=40.0, learning_rate=5e-3)
        trained, exported = self.folder / name / "trained", self.folder / name / "model"
        train(recipe, self.data, trained, base=str(tiny.encoder(architecture, self.folder / f"tiny-{architecture}")))
        export(trained, exported, quantise=recipe.quantise)
        self.assert_same_answers(trained, exported)
        self.assert_report(recipe, exported, corpus)
        self.assert_seqeval(exported, corpora.read(recipe.corpora[0], self.data))

    def assert_same_answers(self, trained: Path, exported: Path) -> None:
        model, tokenizer = AutoModelForTokenClassification.from_pretrained(trained), AutoTokenizer.from_pretrained(trained)
        ask = pipeline("token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="simple")
        window = json.loads((exported / "charthand.json").read_text(encoding="utf-8"))["window"]["tokens"]
        found = 0
        documents = [
            Document(f"{d.id}-{i}", line, [])
            for d in fixture_documents()
            for i, line in enumerate(d.text.splitlines())
            if line.strip() and len(tokenizer(line)["input_ids"]) - 2 <= window  # longer ones are read in several windows
        ]
        for document, ours in zip(documents, binary.annotate(CHARTHAND, exported, documents), strict=True):
            theirs = []  # a character that is several tokens may be the same mention several times
            last = 0
            for e in ask(document.text):
                words = document.text[e["start"] : e["end"]]
                start = e["start"] + len(words) - len(words.lstrip())
                end = start + len(words.strip())
                if start >= end or not e["word"]:  # no word: the marker of a word's beginning alone, which stands for no text
                    continue
                while end < len(document.text) and unicodedata.category(document.text[end]).startswith("M"):
                    end += 1  # charthand leaves no accent of the last letter out
                if max(start, last) < end:
                    theirs.append((max(start, last), end, e["entity_group"]))
                    last = end
            self.assertEqual([(f.span.start, f.span.end, f.span.label) for f in ours], theirs, document.text)
            found += len(ours)
        self.assertGreater(found, 20, "the model has learned nothing: there was little to compare")

    def test_n2c2_bert(self):
        self.end_to_end("n2c2-bert", "bert", "i2b2-2010")

    def test_n2c2_albert(self):
        self.end_to_end("n2c2-albert", "albert", "i2b2-2010")

    def test_biomed_ner(self):
        self.end_to_end("biomed-ner", "deberta-v2", "maccrobat")

    def assert_report(self, recipe: Recipe, exported: Path, corpus: str) -> None:
        out = self.folder / recipe.name / "report"
        written = report.write(recipe, self.data, exported, CHARTHAND, out)
        self.assertEqual(json.loads((out / "report.json").read_text(encoding="utf-8")), written)
        measured = written["corpora"][corpus]
        self.assertEqual(measured["corpus"]["documents"], len(report.held_back(recipe, self.data, exported)[corpus]))
        self.assertIn(f"| all, micro | {measured['micro']['gold']} |", (out / "report.md").read_text(encoding="utf-8"))
        for picture in ("learning-curve.png", f"confusion-{corpus}.png"):
            self.assertTrue((out / picture).read_bytes().startswith(b"\x89PNG"), picture)
        side_by_side = report.compare([written])
        self.assertEqual(side_by_side.count("\n"), 3)
        for name, figure in recipe.published.items():
            self.assertIn(f"{name} {figure}", side_by_side)

    def assert_seqeval(self, exported: Path, documents: list[Document]) -> None:
        """charthand's figures are seqeval's on the same predictions, token by token."""
        gold, predicted = [], []
        for document, found in zip(documents, binary.annotate(CHARTHAND, exported, documents), strict=True):
            spans = [f.span for f in found]
            # Split where a mention of either begins or ends, so that both taggings are exact.
            tokens = conll.tokens(Document(document.id, document.text, document.spans + spans))
            gold.append(tagging.encode(tokens, [False] * len(tokens), document.spans))
            predicted.append(tagging.encode(tokens, [False] * len(tokens), spans))
        ours = binary.evaluate(CHARTHAND, exported, documents)
        theirs = classification_report(gold, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
        rows = {"micro avg": ours["micro"], "macro avg": ours["macro"]} | {line["label"]: line for line in ours["types"]}
        self.assertGreater(ours["micro"]["strict"]["f1"], 0)
        for name, row in rows.items():
            for figure, other in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
                self.assertAlmostEqual(row["strict"][figure], theirs[name][other], places=9, msg=f"{name} {figure}")
            self.assertEqual(row["gold"], theirs[name]["support"], name)
        self.assertAlmostEqual(ours["tokens"]["accuracy"], accuracy_score(gold, predicted), places=9)

    def test_default(self):
        """The embedded model's recipe with its warm-up, folds and calibration, from the command line."""
        recipe = json.loads(json.dumps(dataclasses.asdict(Recipe.read(RECIPES / "default.yaml"))))
        notes = self.data / "notes"
        notes.mkdir()
        (notes / "notes.ndjson").write_text(
            "".join(json.dumps({"id": str(i), "note": text}) + "\n" for i, text in enumerate(tiny.texts())), encoding="utf-8"
        )
        recipe["base_model"] = str(tiny.encoder("bert", self.folder / "tiny-default"))
        recipe["warm_up"] |= {"notes": ["notes"], "corpora": [{"path": "i2b2-2010", "format": "i2b2"}], "epochs": 1.0}
        brat.write(
            (dataclasses.replace(d, spans=[s for s in d.spans if s.label in I2B2]) for d in fixture_documents()), self.data / "some-types"
        )
        recipe["corpora"] = [
            {"path": "maccrobat", "folds": str(self.folder / "folds.json")},
            {"path": "some-types", "partial": True, "uncounted": ["Sign_symptom"]},
        ]
        recipe |= {"epochs": 20.0, "learning_rate": 5e-3, "published": {}}
        names = sorted(d.id for d in fixture_documents())
        (self.folder / "folds.json").write_text(json.dumps([names[::2], names[1::2]]), encoding="utf-8")
        (self.folder / "default.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")

        def command(name: str, *more: str) -> None:
            self.assertEqual(main([name, str(self.folder / "default.yaml"), "--data", str(self.data), *more]), 0, name)

        folds, out = str(self.folder / "folds"), self.folder / "calibrated"
        command("folds", "--out", folds, "--charthand", str(CHARTHAND))
        summary = json.loads((self.folder / "folds" / "summary.json").read_text(encoding="utf-8"))
        self.assertEqual(sorted(summary["folds"]), ["0", "1"])
        command("calibrate", "--folds", folds, "--out", str(out))
        command("train", "--out", str(self.folder / "whole"))
        exported = self.folder / "whole-model"
        arguments = ["export", str(self.folder / "whole"), "--out", str(exported), "--calibration", str(out / "calibration.json")]
        self.assertEqual(main(arguments), 0)
        settings = json.loads((exported / "charthand.json").read_text(encoding="utf-8"))
        self.assertEqual(settings["score"], json.loads((out / "calibration.json").read_text(encoding="utf-8"))["score"])
        self.assert_same_answers(self.folder / "whole", self.plain(self.folder / "whole"))
        text = tiny.texts()[0]
        answer = subprocess.run(
            [str(CHARTHAND), "annotate", "--model", str(exported), "-"], input=text, capture_output=True, encoding="utf-8", check=True
        )
        self.assertTrue(json.loads(answer.stdout)["entities"])

    def plain(self, trained: Path) -> Path:
        """Exports a model as the pipeline runs it: weights in float32, token by token."""
        folder, exported = self.folder / "plain", self.folder / "plain-model"
        shutil.copytree(trained, folder)
        settings = json.loads((folder / "charthand.json").read_text(encoding="utf-8")) | {"decode": {"viterbi": False}}
        (folder / "charthand.json").write_text(json.dumps(settings), encoding="utf-8")
        self.assertEqual(main(["export", str(folder), "--out", str(exported), "--fp32"]), 0)
        return exported


if __name__ == "__main__":
    unittest.main()
