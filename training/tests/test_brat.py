"""The parser of brat stand-off files. Runs on the standard library alone."""

import tempfile
import unittest
from pathlib import Path

from charthand_training import brat
from charthand_training.document import CorpusError, Report, Span


class ReadTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, text: str, ann: str, name: str = "a") -> Path:
        (self.folder / f"{name}.ann").write_text(ann, encoding="utf-8")
        path = self.folder / f"{name}.txt"
        path.write_text(text, encoding="utf-8", newline="")
        return path

    def test_spans_in_code_points(self):
        path = self.write("🙂 chest pain\r\nfever", "T1\tSign_symptom 2 12\tchest pain\nE1\tSign_symptom:T1 \nT2\tSign_symptom 14 19\tfever\n")
        document = brat.read(path)
        self.assertEqual([document.text[s.start : s.end] for s in document.spans], ["chest pain", "fever"])

    def test_discontinuous_runs_from_first_to_last(self):
        report = Report()
        path = self.write("left and right arm", "T1\tBiological_structure 0 4;15 18\tleft arm\n")
        self.assertEqual(brat.read(path, report).spans, [Span(0, 18, "Biological_structure")])
        self.assertEqual(report.discontinuous, 1)

    def test_of_overlapping_spans_the_first_then_the_longest_stays(self):
        report = Report()
        path = self.write("abcdefghij", "T1\tB 2 6\tcdef\nT2\tA 0 3\tabc\nT3\tA 0 5\tabcde\nT4\tC 5 7\tfg\n")
        self.assertEqual(brat.read(path, report).spans, [Span(0, 5, "A"), Span(5, 7, "C")])
        self.assertEqual(report.overlapping, 2)

    def test_blanks_at_the_ends_are_left_out(self):
        report = Report()
        path = self.write("a pain here", "T1\tA 1 7\t pain \nT2\tA 1 2\t \n")
        self.assertEqual(brat.read(path, report).spans, [Span(2, 6, "A")])
        self.assertEqual(report.trimmed, 2)

    def test_malformed_lines_are_named(self):
        lines = "T1\tA 0 99\tx\nT2\tA five\tx\nT3\tA 3 1\tx\nT4\tA 0 1\ta\nT5\tA 1 2\tx\n"
        report = Report()
        path = self.write("abcd", lines)
        self.assertEqual(brat.read(path, report).spans, [Span(0, 1, "A")])
        self.assertEqual([f.split(": ")[0] for f in report.faults], ["a.ann:1", "a.ann:2", "a.ann:3", "a.ann:5"])
        self.assertIn("words", report.faults[3])
        with self.assertRaisesRegex(CorpusError, "a.ann:1"):
            brat.read(path, Report(strict=True))

    def test_corpus(self):
        self.write("b", "T1\tA 0 1\tb\n", "b")
        self.write("a", "", "a")
        documents, report = brat.read_corpus(self.folder)
        self.assertEqual([d.id for d in documents], ["a", "b"])
        self.assertEqual((report.documents, report.spans), (2, 1))
        with self.assertRaises(FileNotFoundError):
            brat.read_corpus(self.folder / "nowhere")


class FixturesTest(unittest.TestCase):
    """The project's own marked notes are what their marks say."""

    def test_marks(self):
        notes = Path(__file__).parents[2] / "fixtures" / "notes"
        documents, report = brat.read_corpus(notes, strict=True)
        self.assertGreaterEqual(len(documents), 12)
        self.assertEqual((report.overlapping, report.discontinuous), (0, 0))
        for document in documents:
            marks = [line.split("\t")[2] for line in (notes / f"{document.id}.ann").read_text(encoding="utf-8").splitlines()]
            words = [document.text[s.start : s.end].replace("\n", " ") for s in document.spans]
            self.assertEqual(words, marks, document.id)


if __name__ == "__main__":
    unittest.main()
