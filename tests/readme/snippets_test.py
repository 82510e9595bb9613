#!/usr/bin/env python3
"""Runs the snippets of the README and the other documents: commands in a shell, C and C++ compiled and run.

    snippets_test.py BUILD_FOLDER FILE.md ...

A fenced block says its language: sh, c, cpp, cmake, python; others are text. It is run as it stands, in a folder of its own
(see Place), unless a comment above it says otherwise:

    <!-- snippet: in lstm_cell.cpp -->       the text stands where lstm_cell.cpp of this folder says SNIPPET
    <!-- snippet: continued -->              follows what the block before it left behind, in the same folder
    <!-- snippet: not run: reason -->        commands are parsed, and the programs that they name must exist

In a shell every line must succeed. A program has the public headers and libseqc, and must end with 0.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
sys.path.insert(0, str(SOURCE / "tests/package"))
from support import Failed, check, run  # noqa: E402

LANGUAGES = ("sh", "c", "cpp", "cmake", "python")
SAMPLE = SOURCE / "tools/examples/sample"


class Snippet:
    def __init__(self, file, line, language, directive, text):
        self.where, self.language, self.directive, self.text = f"{file}:{line}", language, directive, text


def snippets_of(path):
    """The fenced blocks of a document that have a language of ours."""
    found, directive, lines = [], "", path.read_text(encoding="utf-8").splitlines()
    i = 0
    while i < len(lines):
        if match := re.match(r"<!-- snippet: (.*) -->$", lines[i].strip()):
            directive = match[1]
        elif match := re.match(r"( *)```(\w*)$", lines[i]):
            start, text = i + 1, []
            i += 1
            while i < len(lines) and lines[i].strip() != "```":
                text.append(lines[i].removeprefix(match[1]))
                i += 1
            if match[2] in LANGUAGES:
                found.append(Snippet(path.relative_to(SOURCE), start, match[2], directive, "\n".join(text) + "\n"))
            elif directive:
                raise Failed(f"{path}:{start}: a directive stands above a block that is text")
            directive = ""
        elif lines[i].strip() and directive:
            raise Failed(f"{path}:{i}: a directive stands above no block")
        i += 1
    return found


class Place:
    """Where a snippet runs: the documents' model.onnx, inputs and data lie there, `seqc` and the repository's tools are found."""

    def __init__(self, build, folder):
        self.build, self.folder = build, folder
        # The system's python3 comes first: it has NumPy.
        self.env = {"PATH": f"{build}:/usr/bin:{os.environ['PATH']}", "SEQC_CACHE_DIR": str(folder.parent / "cache"),
                    "LD_LIBRARY_PATH": str(build)}
        folder.mkdir()
        for name in ("tools", "frontend"):
            (folder / name).symlink_to(SOURCE / name)
        shutil.copy(SAMPLE / "lstm.onnx", folder / "model.onnx")
        (folder / "dir").mkdir()
        shutil.copy(SAMPLE / "data/input_0.npy", folder / "dir")
        case = folder / "dir/case/test_data_set_0"
        case.mkdir(parents=True)
        shutil.copy(SAMPLE / "lstm.onnx", case.parent / "model.onnx")
        for name in ("input_0.npy", "output_0.npy"):
            shutil.copy(SAMPLE / "data" / name, case)
        shutil.copytree(folder / "dir", folder / "recordings", ignore=shutil.ignore_patterns("case"))
        shutil.copy(SAMPLE / "data/input_0.npy", folder / "x.npy")
        shutil.copy(SAMPLE / "data/output_0.npy", folder / "y.npy")
        (folder / "model.seq").write_text("func @main(%x: f32[N,3]) -> (y: f32[N,3]) {\n  %y = tanh %x\n  return %y\n}\n")
        run(build / "seqc", "build", folder / "model.onnx", "-o", folder, env=self.env)

    def shell(self, text):
        run("bash", "-euxo", "pipefail", "-c", text, cwd=self.folder, env=self.env)

    def compile(self, language, text):
        """Compiles a program and runs it."""
        source, program = self.folder / f"snippet.{language}", self.folder / "snippet"
        source.write_text(text)
        common = ["-Wall", "-Wextra", "-Werror", "-I", self.folder, "-I", self.build / "include", source, "-o", program]
        if language == "c":
            run("gcc", "-std=c11", *common, self.folder / "model.so", f"-L{self.build}", "-Wl,--as-needed", "-lseqc_runtime")
        else:
            run("g++", "-std=c++20", "-Wno-unused-variable", "-Wno-unused-but-set-variable", *common, f"-L{self.build}",
                "-lseqc")
        run(program, cwd=self.folder,
            env={**self.env, "LD_LIBRARY_PATH": f"{self.build}:{self.folder}"})

    def cmake(self, text):
        """A snippet of a CMakeLists.txt is parsed by CMake; what it means is tested by package/install_test.py."""
        (self.folder / "snippet.cmake").write_text(f"if(FALSE)\n{text}endif()\n")
        run("cmake", "-P", self.folder / "snippet.cmake")


def surrounded(wrapper, text):
    """The text of `wrapper` with the snippet in the place of the line that says SNIPPET. Its lines
    `// REPLACE a WITH b` change the snippet before: what a document leaves out with `...`."""
    around = (HERE / wrapper).read_text()
    for old, new in re.findall(r"^// REPLACE (.*) WITH (.*)$", around, re.M):
        check(old in text, f"{wrapper} replaces {old}, which is not there")
        text = text.replace(old, new, 1)
    parts = re.split(r"^ *// SNIPPET\n", around, flags=re.M)
    check(len(parts) == 2, f"{wrapper} has {len(parts) - 1} places for a snippet")
    return parts[0] + text + parts[1]


def check_commands_exist(snippet, build):
    """Of commands that are not run: the shell's grammar, and that scripts and programs of ours are there."""
    check(snippet.language == "sh", "only commands may be left out")
    done = subprocess.run(["bash", "-n"], input=snippet.text, text=True, capture_output=True)
    check(done.returncode == 0, done.stderr)
    for line in snippet.text.splitlines():
        word = line.split()[0] if line.split() else ""
        if "/" in word and "=" not in word:
            program = build / word.split("/")[-1] if word.startswith("build/") else SOURCE / word
            check(os.access(program, os.X_OK), f"{word} is no program of ours")


