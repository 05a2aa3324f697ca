"""The parts of training: windows, the loss that leaves unlabelled types alone, masking, calibration, confusions, recipes."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch

from charthand_training import calibrate, corpora, crossvalidate, plots, tagging, tiny
from charthand_training.binary import Found
from charthand_training.document import Document, Span
from charthand_training.recipe import Corpus, Recipe
from charthand_training.trainer import PartialTrainer
from charthand_training.warmup import Collator, Encoder
from charthand_training.windows import IGNORED, Windows, continuations

RECIPES = Path(__file__).parents[1] / "recipes"


class WindowsTest(unittest.TestCase):
    def setUp(self):
        self.tokenizer = tiny.tokenizer("bert")
        self.documents = [(d, Corpus("fixtures")) for d in corpora.brat.read_corpus(tiny.FIXTURES)[0]]
        labels = sorted({s.label for d, _ in self.documents for s in d.spans})
        self.ids = {tag: i for i, tag in enumerate(tagging.tag_set(labels))}

    def test_windows_hold_the_text_once(self):
        windows = Windows(self.documents, self.tokenizer, self.ids, 40)
        for i, (document, _) in enumerate(self.documents):
            whole = self.tokenizer.backend_tokenizer.encode(document.text, add_special_tokens=False).ids
            read = [t for (text, *_), item in zip(windows.places, windows.items) if text == i for t in item["input_ids"][1:-1]]
            self.assertEqual(read, whole)
        for item in windows.items:
            self.assertLessEqual(len(item["input_ids"]), 42)
            self.assertEqual((item["labels"][0], item["labels"][-1]), (IGNORED, IGNORED))

    def test_no_window_begins_inside_a_mention(self):
        inside = {i for tag, i in self.ids.items() if tag.startswith("I-")}
        for shift in (0, 16):
            windows = Windows(self.documents, self.tokenizer, self.ids, 40, shift, seed=5)
            for _ in range(3):
                for i in range(len(windows)):
                    item = windows[i]
                    self.assertNotIn(item["labels"][1], inside)
                    self.assertEqual(len(item["labels"]), len(item["input_ids"]))
                    self.assertLessEqual(len(item["input_ids"]), 42)

    def test_types_that_a_corpus_means_otherwise_are_not_counted(self):
        documents = [(d, Corpus("fixtures", uncounted=["Medication"])) for d, _ in self.documents]
        counted, not_all = (
            [t for item in Windows(given, self.tokenizer, self.ids, 40).items for t in item["labels"][1:-1]]
            for given in (self.documents, documents)
        )
        drugs = [self.ids["B-Medication"], self.ids["I-Medication"]]
        self.assertIn(drugs[0], counted)
        self.assertEqual(not_all, [IGNORED if tag in drugs else tag for tag in counted])

    def test_shifted_windows_are_the_seeds(self):
        first, again, other = (Windows(self.documents, self.tokenizer, self.ids, 40, 16, seed) for seed in (5, 5, 6))
        read = [[w[i]["input_ids"] for i in range(len(w))] for w in (first, again, other)]
        self.assertEqual(read[0], read[1])
        self.assertNotEqual(read[0], read[2])


class ContinuationsTest(unittest.TestCase):
    def test_a_sign_is_no_part_of_the_word_before_it(self):
        text = "Left-sided pain, fever. Tromsø 5mg"
        words = ["Left", "-", "sided", "pain", ",", "fever", ".", "Tromsø", "5mg"]
        for architecture in tiny.ARCHITECTURES:
            tokenizer = tiny.tokenizer(architecture)
            encoding = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
            pieces: list[list[int]] = []
            for (start, end), goes_on in zip(encoding.offsets, continuations(tokenizer, text, encoding)):
                if goes_on:
                    pieces[-1][1] = end
                elif text[start:end].strip():
                    pieces.append([start, end])
            self.assertEqual([text[a:b].strip() for a, b in pieces if text[a:b] != text[a : a + 1] or text[a] != " "], words, architecture)

    def test_mentions_survive_the_tags(self):
        text = "Severe pain, fever."
        gold = [Span(7, 11, "Sign"), Span(13, 18, "Sign")]
        for architecture in tiny.ARCHITECTURES:
            tokenizer = tiny.tokenizer(architecture)
            encoding = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
            goes_on = continuations(tokenizer, text, encoding)
            spans = tagging.decode(encoding.offsets, tagging.encode(encoding.offsets, goes_on, gold))
            self.assertEqual([text[s.start : s.end].strip() for s in spans], ["pain", "fever"], architecture)


class LossTest(unittest.TestCase):
    def loss(self, partial: bool, gold: int, logits: list[float], hidden: list[int]) -> float:
        trainer = PartialTrainer.__new__(PartialTrainer)
        trainer.hidden = hidden
        outputs = type("Outputs", (), {"logits": torch.tensor([[logits]])})()
        return float(trainer.compute_loss(lambda **_: outputs, {"partial": torch.tensor([partial]), "labels": torch.tensor([[gold]])}))

    def test_unlabelled_types_are_not_taught_as_outside(self):
        # Columns: O, a labelled type, an unlabelled one that the model is sure of.
        logits, hidden = [0.0, 0.0, 9.0], [0, 2]
        self.assertGreater(self.loss(False, 0, logits, hidden), 5)
        self.assertLess(self.loss(True, 0, logits, hidden), 0.01)
        self.assertGreater(self.loss(True, 1, logits, hidden), 5)

    def test_whole_documents_have_the_usual_loss(self):
        logits = torch.tensor([0.3, -1.0, 2.0])
        for gold in range(3):
            want = torch.nn.functional.cross_entropy(logits, torch.tensor(gold))
            self.assertAlmostEqual(self.loss(False, gold, logits.tolist(), [0]), float(want), places=5)


class WarmUpTest(unittest.TestCase):
    def test_notes_are_masked_and_corpora_are_not(self):
        tokenizer = tiny.tokenizer("bert")
        ids = [tokenizer.cls_token_id, *range(20, 120), tokenizer.sep_token_id]
        item = {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": [IGNORED] + [0] * 100 + [IGNORED]}
        batch = Collator(tokenizer, 3)([item | {"corpus": -1}] * 8 + [item | {"corpus": 1}] * 8)
        masked = batch["words"] != -100
        self.assertTrue(masked[:8].any() and not masked[8:].any())
        self.assertTrue(0.08 < float(masked[:8, 1:-1].float().mean()) < 0.22)
        self.assertFalse(masked[:, 0].any() or masked[:, -1].any())
        self.assertTrue(torch.equal(batch["input_ids"][8:], torch.tensor([ids] * 8)))
        self.assertTrue(bool((batch["tags"][:8] == -100).all()) and bool((batch["tags"][8:, 1:-1] == 0).all()))

    def test_a_corpus_is_taught_its_own_columns_alone(self):
        from transformers import AutoModel

        with tempfile.TemporaryDirectory() as folder:
            model = Encoder(AutoModel.from_pretrained(tiny.encoder("bert", Path(folder))), [3, 5])
        ids = torch.tensor([[2, 30, 31, 3]])
        nothing = torch.full_like(ids, -100)
        loss = model(ids, torch.ones_like(ids), nothing, torch.tensor([[-100, 4, 7, -100]]), torch.tensor([1]))["loss"]
        loss.backward()
        moved = model.tagger.weight.grad.abs().sum(1)
        self.assertTrue(bool((moved[:3] == 0).all()) and bool((moved[3:] > 0).all()))


class CalibrationTest(unittest.TestCase):
    def sample(self) -> calibrate.Sample:
        """Scores that are too sure: of those of type A, a score s is right with a probability of s - 0.25; type B is never right."""
        random = np.random.default_rng(1)
        score = random.uniform(0.5, 1, 4000)
        right = (random.uniform(size=4000) < score - 0.25).astype(float)
        label = np.where(np.arange(4000) % 2 == 0, "A", "B")
        right[label == "B"] = 0
        return calibrate.Sample(label, score, right, np.ones(4000), np.arange(4000) % 5)

    def test_calibration(self):
        settings = calibrate.calibrate(self.sample(), 0.6)
        self.assertGreater(settings["expected_error"]["before"], 0.3)
        self.assertLess(settings["expected_error"]["after"], 0.05)
        self.assertTrue(settings["types"]["A"]["reached"])
        self.assertGreaterEqual(settings["types"]["A"]["precision"], 0.6)
        self.assertFalse(settings["types"]["B"]["reached"])
        self.assertEqual(settings["score"]["minimum"]["B"], calibrate.FALLBACK)

    def test_minimum_is_the_lowest_that_keeps_the_precision(self):
        score = np.linspace(0.99, 0.01, 99)
        right = (score > 0.5).astype(float)
        least = calibrate.minimum(score, right, np.ones(99), 0.8)
        kept = score >= least
        self.assertGreaterEqual(right[kept].mean(), 0.8)
        self.assertLess(right[score >= least - 0.02].mean(), 0.8)
        self.assertIsNone(calibrate.minimum(score, np.zeros(99), np.ones(99), 0.8))

    def test_types_that_a_corpus_does_not_mark_are_left_out(self):
        document = Document("d", "pain aspirin", [Span(0, 4, "Sign")])
        found = [Found(Span(0, 4, "Sign"), 0.9), Found(Span(5, 12, "Drug"), 0.8)]
        sample = calibrate.gather({0: {"c": [(document, found)]}})
        self.assertEqual((list(sample.label), list(sample.right)), (["Sign"], [1.0]))


class PositionsTest(unittest.TestCase):
    def test_a_mention_counts_where_it_begins(self):
        first, late = Span(10, 15, "A"), Span(2300, 2310, "A")
        rows = crossvalidate.by_position([([first, late], [first]), ([late], [late, Span(2250, 2255, "A")])])
        self.assertEqual(rows, [{"from": 0, "gold": 1, "strict": 1.0}, {"from": 2200, "gold": 2, "strict": 0.5}])


class ConfusionTest(unittest.TestCase):
    def test_confusions(self):
        gold = [Span(0, 5, "A"), Span(6, 9, "B"), Span(20, 25, "A")]
        found = [Span(0, 3, "A"), Span(6, 9, "A"), Span(30, 33, "B")]
        counts = plots.confusions([(gold, found)])
        self.assertEqual(counts, {("A", "A"): 1, ("B", "A"): 1, ("A", plots.NONE): 1, (plots.NONE, "B"): 1})


class RecipeTest(unittest.TestCase):
    def test_all_recipes_are_read(self):
        names = {Recipe.read(path).name for path in RECIPES.glob("*.yaml")}
        self.assertEqual(names, {"charthand-default", "baseline", "biomed-ner", "n2c2-bert", "n2c2-albert", "from-scratch"})

    def test_faults_are_named(self):
        good = {"name": "n", "version": "1", "base_model": "b", "corpora": [{"path": "c"}]}
        for name, change, want in (
            ("unknown key", {"learning_rat": 1}, "learning_rat"),
            ("unknown key below", {"corpora": [{"path": "c", "formt": "brat"}]}, r"corpora\[0\].*formt"),
            ("unknown format", {"corpora": [{"path": "c", "format": "bart"}]}, r"corpora\[0\]: format.*brat.*bart"),
            ("wrong type", {"epochs": "many"}, "epochs.*float"),
            ("not a list", {"corpora": {}}, "corpora.*list"),
            ("missing key", {"corpora": [{}]}, r"corpora\[0\].*path"),
        ):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "r.yaml"
                path.write_text(json.dumps(good | change), encoding="utf-8")
                with self.assertRaisesRegex(ValueError, want):
                    Recipe.read(path)

    def test_folds_share_no_document(self):
        folds = corpora.read_folds("maccrobat.json")
        self.assertEqual([len(f) for f in folds], [32] * 5)
        self.assertEqual(len({name for fold in folds for name in fold}), 160)


if __name__ == "__main__":
    unittest.main()
