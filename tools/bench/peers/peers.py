#!/usr/bin/env python3
"""Compares seqc with ONNX Runtime, oneDNN, PyTorch and the machine's limit; run.sh calls it with everything in place.

For each configuration: writes the model, builds its library with `seqc build`, and lets `peers_compare` run all engines in
turns in one process. Prints a Markdown table as it goes; results.md and results.json are written after every row.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

import goals
import models
import report
import whole_models
from results import Results

# Per element |got - want| <= ATOL + RTOL * |want|, want being ONNX Runtime's: a speed of wrong numbers is no result.
ATOL, RTOL = 1e-5, 1e-3


def build_library(seqc, model, directory, options=()):
    """(library path, seconds, None) or (None, None, why not)."""
    shutil.rmtree(directory, ignore_errors=True)
    start = time.monotonic()
    done = subprocess.run([seqc, "build", str(model), "-o", str(directory), "--name", "model", *options],
                          capture_output=True, text=True)
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        return None, None, lines[-1] if lines else f"exit code {done.returncode}"
    return directory / "model.so", time.monotonic() - start, None


def run_job(arguments, name, job):
    """What peers_compare reports, or {"problem": ...}."""
    path = arguments.work / "jobs" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(job, indent=1))
    done = subprocess.run([arguments.compare, str(path)], capture_output=True, text=True)
    try:
        return json.loads(done.stdout)
    except ValueError:
        lines = done.stderr.strip().splitlines()
        return {"problem": lines[-1] if lines else f"exit code {done.returncode}"}


def keep_fastest_variants(engines):
    """Of a peer's variants NAME_VARIANT (RTNeural's backends, the limit's ways to share work) the fastest one stays, as NAME."""
    for name in {engine.split("_")[0] for engine in engines if "_" in engine}:
        variants = [engine for engine in engines if engine.startswith(f"{name}_")]
        fastest = min(variants, key=lambda v: engines[v].get("median_us", float("inf")))
        engines[name] = {**engines[fastest], "variant": fastest}
        for variant in variants:
            del engines[variant]


def join(runs):
    """The engines of several processes' reports as one: medians of their quantiles, and all their turns."""
    joined = {}
    for name, first in runs[0].items():
        others = [run[name] for run in runs if name in run and "turns_us" in run[name]]
        joined[name] = dict(first)
        for key in [key for key in first if key.endswith("_us") and others]:
            values = [other[key] for other in others]
            joined[name][key] = sum(values, []) if key == "turns_us" else statistics.median(values)
        if others:
            joined[name]["min_us"] = min(other["min_us"] for other in others)
            joined[name]["excess"] = max(other.get("excess", 0) for other in others)
            for count in ("disturbed", "samples"):
                joined[name][count] = sum(other[count] for other in others)
    return joined


def ratios(engines):
    """How many times longer each engine takes than seqc: quartiles over the rounds."""
    result = {}
    for name, engine in engines.items():
        if name != "seqc" and "turns_us" in engine and "turns_us" in engines.get("seqc", {}):
            rounds = sorted(a / b for a, b in zip(engine["turns_us"], engines["seqc"]["turns_us"]))
            at = lambda q: rounds[round(q * (len(rounds) - 1))]
            result[name] = {"median": at(0.5), "q1": at(0.25), "q3": at(0.75)}
    return result


# Where a run is this short, what the address of a tensor happens to be shows: other processes have other addresses.
SHORT_US, SHORT_PROCESSES = 20, 3


# What the probe takes on a quiet machine, by the number of threads: the fastest of all rows until now (see probe.h).
probe_us = {}


def run_job_on_quiet_machine(arguments, name, job):
    threads = job["threads"]
    report = run_job(arguments, name, {**job, "probe_us": probe_us.get(threads, 0)})
    if "probe_us" in report:
        probe_us[threads] = report["probe_us"]
    return report


def run_processes(arguments, name, job):
    first = run_job_on_quiet_machine(arguments, name, job)
    if "problem" in first:
        return first
    engines = [first["engines"]]
    fastest = min(engine["median_us"] for engine in first["engines"].values() if "median_us" in engine)
    for _ in range(1, SHORT_PROCESSES if fastest < SHORT_US else 1):
        again = run_job_on_quiet_machine(arguments, name, job)
        engines += [again["engines"]] if "engines" in again else []
    for run in engines:
        keep_fastest_variants(run)
    return {**first, "engines": join(engines)}


