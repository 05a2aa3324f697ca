"""Precision, recall and F1. Runs on the standard library alone."""

import unittest

from charthand_training import score
from charthand_training.document import Span


class ScoreTest(unittest.TestCase):
    gold = [Span(0, 5, "A"), Span(6, 9, "A"), Span(10, 12, "B")]
    predicted = [Span(0, 5, "A"), Span(7, 9, "A"), Span(10, 12, "A")]

    def test_strict(self):
        micro = score.score([(self.gold, self.predicted)]).micro()
        self.assertEqual((micro.true_positive, micro.predicted, micro.gold), (1, 3, 3))
        self.assertAlmostEqual(micro.f1, 1 / 3)

    def test_overlap(self):
        result = score.score([(self.gold, self.predicted)], overlap=True)
        self.assertEqual(result.micro().true_positive, 2)
        self.assertEqual(result.by_label["A"].precision, 2 / 3)
        self.assertEqual(result.by_label["B"].recall, 0)

    def test_a_gold_span_is_matched_once(self):
        result = score.score([([Span(0, 9, "A")], [Span(0, 3, "A"), Span(4, 9, "A")])], overlap=True)
        self.assertEqual(result.micro().true_positive, 1)

    def test_nothing(self):
        self.assertEqual(score.score([([], [])]).micro().f1, 0)

    def test_chosen_labels(self):
        self.assertEqual(score.score([(self.gold, self.gold)]).micro(["B", "C"]).gold, 1)


if __name__ == "__main__":
    unittest.main()
