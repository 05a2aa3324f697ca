"""PubTator files. Runs on the standard library alone."""

import tempfile
import unittest
from pathlib import Path

from charthand_training import pubtator
from charthand_training.document import CorpusError

GOOD = "7|t|Naloxone and pain.\n7|a|In rats.\n7\t0\t8\tNaloxone\tChemical\tD009270\n7\t13\t17\tpain\tDisease\tD010146\n7\tCID\tD009270\tD010146\n"


class PubtatorTest(unittest.TestCase):
    def read(self, content, strict=False):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.txt"
            path.write_text(content, encoding="utf-8")
            return pubtator.read_corpus(path, strict)

    def test_documents(self):
        documents, report = self.read(GOOD + "\n" + "8|t|Fever\n8|a|\n8\t0\t5\tFever\tDisease\tD005334\n", strict=True)
        self.assertEqual([d.id for d in documents], ["7", "8"])
        self.assertEqual(documents[0].text, "Naloxone and pain.\nIn rats.")
        self.assertEqual([documents[0].text[s.start : s.end] for s in documents[0].spans], ["Naloxone", "pain"])
        self.assertEqual(report.spans, 3)

    def test_malformed_lines_are_named(self):
        content = GOOD + "9\t0\t1\tN\tX\t-\n7\t0\t8\tMorphine\tChemical\tD1\n7\tzero\n"
        _, report = self.read(content)
        self.assertEqual([f.split(": ")[0] for f in report.faults], ["a.txt:6", "a.txt:7", "a.txt:8"])
        with self.assertRaisesRegex(CorpusError, "a.txt:6"):
            self.read(content, strict=True)


if __name__ == "__main__":
    unittest.main()
