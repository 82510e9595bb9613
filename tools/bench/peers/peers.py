#!/usr/bin/env python3
"""Compares seqc with ONNX Runtime over a grid of recurrent models; run.sh calls it with everything in place.

For each configuration: writes the ONNX model, builds its library with `seqc build`, and lets `compare` run both engines
in turns. Prints a Markdown table as it goes and writes results.md and results.json.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import time

import models

TOLERANCE = 1e-4  # of outputs that lie in [-1, 1]; a speed of wrong numbers is no result

HEADER = (
    "| model | threads | ONNX Runtime | seqc | speedup | GFLOP/s | max abs difference | seqc build, ORT load |\n"
    "|---|---|---|---|---|---|---|---|"
)


def microseconds(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 1000 else f"{value:.0f}"


def build_library(seqc, model, directory):
    """(library path, seconds, None) or (None, None, why not)."""
    shutil.rmtree(directory, ignore_errors=True)
    start = time.monotonic()
    done = subprocess.run([seqc, "build", str(model), "-o", str(directory)], capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        return None, None, lines[-1] if lines else f"exit code {done.returncode}"
    libraries = list(directory.glob("*.so"))
    if len(libraries) != 1:
        return None, None, f"{len(libraries)} libraries in {directory.name}"
    return libraries[0], time.monotonic() - start, None


def measure(config, threads, arguments):
    model = models.write(config, arguments.work / "models")
    command = [arguments.compare, "--ort", arguments.ort, "--model", str(model), "--threads", str(threads),
               "--seconds", str(arguments.seconds), "--largest", str(config.steps),
               "--dim", f"T={config.steps}", "--dim", f"N={config.batch}"]
    result = {"model": config.name, "threads": threads}
    if arguments.seqc:
        library, seconds, problem = build_library(arguments.seqc, model, arguments.work / "built" / config.name)
        if library:
            result["build_s"] = seconds
            command += ["--seqc", str(library)]
        else:
            result["problem"] = problem
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        result["problem"] = done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}"
    else:
        result.update(json.loads(done.stdout))
        if result.get("max_abs_difference", 0) > TOLERANCE:
            result["problem"] = f"outputs differ by {result['max_abs_difference']:.1e}"
        for engine in ("ort", "seqc"):
            if engine in result and not config.ragged:
                result[engine]["gflops"] = config.flops / result[engine]["median_us"] / 1e3
    return result


def row(result):
    times = {e: f"{microseconds(result[e]['median_us'])} / {microseconds(result[e]['min_us'])}" if e in result else "-"
             for e in ("ort", "seqc")}
    speedup = f"{result['speedup_median']:.2f} / {result['speedup_min']:.2f}" if "speedup_median" in result else "-"
    best = result.get("seqc", result.get("ort", {}))
    gflops = f"{best['gflops']:.1f}" if "gflops" in best else "-"
    difference = result.get("problem") or (
        f"{result['max_abs_difference']:.1e}" if "max_abs_difference" in result else "-")
    build = f"{result['build_s']:.2f} s" if "build_s" in result else "-"
    load = f"{result['ort']['load_ms']:.1f} ms" if "ort" in result else "-"
    return (f"| {result['model']} | {result['threads']} | {times['ort']} | {times['seqc']} | {speedup} | {gflops} "
            f"| {difference} | {build}, {load} |")


def machine():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} CPUs"
    return f"{os.cpu_count()} CPUs"


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", help="parts of the names of configurations; all without any")
    parser.add_argument("--threads", default="1,2", help="comma separated thread counts")
    parser.add_argument("--seconds", type=float, default=3, help="measuring time a row")
    parser.add_argument("--list", action="store_true", help="name the configurations and stop")
    parser.add_argument("--ort", help="libonnxruntime.so.1")
    parser.add_argument("--compare", help="the driver, built from compare.cpp")
    parser.add_argument("--seqc", help="the seqc tool; ONNX Runtime alone without")
    parser.add_argument("--work", type=pathlib.Path, help="folder for models, libraries and results")
    arguments = parser.parse_args()
    if not arguments.list and not (arguments.ort and arguments.compare and arguments.work):
        parser.error("run it through run.sh, which gives --ort, --compare and --work")
    return arguments


def main():
    arguments = parse()
    configs = models.select(arguments.patterns)
    if arguments.list:
        print("\n".join(c.name for c in configs))
        return 0
    lines = [f"{machine()}. Microseconds a run, median / min; the engines run in turns.", "", HEADER]
    print("\n".join(lines), flush=True)
    results = []
    for threads in map(int, arguments.threads.split(",")):
        for config in configs:
            results.append(measure(config, threads, arguments))
            lines.append(row(results[-1]))
            print(lines[-1], flush=True)
    arguments.work.mkdir(parents=True, exist_ok=True)
    (arguments.work / "results.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (arguments.work / "results.json").write_text(json.dumps({"machine": machine(), "results": results}, indent=1))
    print(f"\nresults.md and results.json are in {os.path.relpath(arguments.work)}")
    return 1 if any("problem" in r for r in results) else 0


if __name__ == "__main__":
    raise SystemExit(main())
