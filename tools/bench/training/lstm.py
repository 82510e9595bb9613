#!/usr/bin/env python3
"""Compares LSTM layers alone, forward and backward, with oneDNN's training primitives and PyTorch.

    tools/bench/training/run.sh lstm [--threads 1 2] [--shapes rows sentiment letters] [--rounds 9] [--json FILE]

All get the same weights, the same input and the same derivative by the output, and have to come to the same derivatives by the
input, the weights and the biases. They take turns; ratios are medians of the rounds' ratios. `bound` is the time of the
multiply-adds alone, at the speed that this machine reaches with both operands in its nearest cache.
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

# steps, rows, inputs, hidden, layers: those of the models in training.py
SHAPES = {"rows": (28, 128, 28, 128, 1), "sentiment": (200, 64, 256, 128, 1), "letters": (100, 64, 256, 256, 2)}


def write_task(folder, shape):
    steps, rows, inputs, hidden, layers = SHAPES[shape]
    random = numpy.random.default_rng(1)
    def save(name, size, scale):
        numpy.save(folder / f"{name}.npy", (scale * random.standard_normal(size)).astype(numpy.float32))
    save("x", (steps, rows, inputs), 1)
    save("g", (steps, rows, hidden), 1)
    for layer in range(layers):
        save(f"w{layer}", (4 * hidden, hidden if layer else inputs), hidden ** -0.5)
        save(f"r{layer}", (4 * hidden, hidden), hidden ** -0.5)
        save(f"b{layer}", (4 * hidden,), 0.1)


class Torch:
    def __init__(self, folder, threads):
        import torch
        torch.set_num_threads(threads)
        load = lambda name: torch.from_numpy(numpy.load(folder / f"{name}.npy"))
        self.x, self.g = load("x").requires_grad_(), load("g")
        layers = len(list(folder.glob("w*.npy")))
        self.lstm = torch.nn.LSTM(self.x.shape[2], self.g.shape[2], layers)
        with torch.no_grad():
            for layer in range(layers):
                for part, name in (("w", "weight_ih"), ("r", "weight_hh"), ("b", "bias_ih")):
                    getattr(self.lstm, f"{name}_l{layer}").copy_(load(f"{part}{layer}"))
                getattr(self.lstm, f"bias_hh_l{layer}").zero_()

    def steps(self, count):
        start = time.perf_counter()
        for _ in range(count):
            self.x.grad = None
            self.lstm.zero_grad(set_to_none=True)
            self.y = self.lstm(self.x)[0]
            self.y.backward(self.g)
        return (time.perf_counter() - start) / count

    def results(self):
        stacked = lambda name: numpy.stack([getattr(self.lstm, f"{name}_l{layer}").grad.numpy().T for layer in range(self.lstm.num_layers)])
        return {"y": self.y.detach().numpy(), "dx": self.x.grad.numpy(), "db": stacked("bias_ih"),
                "dr": stacked("weight_hh"), "dw": stacked("weight_ih")}


class Program(apart.Program):
    """A process that trains, and leaves NAME.RESULT.npy behind when it ends."""
    def __init__(self, folder, name, command):
        super().__init__(command)
        self.folder, self.name = folder, name

    def results(self):
        self.close()
        return read_results(self.folder, self.name)


def read_results(folder, name):
    load = lambda result: numpy.load(folder / f"{name}.{result}.npy")
    if name != "seqc":
        return {result: load(result) for result in ("y", "dx", "dw", "dr", "db")}
    gates = lambda layer, part: numpy.concatenate([load(f"grad_{layer}.{gate}.{part}").T for gate in ("input", "forget", "cell", "output")], axis=-1)
    layers = len(list(folder.glob("w*.npy")))
    return {"y": load("y"), "dx": load("dx"),
            **{f"d{part}": numpy.stack([gates(layer, part) for layer in range(layers)]) for part in "wrb"}}


def measure(build, shape, threads, rounds, turn):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_task(folder, shape)
        ours = Program(folder, "seqc", [build / "bench_lstm", threads, folder])
        facts = ours.answer()
        engines = {"seqc": ours, "torch": Torch(folder, threads)}
        if (build / "onednn_lstm").exists():
            engines["onednn"] = Program(folder, "onednn", [build / "onednn_lstm", folder])
        for engine in engines.values():
            engine.steps(2)
        counts = {name: max(1, math.ceil(turn / engine.steps(2))) for name, engine in engines.items()}
        times = [{name: engine.steps(counts[name]) for name, engine in engines.items()} for _ in range(rounds)]
        results = {name: engine.results() for name, engine in engines.items()}
    differences = {name: max(float(numpy.abs(values[key] - results["seqc"][key]).max() / numpy.abs(values[key]).max()) for key in values)
                   for name, values in results.items() if name != "seqc"}
    ratios = {name: [turn[name] / turn["seqc"] for turn in times] for name in differences}
    return {"shape": shape, "threads": threads, "bound_ms": 1e3 * facts["bound_seconds"], "differences": differences,
            "ms": {name: 1e3 * statistics.median(turn[name] for turn in times) for name in engines},
            "ratios": {name: statistics.median(values) for name, values in ratios.items()},
            "quartiles": {name: statistics.quantiles(values, n=4)[::2] for name, values in ratios.items()}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default="build/release", help="where the programs are")
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=SHAPES)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--turn", type=float, default=1.0, help="seconds a turn, about")
    parser.add_argument("--json", type=pathlib.Path, help="file for the results")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.build, arguments.shapes[0], arguments.threads[0], arguments.rounds, arguments.turn)))
        return
    rows, agree = [], True
    print("| layers | threads | oneDNN ms | PyTorch ms | seqc ms | oneDNN/seqc | PyTorch/seqc | bound/seqc |\n|---|---|---|---|---|---|---|---|")
    for threads in arguments.threads:
        for shape in arguments.shapes:
            row = apart.run([sys.executable, __file__, "--one", "--build", arguments.build, "--shapes", shape, "--threads", threads,
                             "--rounds", arguments.rounds, "--turn", arguments.turn], threads)
            rows.append(row)
            time_of = lambda name: f"{row['ms'][name]:.1f}" if name in row["ms"] else "-"
            ratio = lambda name: f"**{row['ratios'][name]:.2f}** ({row['quartiles'][name][0]:.2f}-{row['quartiles'][name][1]:.2f})" if name in row["ratios"] else "-"
            print(f"| {shape} | {threads} | {time_of('onednn')} | {time_of('torch')} | {time_of('seqc')} | {ratio('onednn')} | {ratio('torch')} | {row['bound_ms'] / row['ms']['seqc']:.2f} |", flush=True)
            for name, difference in row["differences"].items():
                if not difference < 1e-4:
                    agree = False
                    print(f"{shape}: {name} differs by {difference:.2g} of the largest value", file=sys.stderr)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
