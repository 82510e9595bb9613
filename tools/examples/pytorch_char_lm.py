#!/usr/bin/env python3
"""Trains char_lm's model in PyTorch, too: the same streams in the same order, states carried, clipping, Adam along a cosine.

    build/release/example_char_lm --data DIR --out OUT --save-data data.npz
    tools/examples/pytorch_char_lm.py data.npz [--epochs 15] [--stop-after 1] [--seed 1] [--threads 1]

Prints validation loss (nats per letter) and seconds of each epoch; `processor` seconds, of all threads, depend less on what
else the machine does. Parameters start as PyTorch starts them. PyTorch is Debian's (python3-torch, libopenblas0-openmp).
"""
import argparse
import math
import pathlib
import sys
import time

import numpy
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench" / "training"))
import apart


class CharLm(nn.Module):
    def __init__(self, letters):
        super().__init__()
        self.letters, self.next = nn.Embedding(letters, 128), nn.Linear(256, letters)
        self.lstm = nn.LSTM(128, 256, num_layers=2, dropout=0.2)  # between the layers
        for name, bias in self.lstm.named_parameters():
            if name.startswith("bias_ih"):
                bias.data[256:512] = 1  # gates in the order i, f, g, o

    def forward(self, x, states):
        y, states = self.lstm(self.letters(x), states)
        return self.next(F.dropout(y, 0.2, self.training)), states


def batches(archive, kind):
    """x and y [T,N], in their order."""
    numbers = sorted({int(key.split(".")[1]) for key in archive.files if key.startswith(kind + ".")})
    return [[torch.from_numpy(archive[f"{kind}.{i}.{name}"]) for name in ("x", "y")] for i in numbers]


def run(model, data, learn=None):
    """Mean loss of an epoch; states begin with zeros."""
    model.train(learn is not None)
    states, total, steps = None, 0.0, 0
    for x, y in data:
        with torch.set_grad_enabled(learn is not None):
            logits, states = model(x, states)
            loss = F.cross_entropy(logits.flatten(0, 1), y.flatten())
        if learn:
            learn(loss)
        states = [state.detach() for state in states]
        total, steps = total + loss.item() * len(x), steps + len(x)
    return total / steps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--epochs", type=int, default=15, help="that the learning rate is made for")
    parser.add_argument("--stop-after", type=int, help="ends after so many of them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    apart.restart_with(args.threads)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    with numpy.load(args.data) as archive:
        train, validation = batches(archive, "train"), batches(archive, "validation")
    model = CharLm(1 + max(int(x.max()) for x, _ in train + validation))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    steps, last = args.epochs * len(train), 1e-4 / 3e-3
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: last + (1 - last) * (1 + math.cos(math.pi * min(step / steps, 1))) / 2)

    def learn(loss):
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5)
        optimizer.step()
        schedule.step()

    for epoch in range(1, (args.stop_after or args.epochs) + 1):
        began, processor = time.perf_counter(), time.process_time()
        loss = run(model, train, learn)
        seconds, processor = time.perf_counter() - began, time.process_time() - processor
        print(f"epoch {epoch}/{args.epochs}: {seconds:.1f} s, {processor:.1f} processor seconds, loss {loss:.4f}, "
              f"validation loss {run(model, validation):.4f}", flush=True)


if __name__ == "__main__":
    main()
