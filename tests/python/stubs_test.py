"""The types that seqc says it has are those it has, and whatever is public has a docstring."""
import importlib
import importlib.util
import inspect
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import seqc
from seqc import _seqc

PACKAGE = pathlib.Path(seqc.__file__).resolve().parent
MODULES = ("seqc", "seqc._seqc", "seqc.backend", "seqc.layers", "seqc.model", "seqc.optimizers")


def public_members(owner):
    for name, member in vars(owner).items():
        if not name.startswith("_"):
            yield name, member


class Stubs(unittest.TestCase):

    def test_docstrings(self):
        missing = []
        for module in map(importlib.import_module, MODULES):
            self.assertTrue(module.__doc__, module.__name__)
            for name in getattr(module, "__all__", dir(module)):
                member = getattr(module, name)
                if name.startswith("_") or inspect.ismodule(member) or not (inspect.isclass(member) or callable(member)):
                    continue
                if not member.__doc__:
                    missing.append(f"{module.__name__}.{name}")
                if inspect.isclass(member) and member.__module__.startswith("seqc"):
                    for part, value in public_members(member):
                        if (callable(value) or isinstance(value, property)) and not value.__doc__:
                            missing.append(f"{module.__name__}.{name}.{part}")
        self.assertEqual(missing, [])

    def test_every_public_name_has_a_stub(self):
        stub = (PACKAGE / "_seqc.pyi").read_text()
        for name, member in public_members(_seqc):
            kind = "class" if inspect.isclass(member) else "def"
            self.assertIn(f"\n{kind} {name}(", stub.replace(f"class {name}:", f"class {name}("), name)

    def mypy(self, *arguments):
        """What mypy says; skips where it is not installed."""
        if not importlib.util.find_spec("mypy"):
            self.skipTest("package python3-mypy is not installed; tools/setup.sh test does it")
        with tempfile.TemporaryDirectory() as folder:
            # mypy does not look at packages below PYTHONPATH as sources of its own.
            environment = {**os.environ, "MYPYPATH": str(PACKAGE.parent)}
            result = subprocess.run([sys.executable, "-m", *arguments], cwd=folder, env=environment, capture_output=True,
                                    text=True)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_stubs_agree_with_the_module(self):
        # Of pybind11's own making: the metaclass, and an __init__ in classes that cannot be constructed.
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as allowed:
            allowed.write("seqc\\._seqc\\.(Port|Program|Stream|TrainableModel|Trainer)(\\.__init__)?\n")
            allowed.flush()
            self.mypy("mypy.stubtest", "seqc._seqc", "--allowlist", allowed.name, "--ignore-unused-allowlist")

    def test_package_is_well_typed(self):
        self.mypy("mypy", "--strict", "--ignore-missing-imports", "--allow-subclassing-any", "--no-error-summary", "-p",
                  "seqc")


if __name__ == "__main__":
    unittest.main()