def measure(arguments, name, model, threads, job, builds=((),), **row):
    """One row: builds the library with the first of `builds` (options) that will do, runs the job, and looks for what went
    wrong."""
    row = {"model": name, "threads": threads, **row}
    job = {"ort": str(arguments.ort), "model": str(model), "threads": threads, "seconds": arguments.seconds,
           "rounds": arguments.rounds, "patience": arguments.patience, "cpu_time": arguments.cpu_time,
           "atol": ATOL, "rtol": RTOL, **job}
    problems = []
    if arguments.seqc:
        for options in builds:
            library, seconds, problem = build_library(arguments.seqc, model, arguments.work / "built" / name, options)
            if library:
                break
        if library:
            row["build_s"] = seconds
            job["seqc"] = str(library)
        else:
            problems.append(f"seqc: {problem}")
    row.update(run_processes(arguments, f"{name}_{threads}", job))
    engines = row.get("engines", {})
    row["ratios"] = ratios(engines)
    turns = [len(found["turns_us"]) for found in engines.values() if "turns_us" in found]
    row["disturbed"] = sum(found.get("disturbed", 0) for found in engines.values()) / max(1, sum(turns))
    for engine, found in engines.items():
        if found.get("excess", 0) > 1:
            problems.append(f"{engine}: outputs differ by {found['largest_difference']:.1e}")
        elif engine == "seqc" and "problem" in found:
            problems.append(f"seqc: {found['problem']}")
        found.pop("turns_us", None)
    if "problem" in row:
        problems.insert(0, row.pop("problem"))
    if problems:
        row["problem"] = "; ".join(problems)
    return row


def measure_config(arguments, config, threads):
    model = models.write(config, arguments.work / "models")
    job = {"roofline": config.workload(), "dims": {"T": config.steps, "N": config.batch}}
    network = config.network(model.with_suffix(".bin"))
    if network:
        job["network"] = network
        job["plugins"] = {name: str(path) for name, path in arguments.plugins.items()}
    if config.ragged:
        file = model.with_suffix(".lengths")
        file.write_bytes(config.lengths().tobytes())
        job["inputs"] = [None, {"dtype": whole_models.DTYPES["int32"], "shape": [config.batch], "file": str(file)}]
    builds = ((),)
    if config.compressed:  # other numbers, bound by a tolerance of their own, for less memory traffic: the f32 limit does not bind them
        options, tolerance = models.COMPRESSED[config.compressed]
        builds = (options,)
        job.update(atol=tolerance, rtol=tolerance)
        del job["roofline"]
    return measure(arguments, config.name, model, threads, job, builds, kind=config.kind, config=vars(config))


def measure_whole_model(arguments, folder, threads):
    name = f"model:{folder.name}"
    try:
        job, builds = whole_models.prepare(folder, arguments.work / "models" / folder.name)
    except Exception as error:  # the files are other people's: a broken one is a row, not the end
        return {"model": name, "threads": threads, "kind": "model", "problem": str(error)}
    return measure(arguments, name, folder / "model.onnx", threads, job, builds, kind="model")


def tasks(arguments):
    """(name, threads, function) of every row."""
    counts = [int(n) for n in arguments.threads.split(",")]
    for threads in counts:
        for config in models.select(arguments.patterns, arguments.quick):
            yield config.name, threads, lambda c=config, t=threads: measure_config(arguments, c, t)
    for folder in whole_models.select(arguments.models, arguments.patterns):
        yield f"model:{folder.name}", 1, lambda f=folder: measure_whole_model(arguments, f, 1)


class Progress:
    """A bar on a terminal; elsewhere the rows of the table are progress enough."""

    def __init__(self, total):
        self.total, self.start, self.live = total, time.monotonic(), sys.stderr.isatty()

    def show(self, done, name):
        if not self.live:
            return
        columns = min(100, shutil.get_terminal_size().columns) - 1
        filled = 20 * done // max(1, self.total)
        left = (time.monotonic() - self.start) / done * (self.total - done) if done else 0
        text = f"[{'#' * filled}{'.' * (20 - filled)}] {done}/{self.total} {name}" + (f", {left / 60:.0f} min left" if done else "")
        print("\r\033[K" + text[:columns], end="", file=sys.stderr, flush=True)

    def clear(self):
        if self.live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def machine():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} CPUs"
    return f"{os.cpu_count()} CPUs"


