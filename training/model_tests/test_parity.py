"""The recorded answers that charthand's tests compare with are what Hugging Face's pipeline gives."""

from __future__ import annotations

import unittest
from pathlib import Path

from charthand_training import parity

RECORDED = Path(__file__).parents[2] / "nlp" / "testdata" / "parity"


class ParityTest(unittest.TestCase):
    def test_recorded_answers(self):
        self.assertEqual(parity.check(RECORDED), [])


if __name__ == "__main__":
    unittest.main()
