#!/usr/bin/env python3
"""Trains the model of an example program in PyTorch, too: the same data, batches and epochs. Prints both as a line of a table.

    tools/examples/pytorch.py mnist_lstm --data DIR [--epochs 5] [--seed 1] [--threads 1] [--build build/release] [--run DIR]
    tools/examples/pytorch.py mnist_lstm --data DIR --times [--batches 40] [--rounds 3]
    tools/examples/pytorch.py cells -- --full --only adding-100        # options of the program: models with the same data

The program runs first (--run: in a folder where it may have been trained already) and hands its data over with --save-data.
Seconds per epoch are those of the training batches alone: with one thread the processor's, which depend less on what else the
machine does. --times measures nothing else: both train by turns, of every set with its first batches, and what the fastest
epoch of each took is told for all batches. PyTorch is Debian's (python3-torch, libopenblas0-openmp); the models are those of
pytorch_models.py.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy
import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench" / "training"))
import apart
from pytorch_models import PROGRAMS

SECONDS = ("seconds per epoch", "processor seconds per epoch")  # figures of the programs, and of PyTorch here


class Data:
    """The batches of one set, each a dictionary of tensors."""

    def __init__(self, archive, name):
        batches = {}
        for key in archive.files:
            kind, index, array = key.split(".", 2)
            if kind == name:
                batches.setdefault(int(index), {})[array] = torch.from_numpy(archive[key])
        self.batches = [batches[i] for i in sorted(batches)]

    def epoch(self, program):
        """In the order of an epoch: the examples mixed anew, or the batches, or as they are."""
        if program.get("in_order"):
            return self.batches
        if "mixed" not in program:
            return [self.batches[i] for i in torch.randperm(len(self.batches))]
        x, y = program["mixed"]  # examples along axes 1 and 0
        all_x, all_y = torch.cat([b[x] for b in self.batches], 1), torch.cat([b[y] for b in self.batches])
        order = torch.randperm(len(all_y)).split(len(self.batches[0][y]))
        return [{x: all_x[:, rows], y: all_y[rows]} for rows in order]

    def sizes(self):
        """Of each array one more than its largest number, or of floats the size of the last axis; mean and deviation of y."""
        sizes = {}
        for batch in self.batches:
            for name, values in batch.items():
                size = values.shape[-1] if values.is_floating_point() else 1 + int(values.max())
                sizes[name] = max(size, sizes.get(name, 0))
        if "y" in sizes and self.batches[0]["y"].is_floating_point():
            y = torch.cat([batch["y"].flatten() for batch in self.batches])
            sizes["y mean"], sizes["y deviation"] = float(y.mean()), float(y.std(unbiased=False))
        return sizes


def evaluate(model, data):
    """Means of the metrics over all batches."""
    model.eval()
    model.start()
    sums, total = {}, 0
    name, axis = model.rows
    with torch.no_grad():
        for batch in data.batches:
            weight = batch[name].shape[axis]
            for metric, value in model(batch).items():
                sums[metric] = sums.get(metric, 0.0) + value.item() * weight
            total += weight
    return {metric: value / total for metric, value in sums.items()}


class Training:
    """A model with its data and optimiser."""

    def __init__(self, program, archive, epochs, seed):
        torch.manual_seed(seed)
        self.program = program
        self.data = {name: Data(archive, name) for name in ("train", "validation", "test")}
        self.trained = 0
        self.train = [self.data["train"]]  # of each epoch, if the program made new ones
        while (data := Data(archive, f"train {len(self.train) + 1}")).batches:
            self.train.append(data)
        sizes = [data.sizes() for data in self.data.values()]
        whole = {name: max(s.get(name, 0) for s in sizes) for name in sizes[0]}
        self.model = program["model"]({**whole, **{name: sizes[0][name] for name in whole if name.startswith("y ")}})
        self.optimizer = program["optimizer"](self.model.parameters())
        steps = epochs * len(self.data["train"].batches)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: program["schedule"](step, steps) if "schedule" in program else 1.0)

    def epoch(self, count=None):
        """Trains, with so many batches of the epoch; SECONDS for each."""
        self.model.train()
        self.model.start()
        batches = self.train[self.trained % len(self.train)].epoch(self.program)[:count]
        self.trained += 1
        for i, batch in enumerate(batches):
            if i == min(1, len(batches) - 1):  # the first one is no measure
                began, began_processor = time.perf_counter(), time.process_time()
            self.optimizer.zero_grad()
            self.model(batch)["loss"].backward()
            if "clip" in self.program:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.program["clip"])
            if "clip_value" in self.program:
                nn.utils.clip_grad_value_(self.model.parameters(), self.program["clip_value"])
            self.optimizer.step()
            self.schedule.step()
        timed = max(1, len(batches) - 1)
        return (time.perf_counter() - began) / timed, (time.process_time() - began_processor) / timed

    def run(self, epochs):
        """Figures: metrics of the test set, seconds per epoch."""
        batches, seconds, best, since, epoch = len(self.data["train"].batches), [], None, 0, 0
        for epoch in range(1, epochs + 1):
            seconds.append([each * batches for each in self.epoch()])
            metrics = evaluate(self.model, self.data["validation"])
            shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics.items())
            print(f"  PyTorch epoch {epoch}/{epochs}: {seconds[-1][0]:.1f} s, validation {shown}", flush=True)
            if "patience" in self.program:
                if best is None or metrics["loss"] < best[0]:
                    best, since = (metrics["loss"], {k: v.clone() for k, v in self.model.state_dict().items()}), 0
                else:
                    since += 1
                if since >= self.program["patience"]:
                    break
        if best:
            self.model.load_state_dict(best[1])
        figures = {"test " + name: value for name, value in evaluate(self.model, self.data["test"]).items()}
        return {"epochs": epoch, **figures, **dict(zip(SECONDS, numpy.median(seconds, 0)))}


def run_ours(args, out, archive=None, extra=()):
    """The figures of the program."""
    command = [str(pathlib.Path(args.build) / f"example_{args.program}"), "--out", str(out), "--seed", str(args.seed),
               "--threads", str(args.threads), *extra]
    command += ["--save-data", str(archive)] if archive else []
    command += ["--data", args.data] if args.data else []
    command += ["--epochs", str(args.epochs)] if args.epochs else []
    command += args.options
    subprocess.run(command, check=True, stdout=sys.stderr)
    return json.loads((out / "summary.json").read_text())["figures"]


def parts_of(args, figures):
    """Each model of the program that it trained: its name, what to train, its figures without the part's name."""
    for name, what in PROGRAMS.items():
        own, _, part = name.partition(":")
        prefix = part + " " if part else ""
        ours = {key.removeprefix(prefix): value for key, value in figures.items() if key.startswith(prefix)}
        if own == args.program and "epochs" in ours:
            yield name.replace(":", " "), what if args.data else {**what, **what.get("built_in", {})}, ours


