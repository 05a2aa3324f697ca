"""Spans to tags and back. Runs on the standard library alone."""

import random
import unittest

from charthand_training import tagging
from charthand_training.document import Span


class EncodeTest(unittest.TestCase):
    def test_pieces_follow_their_word(self):
        # "metformin daily" with metformin in three pieces
        offsets = [(0, 3), (3, 6), (6, 9), (10, 15)]
        tags = tagging.encode(offsets, [False, True, True, False], [Span(0, 9, "Drug")])
        self.assertEqual(tags, ["B-Drug", "I-Drug", "I-Drug", "O"])

    def test_a_word_belongs_to_the_first_span_that_touches_it(self):
        # one word "hypertension" of which only the later part is marked
        tags = tagging.encode([(0, 5), (5, 12)], [False, True], [Span(5, 12, "Sign")])
        self.assertEqual(tags, ["B-Sign", "I-Sign"])

    def test_spans_side_by_side(self):
        tags = tagging.encode([(0, 4), (5, 9)], [False, False], [Span(0, 4, "Sign"), Span(5, 9, "Sign")])
        self.assertEqual(tags, ["B-Sign", "B-Sign"])

    def test_tag_set(self):
        self.assertEqual(tagging.tag_set(["A", "B"]), ["O", "B-A", "I-A", "B-B", "I-B"])

    def test_round_trip(self):
        """Spans that begin and end with words come back as they were."""
        chance = random.Random(5)
        for _ in range(300):
            offsets, continues, starts, at = [], [], [], 0
            for _ in range(chance.randint(1, 30)):
                starts.append(len(offsets))
                for piece in range(chance.randint(1, 3)):
                    length = chance.randint(1, 4)
                    offsets.append((at, at + length))
                    continues.append(piece > 0)
                    at += length
                at += 1
            starts.append(len(offsets))
            spans, word = [], 0
            while word < len(starts) - 1:
                words = chance.randint(1, 3)
                if chance.random() < 0.4 and word + words < len(starts):
                    spans.append(Span(offsets[starts[word]][0], offsets[starts[word + words] - 1][1], chance.choice("AB")))
                word += words
            self.assertEqual(tagging.decode(offsets, tagging.encode(offsets, continues, spans)), spans)


class DecodeTest(unittest.TestCase):
    def test_inside_without_a_begin_opens_a_mention(self):
        tags = ["I-A", "I-A", "O", "I-B", "I-A"]
        offsets = [(i, i + 1) for i in range(5)]
        self.assertEqual(tagging.decode(offsets, tags), [Span(0, 2, "A"), Span(3, 4, "B"), Span(4, 5, "A")])


if __name__ == "__main__":
    unittest.main()
