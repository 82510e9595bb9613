"""Layers for seqc.Model. Arrays are [examples, features] or [examples, steps, features].

    seqc.Model([Embedding(1000, 32), LSTM(64, bidirectional=True), Dropout(0.5), Dense(2)], input=(None,))

Each layer may have a name, which its weights begin with; by default it is made of its kind and number ("lstm", "lstm_2").
"""
from __future__ import annotations

import dataclasses
from typing import Any, Dict, List, Sequence

from ._seqc import DTypeError

__all__ = ["GRU", "LSTM", "RNN", "Dense", "Dropout", "Embedding", "Layer", "LayerNorm"]


@dataclasses.dataclass(frozen=True)
class Layer:
    """What is applied to the output of the layer before."""
    name: str = dataclasses.field(default="", kw_only=True)
    kind = ""


@dataclasses.dataclass(frozen=True)
class Embedding(Layer):
    """Rows of a table: ids [N, T] in [0, vocabulary) -> [N, T, size]. The first layer, if there is one; other ids are
    refused in training. Weight NAME.table."""
    vocabulary: int
    size: int
    kind = "embedding"


@dataclasses.dataclass(frozen=True)
class _Recurrent(Layer):
    units: int
    return_sequences: bool = dataclasses.field(default=False, kw_only=True)
    bidirectional: bool = dataclasses.field(default=False, kw_only=True)


@dataclasses.dataclass(frozen=True)
class LSTM(_Recurrent):
    """[N, T, F] -> the last output [N, units], or all, [N, T, units], if return_sequences; both directions side by side
    (2 * units) if bidirectional. Weights NAME.GATE.w, .r and .b; the forget gate's bias starts at 1."""
    kind = "lstm"


@dataclasses.dataclass(frozen=True)
class GRU(_Recurrent):
    """As LSTM, with the gates update, reset and candidate; the reset gate acts before the product (Cho et al. 2014)."""
    kind = "gru"


@dataclasses.dataclass(frozen=True)
class RNN(_Recurrent):
    """As LSTM, without gates: h = activation(x W + h R + b), "tanh" or "relu"."""
    activation: str = dataclasses.field(default="tanh", kw_only=True)
    kind = "rnn"


@dataclasses.dataclass(frozen=True)
class Dense(Layer):
    """activation(x W + b) over the features of every step. activation: "linear", "relu", "tanh", "sigmoid", "softplus" or
    "softmax"; losses of classes look at what stands before a softmax. Weights NAME.w and NAME.b."""
    units: int
    activation: str = "linear"
    kind = "dense"


@dataclasses.dataclass(frozen=True)
class Dropout(Layer):
    """In training each number is 0 with probability `rate`, else divided by 1 - rate; in use nothing happens."""
    rate: float
    kind = "dropout"


@dataclasses.dataclass(frozen=True)
class LayerNorm(Layer):
    """Every step's features with mean 0 and variance 1, then scaled and shifted (Ba, Kiros and Hinton 2016)."""
    kind = "layer_norm"


def _describe(layers: Sequence[Layer]) -> List[Dict[str, Any]]:
    """The layers for the compiled part, each with a name."""
    result: List[Dict[str, Any]] = []
    counts: Dict[str, int] = {}
    for layer in layers:
        if not isinstance(layer, Layer) or not layer.kind:
            raise DTypeError(f"layers: got {type(layer).__name__}, expected layers of seqc.layers")
        counts[layer.kind] = counts.get(layer.kind, 0) + 1
        number = counts[layer.kind]
        name = layer.name or (layer.kind if number == 1 else f"{layer.kind}_{number}")
        result.append({**dataclasses.asdict(layer), "kind": layer.kind, "name": name})
    return result
