"""i2b2 2010 and n2c2 2018 files, written here in exactly the published formats; the texts are invented."""

import contextlib
import io
import json
import tempfile
import unittest
from pathlib import Path

from charthand_training import brat, conll, i2b2
from charthand_training.__main__ import main
from charthand_training.document import CorpusError, Report, Span

TEXT = "Admission Date :\n2031-02-03\nHe denies  chest pain , and took Aspirin 81 mg for pain .\nCT of the chest was normal .\n"
CON = """c="chest pain" 3:2 3:3||t="problem"
c="aspirin" 3:7 3:7||t="treatment"
c="pain" 3:11 3:11||t="problem"
c="ct of the chest" 4:0 4:3||t="test"
"""


class I2b2Test(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="")
        return path

    def test_concepts(self):
        txt, con = self.write("record-1.txt", TEXT), self.write("record-1.con", CON)
        document = i2b2.read(txt, con, Report(strict=True))
        self.assertEqual(
            conll.span_words(document),
            [("chest pain", "problem"), ("Aspirin", "treatment"), ("pain", "problem"), ("CT of the chest", "test")],
        )

    def test_assertions(self):
        txt = self.write("record-1.txt", TEXT)
        ast = self.write("record-1.ast", 'c="chest pain" 3:2 3:3||t="problem"||a="absent"\nc="pain" 3:11 3:11||t="problem"||a="present"\n')
        found = i2b2.read_assertions(txt, ast, Report(strict=True))
        self.assertEqual([(TEXT[a.span.start : a.span.end], a.value) for a in found], [("chest pain", "absent"), ("pain", "present")])

    def test_relations(self):
        txt = self.write("record-1.txt", TEXT)
        rel = self.write("record-1.rel", 'c="aspirin" 3:7 3:7||r="TrAP"||c="pain" 3:11 3:11\n')
        (relation,) = i2b2.read_relations(txt, rel, Report(strict=True))
        self.assertEqual((relation.kind, TEXT[slice(*relation.first)], TEXT[slice(*relation.second)]), ("TrAP", "Aspirin", "pain"))

    def test_convert_writes_assertions_and_relations_beside(self):
        self.write("in/txt/record-1.txt", TEXT)
        self.write("in/concept/record-1.con", CON)
        self.write("in/ast/record-1.ast", 'c="chest pain" 3:2 3:3||t="problem"||a="absent"\nnonsense\n')
        self.write("in/rel/record-1.rel", 'c="aspirin" 3:7 3:7||r="TrAP"||c="pain" 3:11 3:11\n')
        out = self.folder / "corpus.conll"
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as faults:
            self.assertEqual(main(["convert", "i2b2", str(self.folder / "in"), "--out", str(out)]), 1)
            self.assertEqual(main(["convert", "i2b2", str(self.folder / "in"), "--out", str(out), "--strict"]), 1)
        self.assertIn("record-1.ast:2", faults.getvalue())
        rows = [json.loads(line) for line in (self.folder / "corpus.statements.jsonl").read_text(encoding="utf-8").splitlines()]
        self.assertEqual((TEXT[slice(*rows[0]["span"])], rows[0]["assertion"], rows[0]["document"]), ("chest pain", "absent", "record-1"))
        self.assertEqual((TEXT[slice(*rows[1]["first"])], rows[1]["relation"], TEXT[slice(*rows[1]["second"])]), ("Aspirin", "TrAP", "pain"))

    def test_quotes_and_bars_in_a_concept(self):
        txt = self.write("q.txt", 'a "bad" day||night fever\n')
        con = self.write("q.con", 'c=""bad" day||night" 1:1 1:2||t="problem"\n')
        self.assertEqual(conll.span_words(i2b2.read(txt, con, Report(strict=True))), [('"bad" day||night', "problem")])

    def test_malformed_lines_are_named(self):
        txt = self.write("record-1.txt", TEXT)
        con = self.write(
            "record-1.con",
            'c="chest pain" 3:2 3:3||t="problem"\nnonsense\nc="fever" 3:2 3:2||t="problem"\nc="pain" 9:9 9:9||t="problem"\n'
            'c="pain" 3:11 3:11||t="mood"\nc="pain" 0:0 0:0||t="problem"\n',
        )
        report = Report()
        self.assertEqual(len(i2b2.read(txt, con, report).spans), 1)
        self.assertEqual([f.split(": ")[0] for f in report.faults], [f"record-1.con:{n}" for n in (2, 3, 4, 5, 6)])
        with self.assertRaisesRegex(CorpusError, "record-1.con:2"):
            i2b2.read(txt, con, Report(strict=True))
        ast = self.write("record-1.ast", 'c="pain" 3:11 3:11||t="problem"||a="maybe"\n')
        report = Report()
        self.assertEqual(i2b2.read_assertions(txt, ast, report), [])
        self.assertRegex(report.faults[0], "record-1.ast:1")

    def test_corpus_as_shipped(self):
        self.write("txt/record-1.txt", TEXT)
        self.write("concept/record-1.con", CON)
        documents, report = i2b2.read_corpus(self.folder, strict=True)
        self.assertEqual((report.documents, report.spans), (1, 4))
        out = self.folder / "out.conll"
        conll.write(documents, out)
        (back,), _ = conll.read(out, strict=True)
        self.assertEqual(back.spans, documents[0].spans)

    def test_n2c2_2018_is_brat(self):
        text = "Started metoprolol tartrate 25 mg\nPO twice daily for hypertension."
        txt = self.write("100035.txt", text)
        self.write(
            "100035.ann",
            "T1\tDrug 8 27\tmetoprolol tartrate\nT2\tStrength 28 33\t25 mg\nR1\tStrength-Drug Arg1:T2 Arg2:T1\t\n"
            "T3\tFrequency 37 48\ttwice daily\nT4\tRoute 34 36\tPO\nT5\tReason 53 65\thypertension\n",
        )
        document = brat.read(txt, Report(strict=True))
        self.assertEqual([label for _, label in conll.span_words(document)], ["Drug", "Strength", "Route", "Frequency", "Reason"])
        self.assertEqual(document.spans[0], Span(8, 27, "Drug"))


if __name__ == "__main__":
    unittest.main()
