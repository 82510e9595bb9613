#!/usr/bin/env python3
"""Measures how long `seqc build` takes for each model below a folder, and checks the longest and the median.

    tools/bench/compile_times.py [--seqc build/release/seqc] [--repeat 3] [--longest 5] [--median 1] ../shared/models

A folder with model.onnx in it is a model. Where a model cannot be compiled for all sizes in one go, the shapes of its
first test inputs (test_data_set_0/input_*.pb) are given, and the values of its small integer ones. Prints a Markdown
table in milliseconds, the best of all repeats, slowest first; exits with 1 if a limit is missed. Needs Debian's
python3-onnx for models of that kind only.
"""
import argparse
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

TIMES = re.compile(r" in (\d+) ms \(import (\d+), passes (\d+), code (\d+)\)")


def shapes_and_values(folder):
    """--shape and --value options that say what the first test inputs are."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(folder / "model.onnx"), load_external_data=False).graph
    initializers = {tensor.name for tensor in graph.initializer}
    names = [value.name for value in graph.input if value.name not in initializers]
    options = []
    for i, name in enumerate(names):
        file = folder / "test_data_set_0" / f"input_{i}.pb"
        if not file.exists():
            continue
        tensor = onnx.TensorProto()
        tensor.ParseFromString(file.read_bytes())
        value = numpy_helper.to_array(tensor)
        name = tensor.name or name
        if value.shape:
            options += ["--shape", f"{name}={','.join(map(str, value.shape))}"]
        if value.dtype.kind in "iub" and value.size <= 64:
            options += ["--value", f"{name}={','.join(str(int(v)) for v in value.flatten())}"]
    return options


def build(seqc, folder, options):
    """(total, import, passes, code) in milliseconds, or the error."""
    with tempfile.TemporaryDirectory() as out:
        command = [seqc, "build", str(folder / "model.onnx"), "-o", out, "--name", "model", *options]
        done = subprocess.run(command, capture_output=True, text=True)
    found = TIMES.search(done.stdout)
    if done.returncode == 0 and found:
        return tuple(int(number) for number in found.groups())
    return (done.stderr.strip().splitlines() or ["no times printed"])[-1]


def measure(seqc, folder, repeat):
    options = []
    result = build(seqc, folder, options)
    if isinstance(result, str):
        options = shapes_and_values(folder)
        result = build(seqc, folder, options)
    for _ in range(repeat - 1):
        if isinstance(result, tuple):
            result = min(result, build(seqc, folder, options))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--seqc", default="build/release/seqc")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--longest", type=float, default=5, help="seconds")
    parser.add_argument("--median", type=float, default=1, help="seconds")
    arguments = parser.parse_args()
    models = sorted({file.parent for folder in arguments.folders for file in folder.rglob("model.onnx")})
    results = {folder.name: measure(arguments.seqc, folder, arguments.repeat) for folder in models}
    good = {name: times for name, times in results.items() if isinstance(times, tuple)}
    print("| model | total, ms | import | passes | code |\n|---|---|---|---|---|")
    for name, times in sorted(good.items(), key=lambda item: -item[1][0]):
        print("| " + " | ".join([name, *map(str, times)]) + " |")
    for name in sorted(results.keys() - good.keys()):
        print(f"| {name} | {results[name]} | | | |")
    if not good:
        print("no model was built")
        return 1
    totals = [times[0] / 1e3 for times in good.values()]
    print(f"\n{len(good)} of {len(results)} models; longest {max(totals):.2f} s (limit {arguments.longest:g}), "
          f"median {statistics.median(totals):.2f} s (limit {arguments.median:g})")
    failed = len(good) < len(results) or max(totals) > arguments.longest
    return 1 if failed or statistics.median(totals) > arguments.median else 0


if __name__ == "__main__":
    sys.exit(main())