def run_snippet(snippet, place):
    directive = snippet.directive.split()
    text = snippet.text
    if directive[:1] == ["in"]:
        text = surrounded(directive[1], text)
    elif directive not in ([], ["continued"]):
        raise Failed(f"unknown directive: {snippet.directive}")
    if snippet.language == "sh":
        place.shell(text)
    elif snippet.language == "cmake":
        place.cmake(text)
    elif snippet.language == "python":
        (place.folder / "snippet.py").write_text(text)
        if not (place.build / "python/seqc").exists():
            return print(f"SKIP  {snippet.where}: the Python module is not built (see the output of cmake)")
        run("/usr/bin/python3", "snippet.py", cwd=place.folder,
            env={**place.env, "PYTHONPATH": str(place.build / "python")})
    else:
        place.compile(snippet.language, text)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    failures = count = 0
    with tempfile.TemporaryDirectory() as temporary:
        place = None
        for name in sys.argv[2:]:
            for snippet in snippets_of(SOURCE / name):
                try:
                    if snippet.directive.startswith("not run: "):
                        check_commands_exist(snippet, build)
                    else:
                        if place is None or snippet.directive != "continued":
                            place = Place(build, pathlib.Path(temporary) / f"snippet_{count}")
                        run_snippet(snippet, place)
                    print(f"ok    {snippet.where} {snippet.language} {snippet.directive}", flush=True)
                except Failed as failure:
                    failures += 1
                    print(f"FAIL  {snippet.where} {snippet.language} {snippet.directive}: {failure}", flush=True)
                count += 1
    print(f"{count} snippets, {failures} failed")
    sys.exit(1 if failures or not count else 0)


if __name__ == "__main__":
    try:
        main()
    except Failed as failure:
        sys.exit(f"FAIL  {failure}")
