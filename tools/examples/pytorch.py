#!/usr/bin/env python3
"""Trains the model of an example program in PyTorch, too: the same data, batches and epochs. Prints both, as a line of the README.

    tools/examples/pytorch.py mnist_lstm --data DIR [--epochs 5] [--seed 1] [--threads 1] [--build build/release] [--run DIR]

The program runs first (--run: in a folder where it may have been trained already) and hands its data over with --save-data.
Seconds per epoch are those of the training batches alone; `processor` seconds, of all threads, depend less on what else the
machine does. Parameters start as PyTorch starts them. PyTorch is Debian's (python3-torch, libopenblas0-openmp).
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench" / "training"))
import apart


def forget_bias_one(lstm):
    for name, bias in lstm.named_parameters():
        if name.startswith("bias_ih"):
            size = bias.shape[0] // 4  # gates in the order i, f, g, o
            bias.data[size:2 * size] = 1
    return lstm


class MnistLstm(nn.Module):
    def __init__(self, facts):
        super().__init__()
        self.embed, self.lstm = nn.Linear(28, 128), forget_bias_one(nn.LSTM(128, 128))
        self.digit = nn.Linear(128, 10)

    def forward(self, x):
        return self.digit(self.lstm(self.embed(x))[0][-1])


class MnistRnn(nn.Module):
    def __init__(self, facts):
        super().__init__()
        self.rnn, self.digit = nn.RNN(28, 150), nn.Linear(150, 10)

    def forward(self, x):
        return self.digit(self.rnn(x)[0][-1])


class Spam(nn.Module):
    def __init__(self, facts):
        super().__init__()
        self.words, self.rnn = nn.Embedding(facts["vocabulary"], 50), nn.RNN(50, 10)
        self.label = nn.Linear(10, 2)

    def forward(self, x):
        return self.label(F.dropout(self.rnn(self.words(x))[0][-1], 0.5, self.training))


class Sentiment(nn.Module):
    def __init__(self, facts):
        super().__init__()
        self.words, self.lstm = nn.Embedding(facts["vocabulary"], 256), forget_bias_one(nn.LSTM(256, 128))
        self.favourable = nn.Linear(128, 1)

    def forward(self, x):
        return self.favourable(F.dropout(self.lstm(self.words(x))[0][-1], 0.5, self.training))[:, 0]


class Stacked(nn.Module):
    def __init__(self, facts):
        super().__init__()
        self.words = nn.Embedding(facts["vocabulary"], 128)
        self.lstm = forget_bias_one(nn.LSTM(128, 256, num_layers=2, dropout=0.5))
        self.favourable = nn.Linear(256, 1)

    def forward(self, x):
        return self.favourable(F.dropout(self.lstm(self.words(x))[0][-1], 0.5, self.training))[:, 0]


class Bidirectional(nn.Module):
    """Dropout of the state, the same at every step, is nothing that nn.LSTM has: cells in a loop."""

    def __init__(self, facts):
        super().__init__()
        self.words = nn.Embedding(facts["vocabulary"], 128)
        self.cells = nn.ModuleList([forget_bias_one(nn.LSTMCell(128, 100)) for _ in range(2)])
        self.dense = nn.Sequential(nn.Linear(200, 1024), nn.ReLU(), nn.Dropout(0.5),
                                   nn.Linear(1024, 1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, 1))

    def forward(self, x):
        words = self.words(x)
        words = words * F.dropout(torch.ones(1, *words.shape[1:]), 0.3, self.training)
        last = []
        for cell, steps in zip(self.cells, (words, words.flip(0))):
            h = c = torch.zeros(words.shape[1], 100)
            mask = F.dropout(torch.ones_like(h), 0.3, self.training)
            for step in steps:
                h, c = cell(step, (h * mask, c))
            last.append(h)
        return self.dense(torch.cat(last, 1))[:, 0]


def classes_loss(logits, label):
    return F.cross_entropy(logits, label), (logits.argmax(-1) == label).float().mean()


def yes_loss(logits, label):
    return F.binary_cross_entropy_with_logits(logits, label), ((logits > 0) == (label > 0.5)).float().mean()


def cosine(first, last=0.0):
    """Of a rate that begins at `first`: its factor at a step of all steps."""
    return lambda step, steps: (last + (first - last) * (1 + math.cos(math.pi * min(step / steps, 1))) / 2) / first


adam = lambda rate: lambda parameters: torch.optim.Adam(parameters, rate)
rmsprop = lambda rate: lambda parameters: torch.optim.RMSprop(parameters, rate)

# What each program does, by its name or PROGRAM:PART; patience: epochs without a lower validation loss.
PROGRAMS = {
    "mnist_lstm": dict(model=MnistLstm, loss=classes_loss, optimizer=adam(3e-3), schedule=cosine(3e-3, 1e-4), clip=1),
    "mnist_rnn": dict(model=MnistRnn, loss=classes_loss, optimizer=adam(1e-3), schedule=cosine(1e-3), clip=1),
    "spam": dict(model=Spam, loss=classes_loss, optimizer=rmsprop(5e-4)),
    "sentiment": dict(model=Sentiment, loss=yes_loss, optimizer=adam(1e-3), clip=5, patience=2),
    "text_classify:stacked": dict(model=Stacked, loss=yes_loss, optimizer=adam(1e-3), clip=5, patience=2),
    "text_classify:bidirectional": dict(model=Bidirectional, loss=yes_loss, optimizer=adam(1e-3), clip=5, patience=2),
}


class Data:
    """The batches of one set; examples of one length are mixed anew in every epoch, others stay in their batches."""

    def __init__(self, archive, name):
        batches = {}
        for key in archive.files:
            kind, index, array = key.split(".", 2)
            if kind == name:
                batches.setdefault(int(index), {})[array] = torch.from_numpy(archive[key])
        self.batches = [(batches[i]["x"], batches[i]["label"]) for i in sorted(batches)]
        self.one_length = len({x.shape[0] for x, _ in self.batches}) == 1
        self.size = self.batches[0][1].shape[0] if self.batches else 0

    def shuffled(self):
        if not self.one_length:
            return [self.batches[i] for i in torch.randperm(len(self.batches))]
        x, label = (torch.cat([b[k] for b in self.batches], axis) for k, axis in ((0, 1), (1, 0)))
        order = torch.randperm(len(label)).split(self.size)
        return [(x[:, rows], label[rows]) for rows in order]


def evaluate(model, data, loss):
    model.eval()
    total, sums = 0, [0.0, 0.0]
    with torch.no_grad():
        for x, label in data.batches:
            for k, value in enumerate(loss(model(x), label)):
                sums[k] += value.item() * len(label)
            total += len(label)
    return [s / total for s in sums]


def train(program, archive, epochs, seed):
    """Figures: test accuracy, seconds per epoch."""
    torch.manual_seed(seed)
    data = {name: Data(archive, name) for name in ("train", "validation", "test")}
    x = data["train"].batches[0][0]
    facts = {"vocabulary": 1 + max(int(b[0].max()) for b in data["train"].batches)} if not x.is_floating_point() else {}
    model = program["model"](facts)
    optimizer = program["optimizer"](model.parameters())
    steps = epochs * len(data["train"].batches)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: program["schedule"](step, steps) if "schedule" in program else 1.0)
    wall, processor, best, since, epoch = [], [], None, 0, 0
    for epoch in range(1, epochs + 1):
        model.train()
        began, began_processor = time.perf_counter(), time.process_time()
        for x, label in data["train"].shuffled():
            optimizer.zero_grad()
            program["loss"](model(x), label)[0].backward()
            if "clip" in program:
                nn.utils.clip_grad_norm_(model.parameters(), program["clip"])
            optimizer.step()
            schedule.step()
        wall.append(time.perf_counter() - began)
        processor.append(time.process_time() - began_processor)
        loss, accuracy = evaluate(model, data["validation"], program["loss"])
        print(f"  PyTorch epoch {epoch}/{epochs}: {wall[-1]:.1f} s, validation loss {loss:.4f} accuracy {accuracy:.4f}",
              flush=True)
        if "patience" in program:
            if best is None or loss < best[0]:
                best, since = (loss, {k: v.clone() for k, v in model.state_dict().items()}), 0
            else:
                since += 1
            if since >= program["patience"]:
                break
    if best:
        model.load_state_dict(best[1])
    loss, accuracy = evaluate(model, data["test"], program["loss"])
    return {"epochs": epoch, "test loss": loss, "test accuracy": accuracy,
            "seconds per epoch": float(numpy.median(wall)), "processor seconds per epoch": float(numpy.median(processor))}


def run_ours(args, folder):
    archive, out = folder / "data.npz", pathlib.Path(args.run) if args.run else folder / "out"
    command = [str(pathlib.Path(args.build) / f"example_{args.program}"), "--out", str(out), "--save-data", str(archive),
               "--seed", str(args.seed), "--threads", str(args.threads)]
    command += ["--data", args.data] if args.data else []
    command += ["--epochs", str(args.epochs)] if args.epochs else []
    subprocess.run(command, check=True)
    return json.loads((out / "summary.json").read_text())["figures"], numpy.load(archive)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", choices=sorted({name.split(":")[0] for name in PROGRAMS}))
    parser.add_argument("--data", help="the real data; without it those of the program")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--build", default="build/release", help="where the program lies")
    parser.add_argument("--run", help="the program's folder; one that was trained already is not trained again")
    args = parser.parse_args()
    apart.restart_with(args.threads)
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        figures, archive = run_ours(args, pathlib.Path(folder))
        for name, program in PROGRAMS.items():
            if name.split(":")[0] != args.program:
                continue
            part = name.split(":")[1] + " " if ":" in name else ""
            ours = {key[len(part):]: value for key, value in figures.items() if key.startswith(part)}
            theirs = train(program, archive, args.epochs or int(ours["epochs"]), args.seed)
            print(json.dumps({"program": name, "seed": args.seed, "threads": args.threads, "ours": ours, "PyTorch": theirs}))
            ratio = theirs["processor seconds per epoch"] / ours["processor seconds per epoch"]
            print(f"| {name.replace(':', ', ')} | {int(ours['epochs'])} | {100 * ours['test accuracy']:.2f} % | "
                  f"{100 * theirs['test accuracy']:.2f} % | {ours['processor seconds per epoch']:.3g} | "
                  f"{theirs['processor seconds per epoch']:.3g} | {ratio:.2f} |", flush=True)


if __name__ == "__main__":
    main()