def parse():
    parser = argparse.ArgumentParser(prog="run.sh", description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", help="regular expressions; a configuration is measured whose name holds a match")
    parser.add_argument("--only", dest="patterns_too", action="append", default=[], metavar="PATTERN", help="the same")
    parser.add_argument("--threads", default="1,2", help="comma separated thread counts (1,2)")
    parser.add_argument("--seconds", type=float, help="measuring time a row, all engines together (4)")
    parser.add_argument("--rounds", type=int, help="turns of each engine, at least (9)")
    parser.add_argument("--patience", type=float, default=20, metavar="SECONDS",
                        help="how long a row waits at most until the machine is quiet, in all (20)")
    parser.add_argument("--cpu-time", action="store_true",
                        help="at one thread, leave out the time that other programs had the processor")
    parser.add_argument("--quick", action="store_true", help="a few configurations, for about a second each")
    parser.add_argument("--models", type=pathlib.Path, metavar="DIR",
                        help="whole models as well: folders with model.onnx and test_data_set_0, one thread")
    parser.add_argument("--resume", action="store_true", help="go on with results.json: rows that it has are not measured again")
    parser.add_argument("--check", action="store_true", help="tell which goals are met; exit code 1 if one is missed")
    parser.add_argument("--against", type=pathlib.Path, metavar="RESULTS.json",
                        help="tell which ratios differ from an earlier run's by more than 15 %%")
    parser.add_argument("--report", action="store_true", help="measure nothing: print what results.json has")
    parser.add_argument("--list", action="store_true", help="name the configurations and stop")
    inner = parser.add_argument_group("given by run.sh")
    inner.add_argument("--ort", type=pathlib.Path, help="libonnxruntime.so.1")
    inner.add_argument("--compare", type=pathlib.Path, help="the driver, built from compare.cpp")
    inner.add_argument("--seqc", type=pathlib.Path, help="the seqc tool; the peers alone without")
    inner.add_argument("--plugin", action="append", default=[], metavar="NAME=FILE", help="another peer")
    inner.add_argument("--work", type=pathlib.Path, help="folder for models, libraries and results")
    arguments = parser.parse_args()
    if not arguments.list and not (arguments.ort and arguments.compare and arguments.work):
        parser.error("run it through run.sh, which gives --ort, --compare and --work")
    arguments.patterns += arguments.patterns_too
    arguments.seconds = arguments.seconds or (1.2 if arguments.quick else 4)
    arguments.rounds = arguments.rounds or (3 if arguments.quick else 9)
    arguments.plugins = dict(plugin.split("=", 1) for plugin in arguments.plugin)
    return arguments


def run(arguments, path):
    """Measures what is asked for."""
    todo = list(tasks(arguments))
    if not todo:
        raise SystemExit(f"nothing matches {arguments.patterns}; --list names the configurations")
    progress = Progress(len(todo))
    head = {"machine": machine(), "date": time.strftime("%Y-%m-%d %H:%M"), "atol": ATOL, "rtol": RTOL}
    results = Results(path, head, arguments.resume)
    print(report.header(head), flush=True)
    for done, (name, threads, work) in enumerate(todo):
        progress.show(done, f"{name}, {threads} thread{'s' if threads > 1 else ''}")
        row = results.find(name, threads) or work()
        progress.clear()
        print(report.line(row), flush=True)
        results.add(row)


def main():
    arguments = parse()
    if arguments.list:
        print("\n".join(f"{name} ({threads})" for name, threads, _ in tasks(arguments)))
        return 0
    arguments.work.mkdir(parents=True, exist_ok=True)
    path = arguments.work / "results.json"
    if not arguments.report:
        run(arguments, path)
    results = json.loads(path.read_text())
    summary = report.summary(results["rows"])
    passed = not any("problem" in row for row in results["rows"])
    if arguments.check:
        text, met = goals.check(results["rows"])
        summary += "\n" + text
        passed = passed and met
    if arguments.against:
        text, same = goals.against(results["rows"], json.loads(arguments.against.read_text())["rows"])
        summary += "\n" + text
        passed = passed and same
    table = "\n".join([report.header(results), *map(report.line, results["rows"])])
    (arguments.work / "results.md").write_text(f"{table}\n\n{summary}", encoding="utf-8")
    print(f"{table}\n\n{summary}" if arguments.report else f"\n{summary}")
    print(f"results.md and results.json are in {os.path.relpath(arguments.work)}")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
