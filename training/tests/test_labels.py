"""The project's own labels and their text. Runs on the standard library alone."""

import gzip
import hashlib
import json
import os
import tempfile
import unittest
from pathlib import Path

from charthand_training import brat, labels
from charthand_training.document import Report, Span

DATA = Path(os.environ.get("CHARTHAND_DATA", Path(__file__).parents[3] / "shared" / "data"))


class JoinTest(unittest.TestCase):
    transcription = "PLAN: ,Aspirin.,Follow up."

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "mtsamples").mkdir()
        with gzip.open(self.folder / "mtsamples" / "notes.ndjson.gz", "wt", encoding="utf-8") as out:
            out.write(json.dumps({"note_id": "7", "transcription": self.transcription}) + "\n")

    def entry(self, **changes):
        text = "Aspirin.\nFollow up."
        entry = {"note": "7", "start": 7, "end": 26, "sha256": hashlib.sha256(text.encode()).hexdigest(), "test": False}
        entry |= {"entities": [[0, 7, "Medication"]]} | changes
        path = self.folder / "labels.jsonl"
        path.write_text(json.dumps(entry) + "\n", encoding="utf-8")
        return path

    def join(self, **changes):
        return list(labels.join(labels.read_transcriptions(self.folder), self.entry(**changes)))

    def test_lines_come_back_where_they_were(self):
        restored = labels.restore_lines(self.transcription)
        self.assertEqual(restored, "PLAN: \nAspirin.\nFollow up.")
        self.assertEqual(len(restored), len(self.transcription))
        self.assertEqual(labels.restore_lines("one, two, and 3,000"), "one, two, and 3,000")

    def test_join_and_write(self):
        (labelled,) = self.join()
        self.assertEqual(labelled.document.text, "Aspirin.\nFollow up.")
        out = self.folder / "brat"
        self.assertEqual(brat.write([labelled.document], out), 1)
        self.assertEqual(brat.read(out / "7.txt", Report(strict=True)).spans, [Span(0, 7, "Medication")])

    def test_faults_name_the_note(self):
        for fault, changes in {
            "not in the corpus": {"note": "8"},
            "another text": {"start": 6},
            "out of order": {"entities": [[0, 7, "A"], [3, 9, "B"]]},
            "out of the text": {"entities": [[0, 99, "A"]]},
        }.items():
            with self.subTest(fault), self.assertRaisesRegex(labels.LabelError, f"labels.jsonl:1: note [78].*{fault}"):
                self.join(**changes)


@unittest.skipUnless((DATA / "mtsamples").is_dir(), "the corpus is not there: set CHARTHAND_DATA")
class CommittedTest(unittest.TestCase):
    """Every committed label fits the text that it was made on."""

    def test_all_fit(self):
        transcriptions = labels.read_transcriptions(DATA)
        first = list(labels.join(transcriptions, labels.FOLDER / "first.jsonl"))
        second = list(labels.join(transcriptions, labels.FOLDER / "second.jsonl"))
        self.assertGreaterEqual(len(first), 250)
        self.assertGreaterEqual(len(second), 30)
        names = [x.document.id for x in first]
        self.assertEqual(len(names), len(set(names)))
        self.assertLessEqual({x.document.id for x in second}, set(names))
        self.assertAlmostEqual(sum(x.test for x in first) / len(first), 0.2, delta=0.01)
        trained = set().union(*(labels.passages(x.document.text) for x in first if not x.test))
        for x in first:
            passages = labels.passages(x.document.text)
            if x.test and passages:
                self.assertLess(len(passages & trained) / len(passages), 0.2, f"note {x.document.id} is trained on as another note")
        for x in first + second:
            for span in x.document.spans:
                words = x.document.text[span.start : span.end]
                self.assertEqual(words, words.strip(), x.document.id)


if __name__ == "__main__":
    unittest.main()
