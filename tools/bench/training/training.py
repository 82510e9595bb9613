#!/usr/bin/env python3
"""Compares training steps of seqc and PyTorch: forward, loss, backward, clipping by global norm, Adam.

    tools/bench/training/run.sh [--threads 1 2] [--models rows sentiment letters own_cell] [--rounds 9] [--json FILE]

Both start from the same parameters on the same batch and must come to the same loss. They take turns, some steps each; the
ratios are medians of the rounds' ratios, with quartiles. `bound` is the time of the step's multiply-adds alone, at the
speed that this machine reaches with both operands in its nearest cache. PyTorch is Debian's (python3-torch), with Debian's
OpenBLAS (libopenblas0-openmp): with the plain libblas3, which it comes with, it is about ten times slower.
"""
import argparse
import json
import math
import pathlib
import statistics
import sys
import tempfile
import time

import numpy

import apart

MODELS = ("rows", "sentiment", "letters", "own_cell")


class Seqc(apart.Program):
    def __init__(self, program, model, threads, folder):
        super().__init__([program, model, threads, folder])
        self.facts = self.answer()

    def steps(self, count):
        said = self.turn(count)
        return said["seconds"] / count, said["loss"]


def torch_lstm(torch, start, name):
    """A torch.nn.LSTM with the parameters NAME.GATE.w, .r and .b; it has a second bias, which stays 0."""
    gates = [f"{name}.{gate}" for gate in ("input", "forget", "cell", "output")]
    join = lambda part: torch.from_numpy(numpy.concatenate([start[f"{gate}.{part}"] for gate in gates]))
    w, r, b = join("w"), join("r"), join("b")
    lstm = torch.nn.LSTM(w.shape[1], r.shape[1])
    with torch.no_grad():
        lstm.weight_ih_l0.copy_(w)
        lstm.weight_hh_l0.copy_(r)
        lstm.bias_ih_l0.copy_(b)
        lstm.bias_hh_l0.zero_()
    lstm.bias_hh_l0.requires_grad_(False)
    return lstm


class Torch:
    def __init__(self, model, threads, folder):
        import torch
        torch.set_num_threads(threads)
        self.torch = torch
        start = parameters(folder / "start.npz")
        load = lambda name: torch.from_numpy(numpy.load(folder / name))
        self.x, self.target = load("x.npy"), load("target.npy")
        self.modules = torch.nn.ModuleDict({"lstm": torch_lstm(torch, start, "lstm")})
        if "embedding.table" in start:
            table = torch.from_numpy(start["embedding.table"])
            self.modules["embedding"] = torch.nn.Embedding.from_pretrained(table.clone(), freeze=False)
        if "second.input.w" in start:
            self.modules["second"] = torch_lstm(torch, start, "second")
        dense = torch.nn.Linear(*reversed(start["dense.w"].shape))
        with torch.no_grad():
            dense.weight.copy_(torch.from_numpy(start["dense.w"]))
            dense.bias.copy_(torch.from_numpy(start["dense.b"]))
        self.modules["dense"] = dense
        self.model = model
        self.trained = [p for p in self.modules.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(self.trained, 1e-3)

    def loss(self):
        functional = self.torch.nn.functional
        x = self.modules["embedding"](self.x) if "embedding" in self.modules else self.x
        y = self.modules["lstm"](x)[0]
        if self.model == "letters":
            y = self.modules["dense"](self.modules["second"](y)[0])
            return functional.cross_entropy(y.flatten(0, 1), self.target.flatten())
        y = self.modules["dense"](y[-1])
        if self.model == "rows":
            return functional.cross_entropy(y, self.target)
        return functional.binary_cross_entropy_with_logits(y, (self.target > 0).float())

    def steps(self, count):
        start = time.perf_counter()
        for _ in range(count):
            self.optimizer.zero_grad()
            loss = self.loss()
            loss.backward()
            self.torch.nn.utils.clip_grad_norm_(self.trained, 5)
            self.optimizer.step()
        return (time.perf_counter() - start) / count, loss.item()


class Unknown:
    """Stands for PyTorch where it has no such cell."""
    def steps(self, count):
        return math.inf, math.nan


def parameters(path):
    """The arrays of a checkpoint, by the names of the parameters."""
    with numpy.load(path) as file:
        arrays = {name: file[name] for name in file.files if not name.endswith(".json")}
    return {name.split("/")[-1]: value for name, value in arrays.items()}


def measure(program, model, threads, rounds, turn):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        seqc = Seqc(program, model, threads, name)
        torch = Unknown() if model == "own_cell" else Torch(model, threads, folder)
        first = [engine.steps(3) for engine in (seqc, torch)]
        counts = [max(1, math.ceil(turn / engine.steps(2)[0])) for engine in (seqc, torch)]
        times = [[engine.steps(count)[0] for engine, count in zip((seqc, torch), counts)] for _ in range(rounds)]
        seqc.close()
    ratios = [theirs / ours for ours, theirs in times]
    losses = [loss for _, loss in first]
    return {
        "model": model, "threads": threads, "loss_after_3": losses, "agree": not abs(losses[0] - losses[1]) > 1e-4 * abs(losses[1]),
        "seqc_ms": 1e3 * statistics.median(ours for ours, _ in times),
        "torch_ms": 1e3 * statistics.median(theirs for _, theirs in times),
        "ratio": statistics.median(ratios), "quartiles": statistics.quantiles(ratios, n=4)[::2],
        "bound_ms": 1e3 * seqc.facts["bound_seconds"], "compile_ms": 1e3 * seqc.facts["compile_seconds"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default="build/release", help="where the programs are")
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--turn", type=float, default=1.0, help="seconds a turn, about")
    parser.add_argument("--json", type=pathlib.Path, help="file for the results")
    parser.add_argument("--one", action="store_true", help="measure here, and print JSON: what a row's process is started with")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.build / "bench_training", arguments.models[0], arguments.threads[0], arguments.rounds, arguments.turn)))
        return
    rows = []
    print("| model | threads | PyTorch ms | seqc ms | PyTorch/seqc | bound/seqc | compiled in ms |\n|---|---|---|---|---|---|---|")
    for threads in arguments.threads:
        for model in arguments.models:
            row = apart.run([sys.executable, __file__, "--one", "--build", arguments.build, "--models", model, "--threads", threads,
                             "--rounds", arguments.rounds, "--turn", arguments.turn], threads)
            rows.append(row)
            low, high = row["quartiles"]
            known = math.isfinite(row["ratio"])
            theirs, ratio = (f"{row['torch_ms']:.1f}", f"**{row['ratio']:.2f}** ({low:.2f}-{high:.2f})") if known else ("-", "-")
            print(f"| {model} | {threads} | {theirs} | {row['seqc_ms']:.1f} | {ratio} | {row['bound_ms'] / row['seqc_ms']:.2f} | {row['compile_ms']:.0f} |", flush=True)
            if not row["agree"]:
                print(f"{model}: losses after 3 steps differ: {row['loss_after_3']}", file=sys.stderr)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(0 if all(row["agree"] for row in rows) else 1)


if __name__ == "__main__":
    main()
