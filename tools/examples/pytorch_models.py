"""The models of the example programs in PyTorch, and what they are trained with: see pytorch.py.

Parameters start as PyTorch starts them, but for the bias of forget gates, which is 1 as in the programs. A model gets a batch,
tensors by name, and gives its metrics, of which the loss is the first.
"""
import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def forget_bias_one(lstm):
    for name, bias in lstm.named_parameters():
        if name.startswith("bias_ih"):
            size = bias.shape[0] // 4  # gates in the order i, f, g, o
            bias.data[size:2 * size] = 1
    return lstm


def classes(logits, label):
    return {"loss": F.cross_entropy(logits, label), "accuracy": (logits.argmax(-1) == label).float().mean()}


def yes_or_no(logits, label):
    return {"loss": F.binary_cross_entropy_with_logits(logits, label), "accuracy": ((logits > 0) == (label > 0.5)).float().mean()}


def ragged(logits, target, lengths):
    """logits[T,N,C], target[T,N]; steps from lengths[n] on do not count."""
    loss, right = F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none"), logits.argmax(-1) == target
    mask = torch.arange(len(target))[:, None] < lengths
    return {"loss": loss[mask.flatten()].mean(), "accuracy": right[mask].float().mean()}


def both_directions(lstm, x, lengths):
    """Outputs [T,N,2H] and the last h of either direction [N,2H] of ragged rows."""
    y, (h, _) = lstm(pack_padded_sequence(x, lengths, enforce_sorted=False))
    return pad_packed_sequence(y)[0], torch.cat([h[0], h[1]], 1)


class Model(nn.Module):
    rows = ("x", 1)  # the input and its axis that counts what batches weigh in a mean

    def start(self):
        """Begins anew: a model that carries states from batch to batch forgets them."""


class MnistLstm(Model):
    def __init__(self, sizes):
        super().__init__()
        self.embed, self.lstm, self.digit = nn.Linear(28, 128), forget_bias_one(nn.LSTM(128, 128)), nn.Linear(128, 10)

    def forward(self, batch):
        return classes(self.digit(self.lstm(self.embed(batch["x"]))[0][-1]), batch["label"])


class MnistRnn(Model):
    def __init__(self, sizes):
        super().__init__()
        self.rnn, self.digit = nn.RNN(28, 150), nn.Linear(150, 10)

    def forward(self, batch):
        return classes(self.digit(self.rnn(batch["x"])[0][-1]), batch["label"])


class DeepRnn(Model):
    def __init__(self, sizes):
        super().__init__()
        self.rnn, self.digit = nn.RNN(28, 100, num_layers=3, dropout=0.2), nn.Linear(100, 10)

    def forward(self, batch):
        return classes(self.digit(F.dropout(self.rnn(batch["x"])[0][-1], 0.2, self.training)), batch["label"])


class Spam(Model):
    def __init__(self, sizes):
        super().__init__()
        self.words, self.rnn, self.label = nn.Embedding(sizes["x"], 50), nn.RNN(50, 10), nn.Linear(10, 2)

    def forward(self, batch):
        last = self.rnn(self.words(batch["x"]))[0][-1]
        return classes(self.label(F.dropout(last, 0.5, self.training)), batch["label"])


class Sentiment(Model):
    def __init__(self, sizes):
        super().__init__()
        self.words, self.lstm = nn.Embedding(sizes["x"], 256), forget_bias_one(nn.LSTM(256, 128))
        self.favourable = nn.Linear(128, 1)

    def forward(self, batch):
        last = self.lstm(self.words(batch["x"]))[0][-1]
        return yes_or_no(self.favourable(F.dropout(last, 0.5, self.training))[:, 0], batch["label"])


class Stacked(Model):
    def __init__(self, sizes):
        super().__init__()
        self.words, self.favourable = nn.Embedding(sizes["x"], 128), nn.Linear(256, 1)
        self.lstm = forget_bias_one(nn.LSTM(128, 256, num_layers=2, dropout=0.5))

    def forward(self, batch):
        last = self.lstm(self.words(batch["x"]))[0][-1]
        return yes_or_no(self.favourable(F.dropout(last, 0.5, self.training))[:, 0], batch["label"])


