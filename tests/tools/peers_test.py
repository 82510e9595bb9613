#!/usr/bin/env python3
"""What the comparison with peers keeps from one run to the next (tools/bench/peers)."""
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/bench/peers"))
sys.dont_write_bytecode = True
import goals
from results import Results


def row(model, threads=1, **more):
    return {"model": model, "threads": threads, "engines": {}, **more}


class ResultsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / "results.json"
        self.addCleanup(self.folder.cleanup)

    def names(self):
        return [(found["model"], found["threads"]) for found in json.loads(self.path.read_text(encoding="utf-8"))["rows"]]

    def test_resume_keeps_rows_that_this_run_does_not_ask_for(self):
        first = Results(self.path, {"date": "1"})
        for found in (row("lstm"), row("gru"), row("lstm", 2)):
            first.add(found)
        again = Results(self.path, {"date": "2"}, resume=True)
        self.assertEqual(again.find("gru", 1), row("gru"))
        self.assertIsNone(again.find("gru", 2))
        again.add(row("rnn"))
        self.assertEqual(self.names(), [("lstm", 1), ("gru", 1), ("lstm", 2), ("rnn", 1)])

    def test_a_row_that_went_wrong_is_measured_again(self):
        Results(self.path, {}).add(row("lstm", problem="outputs differ"))
        again = Results(self.path, {}, resume=True)
        self.assertIsNone(again.find("lstm", 1))
        again.add(row("lstm"))
        self.assertEqual(self.names(), [("lstm", 1)])

    def test_without_resume_a_run_begins_anew(self):
        Results(self.path, {}).add(row("lstm"))
        Results(self.path, {}).add(row("gru"))
        self.assertEqual(self.names(), [("gru", 1)])


class AgainstTest(unittest.TestCase):
    """Whether two runs agree."""

    @staticmethod
    def measured(ort, seqc, ratio):
        engines = {"ort": {"median_us": ort, "min_us": ort}, "seqc": {"median_us": seqc, "min_us": seqc}}
        return row("lstm", engines=engines, ratios={"ort": {"median": ratio, "q1": ratio, "q3": ratio}})

    def test_ratios_within_15_percent_agree(self):
        text, same = goals.against([self.measured(110, 100, 1.1)], [self.measured(100, 100, 1.0)])
        self.assertTrue(same, text)

    def test_others_are_named(self):
        text, same = goals.against([self.measured(120, 100, 1.2)], [self.measured(100, 100, 1.0)])
        self.assertFalse(same)
        self.assertIn("lstm (1) ONNX Runtime/seqc: 1.00, now 1.20", text)

    def test_nothing_in_common_is_no_agreement(self):
        self.assertFalse(goals.against([self.measured(1, 1, 1.0)], [])[1])


if __name__ == "__main__":
    unittest.main()
