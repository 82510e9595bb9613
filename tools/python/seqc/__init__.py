"""seqc: compiles recurrent and other sequence models to native code, in this process.

    import numpy as np
    import seqc

    program = seqc.compile("model.onnx")                  # or bytes, or an onnx.ModelProto
    print(program)                                        # its inputs and outputs
    y = program.run({"x": np.zeros((100, 1, 8), np.float32)})["y"]

Training:

    from seqc import layers
    model = seqc.Model([layers.LSTM(64), layers.Dense(1)], input=(None, 8))     # [examples, time, 8]
    model.fit(x, y, loss="mse", epochs=10, validation_split=0.2)
    model.save("model.onnx")

Frame by frame, as a microphone gives them:

    stream = seqc.stream("model.onnx")                    # or a library of `seqc build --stream`
    while True:
        y = stream.step(frames)                           # goes on where the step before stopped

`seqc.backend` runs models as onnx.backend does. Every error is a seqc.Error, and a ValueError, TypeError,
NotImplementedError or RuntimeError as well.
"""
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence, Union

from . import _seqc
from . import layers, optimizers
from ._seqc import (DTypeError, Error, InputError, InternalError, NeedsDimsError, NeedsValuesError, Port, Program, Stream,
                    UnsupportedError)
from ._seqc import __version__
from .model import History, Model

if TYPE_CHECKING:
    import onnx

    ModelSource = Union[str, "os.PathLike[str]", bytes, onnx.ModelProto]

__all__ = [
    "DTypeError", "Error", "History", "InputError", "InternalError", "Model", "NeedsDimsError", "NeedsValuesError",
    "Port", "Program", "Stream", "UnsupportedError", "__version__", "compile", "layers", "load", "optimizers", "stream"
]


def compile(model: ModelSource,
            *,
            threads: int = 1,
            dims: Optional[Mapping[str, int]] = None,
            shapes: Optional[Mapping[str, Sequence[int]]] = None,
            values: Optional[Mapping[str, Any]] = None,
            sequences: Optional[Mapping[str, int]] = None,
            optionals: Optional[Mapping[str, bool]] = None,
            example: Any = None,
            weights: str = "f32",
            activations: Optional[str] = None,
            cpu: str = "",
            features: str = "",
            cache: bool = True,
            name: Optional[str] = None) -> Program:
    """Compiles a model for this machine. Other Python threads run meanwhile.

    model: the path of an .onnx file (or of IR text, .seq), a serialized model as bytes, or an onnx.ModelProto; those in
      memory must hold all of their tensors.
    threads: how many threads work on one run; results do not depend on it.
    dims: numbers for named dims, such as {"T": 100}. The program is faster and serves these sizes alone.
    shapes: whole shapes of inputs, where the model does not say them.
    values: values of small inputs that become part of the program, which then runs with these alone: {"sr": 16000}.
    sequences, optionals: how many elements inputs that are sequences have, whether optional inputs are there.
    example: inputs as Program.run takes them. Their shapes, values and structure are used as shapes, values, sequences
      and optionals are, but only when the model cannot be compiled without (see Program.specialised).
    weights: "f32", or "f16", "bf16" or "int8" to keep constant weights of products in fewer bytes.
    activations: what such weights are multiplied with: "f32", or rows rounded to integers: "int16" or, with weights="int8",
      "int8". By default "int16" where the processor has dot products of bytes, else "f32".
    cpu, features: another processor than this one in LLVM's names ("x86-64-v3", "+avx2,-fma"); it must run here.
    cache: whether compiled code may come from disk and be kept there (see `seqc cache`).
    name: what messages call the model; its path by default.

    Raises InputError (no such file, no valid model), UnsupportedError naming the node that is refused, NeedsDimsError and
    NeedsValuesError saying what of the above is needed.
    """
    source, called = _source(model)
    return _seqc.compile(source,
                         name=called if name is None else name,
                         threads=threads,
                         dims=dict(dims or {}),
                         shapes={key: list(shape) for key, shape in (shapes or {}).items()},
                         values=dict(values or {}),
                         sequences=dict(sequences or {}),
                         optionals=dict(optionals or {}),
                         example=example,
                         weights=weights,
                         activations=activations,
                         cpu=cpu,
                         features=features,
                         cache=cache)


def load(path: Union[str, "os.PathLike[str]"], *, threads: int = 1) -> Program:
    """Opens a library that `seqc build` made (.so). Raises InputError if it is none, or not for this processor."""
    file = os.fspath(path)
    return _seqc.load(file, name=file, threads=threads)


def stream(model: ModelSource,
           *,
           states: Optional[Mapping[str, str]] = None,
           initial: Optional[Mapping[str, Any]] = None,
           time: str = "",
           rows: int = 1,
           rows_dim: str = "",
           threads: int = 1,
           dims: Optional[Mapping[str, int]] = None,
           shapes: Optional[Mapping[str, Sequence[int]]] = None,
           values: Optional[Mapping[str, Any]] = None,
           weights: str = "f32",
           activations: Optional[str] = None,
           cache: bool = True,
           name: Optional[str] = None) -> Stream:
    """A stream of a model: what step after step gives for a few frames each has the bits of all frames at once.

    model: as for seqc.compile, or the path of a library that `seqc build --stream` made (.so); of that, the arguments besides
      rows, threads and name say nothing and are refused.
    states: which outputs become which inputs at the next step, in models that have their states as inputs and outputs:
      {"state": "stateN"}. Without time, one call of the model is then one step.
    initial: what such inputs begin with; zeros else. Numbers and dims of 1 are repeated.
    time: the axis of the frames where the model does not tell: a named dim ("T"), or axes of inputs ("x:1,y:0").
    rows: how many streams step side by side as one batch, along the named dim rows_dim (the only one besides time).
    threads, dims, shapes, values, weights, activations, cache, name: as for seqc.compile.

    Raises UnsupportedError naming the op that needs later frames where the model is not causal in time; InputError where
    it does not say which axis is time, or which dim counts rows.
    """
    source, called = _source(model)
    return _seqc.stream(source,
                        name=called if name is None else name,
                        states=dict(states or {}),
                        initial=dict(initial or {}),
                        time=time,
                        rows_dim=rows_dim,
                        rows=rows,
                        threads=threads,
                        dims=dict(dims or {}),
                        shapes={key: list(shape) for key, shape in (shapes or {}).items()},
                        values=dict(values or {}),
                        weights=weights,
                        activations=activations,
                        cache=cache)


def _source(model: ModelSource) -> "tuple[Union[str, bytes], str]":
    """The model for the compiled part, and what it is called."""
    if isinstance(model, (str, os.PathLike)):
        path = os.fspath(model)
        return path, path
    if isinstance(model, (bytes, bytearray, memoryview)):
        return bytes(model), "model"
    if hasattr(model, "SerializeToString"):
        return model.SerializeToString(), model.graph.name or "model"
    raise DTypeError(f"model: got {type(model).__name__}, expected a path, bytes or an onnx.ModelProto")
