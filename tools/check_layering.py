#!/usr/bin/env python3
"""Checks who includes whom: the table below is the house's plan, and LLVM and protobuf stay in their rooms.

Rules, each with one line per offence and exit code 1:
  - quoted includes are rooted at the repository and name a file that exists;
  - a folder includes only the folders that ALLOWED gives it;
  - LLVM and LLD headers: only codegen/*.cpp and codegen/*_llvm.h (and tests that look at LLVM);
  - protobuf and ONNX headers: only frontend/onnx (and tests/support, which writes model files);
  - MPI headers: only runtime/training/ranks.cpp;
  - the files of the runtime-only library (tools/package/runtime_only.cmake) include each other and nothing else of ours;
  - an internal header (*_llvm.h, frontend/onnx/*_pb.h) is included by nobody outside its folder;
  - headers have `#pragma once` (or a guard, in C headers), and no code folder stands at the top besides the known ones.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

ANY = ("",)
ALLOWED = {
    "ir": (),
    "frontend/dsl": ("ir",),
    "frontend/onnx": ("ir", "frontend/dsl"),
    "passes": ("ir",),
    "codegen": ("ir", "runtime/seqc.h", "runtime/seqc_stream.h", "runtime/abi.h"),
    "runtime": ("ir", "frontend", "passes", "codegen"),
    "tools": ANY,
    "tests": ANY,
}
TOP = {"ir", "frontend", "passes", "codegen", "runtime", "tools", "tests"}

LLVM = re.compile(r"^(llvm|llvm-c|lld)/")
LLVM_MAY = re.compile(r"^(codegen/.*(\.cpp|_llvm\.h)|tests/(codegen|support)/.*)$")
ONNX = re.compile(r"^(google/protobuf|onnx)/|\.pb\.h$")
ONNX_MAY = re.compile(r"^(frontend/onnx/.*(\.cpp|_pb\.h)|tests/support/.*)$")
MPI = re.compile(r"^mpi(-ext)?\.h$")
MPI_MAY = "runtime/training/ranks.cpp"
APART = "tools/examples/embed/"  # a project of its own, whose files lie beside each other
RUNTIME_ONLY_LIST = "tools/package/runtime_only.cmake"
INTERNAL = re.compile(r"^(codegen)/.*_llvm\.h$|^(frontend/onnx)/.*_pb\.h$")

GUARD = re.compile(r"^#ifndef (\w+_H)\n#define \1$", re.MULTILINE)
RAW_STRING = re.compile(r'R"(\w*)\(.*?\)\1"', re.DOTALL)
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def runtime_only_files():
    """The files of the runtime-only library: those on its list, and the headers beside its sources."""
    text = re.sub(r"#.*", "", (ROOT / RUNTIME_ONLY_LIST).read_text(encoding="utf-8"))
    listed = re.findall(r"[\w/]+\.(?:cpp|h)\b", text)
    headers = {re.sub(r"\.cpp$", ".h", path) for path in listed}
    return set(listed) | {path for path in headers if (ROOT / path).is_file()}


RUNTIME_ONLY = runtime_only_files()


def folder_of(path):
    """The row of ALLOWED that a file belongs to, or None."""
    return next((folder for folder in ALLOWED if path.startswith(folder + "/")), None)


def check_include(path, quote, header):
    """Yields what is wrong with one #include of the file `path`."""
    if LLVM.match(header) and not LLVM_MAY.match(path):
        yield f"{header}: LLVM headers belong in codegen/*.cpp and codegen/*_llvm.h"
    if ONNX.search(header) and not header.startswith("frontend/") and not ONNX_MAY.match(path):
        yield f"{header}: protobuf and ONNX headers belong in frontend/onnx/*.cpp and *_pb.h"
    if MPI.match(header) and path != MPI_MAY:
        yield f"{header}: MPI headers belong in {MPI_MAY}"
    if quote == "<":
        return
    if path.startswith(APART) and (ROOT / path).with_name(header).is_file():
        return
    if not (ROOT / header).is_file():
        yield f'"{header}": no such file from the top of the repository; includes of ours are rooted there'
        return
    own, internal = folder_of(path), INTERNAL.match(header)
    if internal and not path.startswith(((internal[1] or internal[2]) + "/", "tests/")):
        yield f'"{header}" is internal to {internal[1] or internal[2]}'
    if path.endswith(".h") and internal and not INTERNAL.match(path) and own != "tests":
        yield f'"{header}" would show its types through this public header'
    if path in RUNTIME_ONLY and header not in RUNTIME_ONLY:
        yield f'"{header}" is not in the runtime-only library ({RUNTIME_ONLY_LIST}), and this file is'
    may = ALLOWED[own]
    if may is ANY or folder_of(header) == own:
        return
    if not any(header == entry or header.startswith(entry + "/") for entry in may):
        yield f'"{header}": {own} may include ' + (f"only {', '.join(may)}" if may else "nothing of ours")


def check_file(file):
    """Yields `path:line: message` for each offence of one source file."""
    path = file.relative_to(ROOT).as_posix()
    if folder_of(path) is None:
        yield f"{path}:1: belongs to no folder of the plan"
        return
    # Text of raw strings (code that seqc writes) is not code of this file; its lines still count.
    text = RAW_STRING.sub(lambda raw: "\n" * raw[0].count("\n"), file.read_text(encoding="utf-8"))
    lines = text.splitlines()
    if path.endswith(".h") and "#pragma once" not in lines and not GUARD.search("\n".join(lines)):
        yield f"{path}:1: header without #pragma once"
    for number, line in enumerate(lines, 1):
        if match := INCLUDE.match(line):
            for message in check_include(path, match[1], match[2]):
                yield f"{path}:{number}: {message}"


def main():
    offences = [f"{path}:1: is on the list in {RUNTIME_ONLY_LIST} and does not exist"
                for path in sorted(RUNTIME_ONLY) if not (ROOT / path).is_file()]
    files = 0
    for top in sorted(p for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".") and p.name != "build"):
        sources = sorted(p for suffix in ("h", "c", "cpp") for p in top.rglob("*." + suffix))
        if sources and top.name not in TOP:
            offences.append(f"{top.name}/: no code folder stands at the top besides {', '.join(sorted(TOP))}")
            continue
        for source in sources:
            files += 1
            offences += check_file(source)
    print("\n".join(offences) if offences else f"layering: {files} files, every include is allowed")
    return 1 if offences or not files else 0


sys.exit(main())