def which_seconds(args):
    """Which of SECONDS tell how long an epoch takes: of several threads, those of the processor would count waiting, too."""
    return 0 if args.threads > 1 else 1


def compare(args, folder):
    """Trains both, as long as the program says."""
    anew = any(what.get("anew") for name, what in PROGRAMS.items() if name.split(":")[0] == args.program)
    figures = run_ours(args, pathlib.Path(args.run) if args.run else folder / "out", folder / "data.npz",
                       ["--save-epochs"] if anew else [])
    for name, program, ours in parts_of(args, figures):
        epochs = args.epochs or int(ours["epochs"])
        with numpy.load(folder / "data.npz") as archive:
            theirs = Training(program, archive, epochs, args.seed).run(epochs)
        print(json.dumps({"program": name, "seed": args.seed, "threads": args.threads, "ours": ours, "PyTorch": theirs}))
        judged = "test accuracy" if "test accuracy" in ours else "test loss"
        cells = [f"{100 * f[judged]:.2f} %" if "accuracy" in judged else f"{f[judged]:.4g}" for f in (ours, theirs)]
        seconds = [f[SECONDS[which_seconds(args)]] for f in (ours, theirs)]
        print(f"| {name} | {int(ours['epochs'])} | {cells[0]} | {cells[1]} | {seconds[0]:.3g} | {seconds[1]:.3g} | "
              f"{seconds[1] / seconds[0]:.2f} |", flush=True)


def measure(args, folder):
    """Seconds of an epoch's training batches, both by turns."""
    args.epochs, which = args.epochs or 1, which_seconds(args)
    extra = ["--batches", str(args.batches)] if args.batches else []
    seconds, trainings, whole = {}, {}, {}
    for turn in range(args.rounds):
        figures = run_ours(args, folder / f"out{turn}", folder / "data.npz" if turn == 0 else None, extra)
        for name, program, ours in parts_of(args, figures):
            if name not in trainings:
                with numpy.load(folder / "data.npz") as archive:
                    trainings[name] = Training(program, archive, 1, args.seed)
                whole[name] = len(trainings[name].data["train"].batches)
            done = min(args.batches or whole[name], whole[name])
            theirs = trainings[name].epoch(args.batches)[which]
            seconds.setdefault(name, []).append([ours[SECONDS[which]] / done * whole[name], theirs * whole[name]])
    for name, turns in seconds.items():
        ours, theirs = (min(turn[k] for turn in turns) for k in (0, 1))
        print(f"| {name} | {whole[name]} | {ours:.3g} | {theirs:.3g} | {theirs / ours:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="What follows -- are options of the program.")
    parser.add_argument("program", choices=sorted({name.split(":")[0] for name in PROGRAMS}))
    parser.add_argument("--data", help="the real data; without it those of the program")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--build", default="build/release", help="where the program lies")
    parser.add_argument("--run", help="the program's folder; one that was trained already is not trained again")
    parser.add_argument("--times", action="store_true", help="measures how long an epoch takes, and nothing else")
    parser.add_argument("--batches", type=int, help="with --times: goes through so many batches of an epoch; all by default")
    parser.add_argument("--rounds", type=int, default=3, help="with --times: how often each has its turn")
    own = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    args = parser.parse_args(sys.argv[1:own])
    args.options = sys.argv[own + 1:]
    apart.restart_with(args.threads)
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        (measure if args.times else compare)(args, pathlib.Path(folder))


if __name__ == "__main__":
    main()
