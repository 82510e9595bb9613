"""The example runs as it stands there. (The README's snippets: tests/readme.)"""
import subprocess
import sys
import tempfile
import unittest

import models


class Documented(unittest.TestCase):

    def run_script(self, path):
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run([sys.executable, "-W", "error", str(path)], cwd=folder, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(result.stderr, "")
        return result.stdout

    def test_example(self):
        out = self.run_script(models.ROOT / "tools/python/examples/tour.py")
        self.assertIn("epoch 12", out)
        self.assertIn("DTypeError: input \"x\": got float64[200,50,8], expected float32", out)
        self.assertIn("InputError: input \"x\": got f32[200,50,7]", out)


if __name__ == "__main__":
    unittest.main()
