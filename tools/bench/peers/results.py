"""The file that a run of the comparison leaves, results.json: written after every row, and what --resume goes on with."""
import json


class Results:
    """Rows by their model and number of threads, in the order in which they were first measured."""

    def __init__(self, path, head, resume=False):
        self.path, self.head, self.rows = path, head, {}
        if resume and path.exists():
            earlier = json.loads(path.read_text(encoding="utf-8"))["rows"]
            self.rows = {self.key(row): row for row in earlier if "problem" not in row}

    @staticmethod
    def key(row):
        return row["model"], row["threads"]

    def find(self, model, threads):
        """The row that an earlier run has measured, or None."""
        return self.rows.get((model, threads))

    def add(self, row):
        """Writes the file anew: whoever stops the run, or the machine, leaves it whole."""
        self.rows[self.key(row)] = row
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps({**self.head, "rows": list(self.rows.values())}, indent=1), encoding="utf-8")
        partial.replace(self.path)
