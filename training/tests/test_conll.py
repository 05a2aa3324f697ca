"""CoNLL in both its forms. Runs on the standard library alone."""

import os
import random
import tempfile
import unittest
from pathlib import Path

from charthand_training import brat, conll, pubtator
from charthand_training.document import CorpusError, Document, Span, flatten

DATA = Path(os.environ.get("CHARTHAND_DATA", Path(__file__).parents[3] / "shared" / "data"))


class ConllTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "corpus.conll"

    def there_and_back(self, documents):
        conll.write(documents, self.file)
        return conll.read(self.file, strict=True)[0]

    def test_form(self):
        conll.write([Document("n", "Severe pain. He left.", [Span(7, 11, "problem")])], self.file)
        self.assertEqual(
            self.file.read_text(encoding="utf-8"),
            "-DOCSTART-\tn\nSevere\t0\t6\tO\npain\t7\t11\tB-problem\n.\t11\t12\tO\n\nHe\t13\t15\tO\nleft\t16\t20\tO\n.\t20\t21\tO\n\n",
        )

    def test_spans_survive(self):
        """Spans of any shape come back in their places, also inside words, across lines and side by side."""
        chance = random.Random(11)
        alphabet = ["a", "B", "é", "🙂", "7", ".", "-", ",", " ", "\n", "e\u0301"]
        for _ in range(300):
            text = "".join(chance.choice(alphabet) for _ in range(chance.randint(1, 80)))
            edges = sorted(chance.sample(range(len(text) + 1), min(len(text) + 1, 2 * chance.randint(0, 6))))
            spans = []
            for start, end in zip(edges[::2], edges[1::2]):
                while start < end and text[start].isspace():
                    start += 1
                while start < end and text[end - 1].isspace():
                    end -= 1
                if start < end:
                    spans.append(Span(start, end, chance.choice("XY")))
            (document,) = self.there_and_back([Document("d", text, flatten(spans))])
            if any(not c.isspace() for c in text):
                self.assertEqual(document.spans, flatten(spans), repr(text))

    def test_documents_stay_apart(self):
        documents = [Document("a", "one two", [Span(0, 3, "X")]), Document("b", "three", [])]
        back = self.there_and_back(documents)
        self.assertEqual([(d.id, d.text, d.spans) for d in back], [(d.id, d.text, d.spans) for d in documents])

    def test_iob_without_places(self):
        self.file.write_text("postural\tB-Disease\nhypotension\tI-Disease\n\nSelegiline\tB-Chemical\n", encoding="utf-8")
        (document,), _ = conll.read(self.file, strict=True)
        self.assertEqual(document.text, "postural hypotension Selegiline")
        self.assertEqual(conll.span_words(document), [("postural hypotension", "Disease"), ("Selegiline", "Chemical")])

    def test_malformed_lines_are_named(self):
        self.file.write_text("pain\tB-X\nno tag here\npain\tQ-X\nword\t5\tx\tO\n", encoding="utf-8")
        _, report = conll.read(self.file)
        self.assertEqual([f.split(": ")[0] for f in report.faults], [f"corpus.conll:{n}" for n in (2, 3, 4)])
        with self.assertRaisesRegex(CorpusError, "corpus.conll:2"):
            conll.read(self.file, strict=True)


@unittest.skipUnless((DATA / "maccrobat").is_dir(), "the corpora are not there: set CHARTHAND_DATA")
class CorporaTest(ConllTest):
    """The published corpora, there and back."""

    def test_maccrobat(self):
        documents, _ = brat.read_corpus(DATA / "maccrobat", strict=True)
        for document, back in zip(documents, self.there_and_back(documents), strict=True):
            self.assertEqual(back.spans, document.spans, document.id)

    def test_pubtator_and_iob_say_the_same(self):
        for corpus in ("bc5cdr", "ncbi-disease"):
            documents, report = pubtator.read_corpus(DATA / corpus / "devel.pubtator.txt", strict=True)
            self.assertEqual(report.faults, [])
            for document, back in zip(documents, self.there_and_back(documents), strict=True):
                self.assertEqual(back.spans, document.spans, document.id)
            iob, _ = conll.read(DATA / corpus / "devel.tsv", strict=True)
            pubtator_words = {words.replace(" ", "").lower() for d in documents for words, _ in conll.span_words(d)}
            iob_words = {words.replace(" ", "").lower() for d in iob for words, _ in conll.span_words(d)}
            self.assertGreater(len(pubtator_words & iob_words) / len(iob_words), 0.9, corpus)


if __name__ == "__main__":
    unittest.main()