class Bidirectional(Model):
    """Dropout of the state, the same at every step, is nothing that nn.LSTM has: cells in a loop."""

    def __init__(self, sizes):
        super().__init__()
        self.words = nn.Embedding(sizes["x"], 128)
        self.cells = nn.ModuleList([forget_bias_one(nn.LSTMCell(128, 100)) for _ in range(2)])
        self.dense = nn.Sequential(nn.Linear(200, 1024), nn.ReLU(), nn.Dropout(0.5),
                                   nn.Linear(1024, 1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, 1))

    def forward(self, batch):
        words = self.words(batch["x"])
        words = words * F.dropout(torch.ones(1, *words.shape[1:]), 0.3, self.training)
        last = []
        for cell, steps in zip(self.cells, (words, words.flip(0))):
            h = c = torch.zeros(words.shape[1], 100)
            mask = F.dropout(torch.ones_like(h), 0.3, self.training)
            for step in steps:
                h, c = cell(step, (h * mask, c))
            last.append(h)
        return yes_or_no(self.dense(torch.cat(last, 1))[:, 0], batch["label"])


class Streams(Model):
    """Two LSTM layers over streams of tokens, whose states go on from batch to batch."""
    rows = ("x", 0)

    def __init__(self, sizes, embedding, dropout):
        super().__init__()
        self.embed, self.next, self.dropout = nn.Embedding(sizes["x"], embedding), nn.Linear(256, sizes["x"]), dropout
        self.lstm = forget_bias_one(nn.LSTM(embedding, 256, num_layers=2, dropout=dropout))
        self.start()

    def start(self):
        self.states = None

    def forward(self, batch):
        y, states = self.lstm(self.embed(batch["x"]), self.states)
        self.states = [state.detach() for state in states]
        logits = self.next(F.dropout(y, self.dropout, self.training))
        return {"loss": F.cross_entropy(logits.flatten(0, 1), batch["y"].flatten())}


class Tagger(Model):
    def __init__(self, sizes):
        super().__init__()
        self.words, self.tag = nn.Embedding(sizes["x"], 64), nn.Linear(128, sizes["tag"])
        self.lstm = forget_bias_one(nn.LSTM(64, 64, bidirectional=True))

    def forward(self, batch):
        x = F.dropout(self.words(batch["x"]), 0.3, self.training)
        return ragged(self.tag(both_directions(self.lstm, x, batch["lengths"])[0]), batch["tag"], batch["lengths"])


class Translate(Model):
    rows = ("source", 1)

    def __init__(self, sizes):
        super().__init__()
        letters = max(sizes[name] for name in ("source", "before", "target"))
        self.letters = nn.Embedding(letters, 32)
        self.encoder = forget_bias_one(nn.LSTM(32, 64, bidirectional=True))
        self.decoder, self.bridge = forget_bias_one(nn.LSTM(32, 64)), nn.Linear(128, 64)
        self.query, self.mix, self.next = nn.Linear(64, 128), nn.Linear(192, 64), nn.Linear(64, letters)

    def forward(self, batch):
        memory, last = both_directions(self.encoder, self.letters(batch["source"]), batch["lengths"])
        memory, h = memory.transpose(0, 1), torch.tanh(self.bridge(last))[None]  # [N,S,128], [1,N,64]
        y, _ = self.decoder(self.letters(batch["before"]), (h, torch.zeros_like(h)))
        scores = self.query(y).transpose(0, 1) @ memory.transpose(1, 2) / math.sqrt(128)  # [N,T,S]
        there = torch.arange(memory.shape[1]) < batch["lengths"][:, None]
        seen = scores.masked_fill(~there[:, None], -math.inf).softmax(-1) @ memory
        both = torch.cat([y, seen.transpose(0, 1)], -1)
        return ragged(self.next(torch.tanh(self.mix(both))), batch["target"], batch["target_lengths"])


class Caption(Model):
    rows = ("v", 0)

    def __init__(self, sizes):
        super().__init__()
        words = max(sizes["before"], sizes["target"])
        self.see, self.start_h, self.start_c = nn.Linear(sizes["v"], 128), nn.Linear(128, 96), nn.Linear(128, 96)
        self.words, self.lstm, self.next = nn.Embedding(words, 32), forget_bias_one(nn.LSTM(32, 96)), nn.Linear(96, words)

    def forward(self, batch):
        seen = torch.relu(self.see(batch["v"]))
        states = torch.tanh(self.start_h(seen))[None], self.start_c(seen)[None]
        y, _ = self.lstm(self.words(batch["before"]), states)
        return ragged(self.next(y), batch["target"], batch["target_lengths"])


