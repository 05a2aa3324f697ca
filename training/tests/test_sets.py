"""The halves of fixtures/context that may be looked at: what the rules were made on stays right. Needs bin/charthand, which `make test`
builds first."""

import unittest

from charthand_training import sets
from charthand_training.__main__ import BINARY

# The share of parts that is right (F1), and none of the sets may fall below it.
LEVELS = {"assertion": 0.98, "sig": 0.99, "value": 0.99, "date": 0.99, "heading": 0.96}


class Unmark(unittest.TestCase):
    def test_marks_are_taken_out(self):
        text, marks = sets.unmark("BP [[120/80|systolic=120 mm[Hg]; diastolic=80 mm[Hg]]], [ ] [[pain|negated]]")
        self.assertEqual(text, "BP 120/80, [ ] pain")
        self.assertEqual(marks, [(3, 9, "systolic=120 mm[Hg]; diastolic=80 mm[Hg]"), (15, 19, "negated")])

    def test_parts_are_compared_by_value(self):
        self.assertEqual(sets.parts("dose=5.0 mg; freq=2/1 d || dose=.5 mg"), {"dose=5 mg", "freq=2/1 d", "1dose=.5 mg"})
        self.assertEqual(sets.parts(""), frozenset())


@unittest.skipUnless(BINARY.exists(), "bin/charthand is not built: make build")
class Tune(unittest.TestCase):
    def test_the_rules_stay_right(self):
        for name, level in LEVELS.items():
            with self.subTest(name):
                count = sets.measure(BINARY, name, "tune")
                self.assertGreaterEqual(count.f1, level, "\n".join(count.mistakes[:20]))
                self.assertGreater(count.mentions, 15)


if __name__ == "__main__":
    unittest.main()
