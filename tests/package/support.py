"""What the tests of the installed seqc share: running commands, saying what failed."""
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED_MODELS = SOURCE.parent / "shared" / "models"  # real models, where they are


class Failed(Exception):
    """A check that did not hold."""


def check(condition, text):
    if not condition:
        raise Failed(text)


def run(*command, cwd=None, env=None, code=0):
    """Runs a command that must end with `code`; what it printed on standard output."""
    command = [str(part) for part in command]
    done = subprocess.run(command, cwd=cwd, env={**os.environ, **(env or {})}, text=True, capture_output=True)
    if done.returncode != code:
        raise Failed(f"{' '.join(command)}\nended with {done.returncode}, expected {code}\n{done.stdout}{done.stderr}")
    return done.stdout


def main(tests, arguments):
    """Runs every test, or those that the command line names; says what failed, and leaves with 1 if anything did."""
    failures = 0
    for test in [test for test in tests if test.__name__ in sys.argv[2:] or not sys.argv[2:]]:
        try:
            note = test(*arguments)
            print(f"ok    {test.__name__}" + (f": {note}" if note else ""), flush=True)
        except Failed as failure:
            failures += 1
            print(f"FAIL  {test.__name__}: {failure}", flush=True)
    sys.exit(1 if failures else 0)