class Forecast(Model):
    """Of a series as it was measured; sizes has mean and deviation of what is learnt."""

    def __init__(self, sizes, layer):
        super().__init__()
        self.mean, self.deviation = sizes["y mean"], sizes["y deviation"]
        self.layer, self.change = layer(1, 100), nn.Linear(100, 1)
        if isinstance(self.layer, nn.LSTM):
            forget_bias_one(self.layer)

    def forward(self, batch):
        x, y = ((batch[name] - self.mean) / self.deviation for name in ("x", "y"))
        squares = (x[-1] + self.change(self.layer(x)[0][-1]) - y) ** 2
        return {"loss": squares.mean()}


class FastSlow(Model):
    """custom_cell's cell in a loop over the steps; its states go on from batch to batch."""
    rows = ("x", 0)

    def __init__(self, sizes):
        super().__init__()
        self.mean, self.deviation = sizes["y mean"], sizes["y deviation"]
        self.inputs, self.states_in = nn.Linear(1, 192), nn.Linear(64, 192, bias=False)  # gates: forget, cell, output
        self.inputs.bias.data[:64] = 1
        self.follow, self.change = nn.Parameter(torch.full((64,), 2.0)), nn.Linear(64, 1)
        self.start()

    def start(self):
        self.states = None

    def forward(self, batch):
        x, y = ((batch[name] - self.mean) / self.deviation for name in ("x", "y"))
        h, fast, slow = self.states or [torch.zeros(x.shape[1], 64)] * 3
        outputs, stay = [], torch.sigmoid(self.follow)
        for gates in self.inputs(x):
            f, c, o = (gates + self.states_in(h)).chunk(3, -1)
            f = torch.sigmoid(f)
            fast = f * fast + (1 - f) * torch.tanh(c)
            slow = stay * slow + (1 - stay) * fast
            h = torch.sigmoid(o) * torch.tanh(fast + slow)
            outputs.append(h)
        self.states = [state.detach() for state in (h, fast, slow)]
        return {"loss": ((x + self.change(torch.stack(outputs)) - y) ** 2).mean()}


