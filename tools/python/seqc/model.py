"""Models that learn from NumPy arrays: seqc.Model."""
from __future__ import annotations

import dataclasses
import os
import shutil
import sys
import tempfile
import weakref
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from . import _seqc
from .layers import _describe
from .optimizers import Optimizer, _optimizer

__all__ = ["Epoch", "History", "Model"]

Data = Union[Any, Mapping[str, Any]]
Report = Dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Epoch:
    """What an epoch gave: "loss", and for losses of classes "accuracy"."""
    epoch: int  #: from 0
    step: int  #: how many steps had been done at its end
    training: Dict[str, float]  #: means over the epoch, while weights changed
    validation: Dict[str, float]  #: after the epoch; empty without validation data


class History(List[Epoch]):
    """All epochs of a training, in order."""

    def curve(self, metric: str = "loss", part: str = "training") -> "np.ndarray[Any, np.dtype[np.float64]]":
        """A metric over the epochs, of "training" or "validation"."""
        return np.array([getattr(epoch, part)[metric] for epoch in self], np.float64)


class Model:
    """A model that can be trained: layers, or the weights of an ONNX model.

        model = seqc.Model([layers.LSTM(64), layers.Dense(1)], input=(None, 8))
        model = seqc.Model("model.onnx")
        history = model.fit(x, y, loss="mse", epochs=10)
        y = model.predict(x)
        model.save("trained.onnx")

    layers: a list of seqc.layers, or an ONNX model as seqc.compile takes it: its floats of one dim and more are trained.

    For layers:
    input: the shape of an example: (features,), (steps, features) or, before an Embedding, (steps,); None stands for any
      number of steps. Arrays are [examples, *input].
    lengths: whether the model has a second input "lengths" [examples]: the steps of each example that count.
    seed: decides the weights at the start, and what Dropout leaves out.

    For ONNX models:
    output: the output that is trained, if there are several.
    train_only: patterns for the names of the weights that are trained, such as ["head.*"].
    zero: inputs that are zeros, such as initial states.
    axes: which axis of an input (or the output) counts the examples, where no dim is called like a batch: {"x": 1}.
    dims, shapes: as in seqc.compile.
    examples_first: whether the first axis of all arrays counts the examples; otherwise they are laid out as the inputs.

    Raises InputError and UnsupportedError that say what does not fit. Not for several threads at the same time.
    """

    def __init__(self,
                 layers: Any,
                 input: Optional[Sequence[Optional[int]]] = None,
                 *,
                 lengths: bool = False,
                 seed: int = 0,
                 output: str = "",
                 train_only: Sequence[str] = (),
                 zero: Sequence[str] = (),
                 axes: Optional[Mapping[str, int]] = None,
                 dims: Optional[Mapping[str, int]] = None,
                 shapes: Optional[Mapping[str, Sequence[int]]] = None,
                 examples_first: bool = False) -> None:
        self._trainer: Optional[_seqc.Trainer] = None
        self._trained_for: Any = None
        self._examples_first = examples_first
        if isinstance(layers, (list, tuple)):
            self._refuse("a model of layers", output=output, train_only=train_only, zero=zero, axes=axes, dims=dims,
                         shapes=shapes, examples_first=examples_first)
            if input is None:
                raise _seqc.InputError("input: is missing; expected the shape of an example, such as (None, 8)")
            self._name = "model"
            self._model = _seqc.TrainableModel.from_layers(_describe(layers), tuple(input), lengths=lengths, seed=seed,
                                                           name=self._name)
            return
        self._refuse("an ONNX model", input=input, lengths=lengths, seed=seed)
        path, self._name = self._as_file(layers)
        self._model = _seqc.TrainableModel.from_file(path,
                                                     output=output,
                                                     train_only=list(train_only),
                                                     zero=list(zero),
                                                     axes=dict(axes or {}),
                                                     dims=dict(dims or {}),
                                                     shapes={key: list(shape) for key, shape in (shapes or {}).items()})

    @staticmethod
    def _refuse(kind: str, **arguments: Any) -> None:
        for name, value in arguments.items():
            if value:
                raise _seqc.InputError(f"{name}: got {value!r}, which {kind} does not take")

    def _as_file(self, model: Any) -> Tuple[str, str]:
        """The path of the model; of one in memory, that of a copy which lives as long as this object."""
        from . import _source
        source, name = _source(model)
        if isinstance(source, str):
            return source, source
        folder = tempfile.mkdtemp(prefix="seqc-")
        weakref.finalize(self, shutil.rmtree, folder, True)
        path = os.path.join(folder, "model.onnx")
        with open(path, "wb") as file:
            file.write(source)
        return path, name

    def __repr__(self) -> str:
        count = sum(value.size for value in self.weights.values())
        steps = self._trainer.steps if self._trainer else 0
        return f"<seqc.Model {self._name}, {count:,} weights, {steps:,} steps of training>"

    @property
    def weights(self) -> Dict[str, Any]:
        """Copies of the weights that are trained, by name. Assign a dict to give some or all of them other values."""
        return self._model.weights()

    @weights.setter
    def weights(self, values: Mapping[str, Any]) -> None:
        self._model.set_weights(dict(values))

    def program(self, threads: int = 1) -> _seqc.Program:
        """The model as it is now, compiled for use: inputs without labels -> the output."""
        return self._model.program(threads=threads)

    def predict(self, x: Data, *, threads: int = 1) -> Any:
        """The output for x: an array, or a dict of them by input, laid out as the inputs are. Floats of other sizes are
        converted."""
        program = self.program(threads)
        arrays = self._named(x, [port.name for port in program.inputs])
        for port in program.inputs:
            if port.name in arrays:
                value = np.asarray(arrays[port.name])
                numbers = value.dtype.kind in "fiub" and port.dtype.kind in "fiub"
                arrays[port.name] = value.astype(port.dtype, casting="same_kind", copy=False) if numbers else value
        return program.run(arrays)[self._model.output]

    def fit(self,
            x: Data,
            y: Any,
            *,
            loss: str,
            optimizer: Union[str, Optimizer] = "adam",
            epochs: int = 1,
            batch_size: Optional[int] = None,
            lengths: Any = None,
            validation: Optional[Sequence[Any]] = None,
            validation_split: float = 0.0,
            clip_norm: float = 0.0,
            clip_value: float = 0.0,
            shuffle: bool = True,
            seed: int = 0,
            patience: int = 0,
            watch: str = "",
            watch_highest: bool = False,
            checkpoint: Union[str, "os.PathLike[str]"] = "",
            checkpoint_steps: int = 0,
            resume: bool = False,
            new_settings: bool = False,
            huber_delta: float = 1.0,
            threads: int = 1,
            verbose: bool = False,
            on_batch: Optional[Callable[[Report], Optional[bool]]] = None,
            on_epoch: Optional[Callable[[Report], Optional[bool]]] = None) -> History:
        """Trains, and returns all epochs so far. The same data, model and settings give the same bits.

        x, y: arrays with an example for each index of their batch axis; x is a dict by name for several inputs. Numbers are
          converted to the inputs' types; those that are not finite are refused.
        loss: "mse", "huber" (y as the output is), "softmax-cross-entropy" (y: a class number for each row of the output),
          "softmax-cross-entropy-dense" (a share for each class), "sigmoid-cross-entropy" (0 to 1), or
          "sequence-cross-entropy" (a class number for each step, with lengths= of the steps that count).
        optimizer: one of seqc.optimizers, or a name: sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw.
        epochs: how often all examples are seen in this call; with `resume` those of the checkpoint count.
        batch_size: examples a step: 32, or what the model fixes.
        validation: (x, y) or (x, y, lengths) that are measured after each epoch; validation_split takes a share of the
          examples for that instead.
        clip_norm, clip_value: the largest norm of all gradients together, or the largest absolute value of one.
        patience: stops after so many epochs without a better `watch` (the loss), and takes the best epoch's weights.
        checkpoint: a file that is written after each epoch and each `checkpoint_steps` steps; with `resume` training goes
          on from it, to the same bits as without a stop; `new_settings` allows another optimiser.
        verbose: prints a line for each epoch.
        on_batch, on_epoch: called with a dict after each; returning False ends training.

        A further call goes on with the optimiser's states if loss, optimizer and clipping are the same. Other Python threads
        run meanwhile; Ctrl+C ends training after the current batch.
        Raises InputError for data that do not fit, saying what was expected.
        """
        trainer = self._trainer_for(loss, optimizer, clip_norm, clip_value, lengths is not None, huber_delta, threads)
        if verbose:
            for note in trainer.notes:
                print("note:", note)
        data = self._data(trainer, (x, y, lengths))
        held_out = None if validation is None else self._data(trainer, validation)
        reports = trainer.fit(data,
                              validation=held_out,
                              epochs=_at_least("epochs", epochs, 1),
                              batch_size=0 if batch_size is None else _at_least("batch_size", batch_size, 1),
                              validation_split=validation_split,
                              shuffle=shuffle,
                              seed=seed,
                              patience=_at_least("patience", patience, 0),
                              watch=watch,
                              watch_highest=watch_highest,
                              checkpoint=os.fspath(checkpoint),
                              checkpoint_steps=_at_least("checkpoint_steps", checkpoint_steps, 0),
                              resume=resume,
                              new_settings=new_settings,
                              on_batch=on_batch,
                              on_epoch=_printing(on_epoch) if verbose else on_epoch)
        return History(Epoch(**report) for report in reports)

    def step(self, x: Data, y: Any, *, loss: str, optimizer: Union[str, Optimizer] = "adam", lengths: Any = None,
             clip_norm: float = 0.0, clip_value: float = 0.0, huber_delta: float = 1.0,
             threads: int = 1) -> Dict[str, float]:
        """One step on all of x and y, for loops of your own: loss and metrics before it, and the gradient's norm."""
        trainer = self._trainer_for(loss, optimizer, clip_norm, clip_value, lengths is not None, huber_delta, threads)
        return trainer.step(self._data(trainer, (x, y, lengths)))

    def evaluate(self, x: Data, y: Any, *, loss: str, lengths: Any = None, batch_size: Optional[int] = None,
                 huber_delta: float = 1.0, threads: int = 1) -> Dict[str, float]:
        """Loss and metrics of data that are not trained on."""
        trainer = self._trainer
        if trainer is None or self._trained_for[0] != (_loss(loss), lengths is not None, huber_delta, threads):
            trainer = self._make_trainer(loss, _optimizer("sgd"), 0.0, 0.0, lengths is not None, huber_delta, threads)
        return trainer.evaluate(self._data(trainer, (x, y, lengths)),
                                batch_size=0 if batch_size is None else _at_least("batch_size", batch_size, 1))

    def save(self, path: Union[str, "os.PathLike[str]"], *, opset: int = 0) -> None:
        """Writes an ONNX file. A model that came from one stays as it was but for its weights, unless `opset` (17 to 22)
        asks for a new file; layers become standard operators (an LSTM layer an LSTM node)."""
        self._model.save(os.fspath(path), opset=opset)

    def _trainer_for(self, loss: str, optimizer: Union[str, Optimizer], clip_norm: float, clip_value: float,
                     lengths: bool, huber_delta: float, threads: int) -> _seqc.Trainer:
        how = _optimizer(optimizer)
        wanted = ((_loss(loss), lengths, huber_delta, threads), how, clip_norm, clip_value)
        if self._trainer is None or self._trained_for != wanted:
            self._trainer = self._make_trainer(loss, how, clip_norm, clip_value, lengths, huber_delta, threads)
            self._trained_for = wanted
        return self._trainer

    def _make_trainer(self, loss: str, optimizer: Optimizer, clip_norm: float, clip_value: float, lengths: bool,
                      huber_delta: float, threads: int) -> _seqc.Trainer:
        return _seqc.Trainer(self._model,
                             loss=_loss(loss),
                             huber_delta=huber_delta,
                             optimizer=optimizer._describe(),
                             clip_norm=clip_norm,
                             clip_value=clip_value,
                             lengths=lengths,
                             examples_first=self._examples_first,
                             threads=threads)

    @staticmethod
    def _named(x: Data, names: Sequence[str]) -> Dict[str, Any]:
        if isinstance(x, Mapping):
            return dict(x)
        if len(names) != 1:
            raise _seqc.DTypeError(f"x: got {type(x).__name__}, expected a dict with {', '.join(names)}")
        return {names[0]: x}

    def _data(self, trainer: _seqc.Trainer, data: Sequence[Any]) -> Tuple[Dict[str, Any], Any, Any]:
        parts = tuple(data)
        if len(parts) not in (2, 3):
            raise _seqc.InputError(f"validation: got {len(parts)} parts, expected (x, y) or (x, y, lengths)")
        return self._named(parts[0], trainer.inputs), parts[1], parts[2] if len(parts) == 3 else None


def _loss(name: str) -> str:
    return name.replace("_", "-")


def _at_least(name: str, number: int, least: int) -> int:
    if number < least:
        raise _seqc.InputError(f"{name}={number}: expected {least} or more")
    return number


def _printing(then: Optional[Callable[[Report], Optional[bool]]]) -> Callable[[Report], Optional[bool]]:
    """Prints a line for each epoch, then calls `then`."""

    def on_epoch(report: Report) -> Optional[bool]:
        parts = [f"epoch {report['epoch'] + 1}"]
        for part in ("training", "validation"):
            parts += [f"{part} {name} {value:.4g}" for name, value in report[part].items()]
        print("  ".join(parts), file=sys.stdout, flush=True)
        return then(report) if then else None

    return on_epoch