class Peephole(nn.Module):
    """An LSTM whose gates see the cell, in a loop over the steps: gates i, f, g, o; o sees the new cell."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.inputs, self.states = nn.Linear(inputs, 4 * hidden), nn.Linear(hidden, 4 * hidden, bias=False)
        self.peepholes = nn.Parameter(torch.zeros(3, hidden))

    def forward(self, x):
        h = c = torch.zeros(x.shape[1], self.peepholes.shape[1])
        outputs = []
        for gates in self.inputs(x):
            i, f, g, o = (gates + self.states(h)).chunk(4, -1)
            i, f = torch.sigmoid(i + self.peepholes[0] * c), torch.sigmoid(f + self.peepholes[1] * c)
            c = f * c + i * torch.tanh(g)
            h = torch.sigmoid(o + self.peepholes[2] * c) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)


class Cells(Model):
    """A sum of two numbers, or symbols shown at first, after so many steps; gates keep what they hold for a fifth of them."""

    def __init__(self, sizes, cell, steps, hidden):
        super().__init__()
        layer = {"rnn": nn.RNN, "orthogonal": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM, "peephole": Peephole}[cell]
        self.layer, self.says = layer(sizes["x"], hidden), nn.Linear(hidden, sizes["y"])
        if cell == "orthogonal":
            nn.init.orthogonal_(self.layer.weight_hh_l0)
        bias = self.layer.inputs.bias if cell == "peephole" else self.layer.bias_ih_l0
        keep = math.log(steps / 5)
        for gate, value in {"gru": {1: keep}, "lstm": {0: -keep, 1: keep}, "peephole": {0: -keep, 1: keep}}.get(cell, {}).items():
            bias.data[gate * hidden:(gate + 1) * hidden] = value

    def forward(self, batch):
        y = batch["y"]
        says = self.says(self.layer(batch["x"])[0][-len(y):])
        if y.is_floating_point():
            return {"loss": F.mse_loss(says, y)}
        return {"loss": F.cross_entropy(says.flatten(0, 1), y.flatten())}


def cosine(first, last=0.0):
    """Of a rate that begins at `first`: its factor at a step of all steps."""
    return lambda step, steps: (last + (first - last) * (1 + math.cos(math.pi * min(step / steps, 1))) / 2) / first


def adam(rate):
    return lambda parameters: torch.optim.Adam(parameters, rate)


def rmsprop(rate):
    return lambda parameters: torch.optim.RMSprop(parameters, rate)


def forecast(layer):
    return dict(model=lambda sizes: Forecast(sizes, layer), optimizer=adam(1e-3), schedule=cosine(1e-3), clip=1, mixed=("x", "y"))


def cells():
    """Of every task (its steps, the units) and cell, with and without clipping."""
    programs = {}
    for task, size in {"adding-50": (50, 32), "copy-20": (20, 32),
                       "adding-100": (100, 64), "adding-400": (400, 64), "copy-60": (60, 64)}.items():
        for cell in ("rnn", "orthogonal", "gru", "lstm", "peephole"):
            program = dict(model=lambda sizes, cell=cell, size=size: Cells(sizes, cell, *size),
                           optimizer=adam(1e-3 if cell in ("rnn", "orthogonal") else 1e-2), in_order=True, anew=True)
            programs[f"cells:{task}-{cell}"] = {**program, "clip": 1}
            programs[f"cells:{task}-{cell}-unclipped"] = program
    return programs


# What each program does, by its name or PROGRAM:PART. mixed: examples come in a new order in every epoch, otherwise whole batches
# do, or with in_order nothing; anew: each epoch has batches of its own; clip: to that global norm; patience: epochs without a
# lower validation loss; built_in: what is different without --data.
PROGRAMS = {
    "mnist_lstm": dict(model=MnistLstm, optimizer=adam(3e-3), schedule=cosine(3e-3, 1e-4), clip=1, mixed=("x", "label")),
    "mnist_rnn": dict(model=MnistRnn, optimizer=adam(1e-3), schedule=cosine(1e-3), clip=1, mixed=("x", "label")),
    "deep_rnn": dict(model=DeepRnn, optimizer=adam(1e-3), schedule=cosine(1e-3), clip=1, mixed=("x", "label")),
    "spam": dict(model=Spam, optimizer=rmsprop(5e-4), mixed=("x", "label")),
    "sentiment": dict(model=Sentiment, optimizer=adam(1e-3), schedule=cosine(1e-3), clip=5, patience=2, mixed=("x", "label")),
    "text_classify:stacked": dict(model=Stacked, optimizer=adam(1e-3), clip=5, patience=2, mixed=("x", "label"),
                                  built_in=dict(optimizer=adam(3e-3))),
    "text_classify:bidirectional": dict(model=Bidirectional, optimizer=adam(1e-3), clip=5, patience=2, mixed=("x", "label"),
                                        built_in=dict(optimizer=adam(3e-3))),
    "char_lm": dict(model=lambda sizes: Streams(sizes, embedding=128, dropout=0.2), optimizer=adam(3e-3),
                    schedule=cosine(3e-3, 1e-4), clip=5, in_order=True),
    "script_writer": dict(model=lambda sizes: Streams(sizes, embedding=256, dropout=0), optimizer=adam(2e-3), clip_value=1,
                          patience=2, in_order=True),
    "tagger": dict(model=Tagger, optimizer=adam(5e-3), clip=1),
    "translate": dict(model=Translate, optimizer=adam(5e-3), schedule=cosine(5e-3, 1e-4), clip=1),
    "caption": dict(model=Caption, optimizer=adam(3e-3), schedule=cosine(3e-3, 1e-4), clip=1),
    "timeseries:waves-rnn": forecast(nn.RNN),
    "timeseries:sunspots-lstm": forecast(nn.LSTM),
    "timeseries:sunspots-gru": forecast(nn.GRU),
    "timeseries:temperatures-lstm": forecast(nn.LSTM),
    "timeseries:temperatures-gru": forecast(nn.GRU),
    "custom_cell": dict(model=FastSlow, optimizer=adam(3e-3), schedule=cosine(3e-3), clip=1, in_order=True),
    **cells(),
}
