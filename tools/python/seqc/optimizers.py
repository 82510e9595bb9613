"""Optimisers and learning rates for seqc.Model: update for update those of PyTorch.

    model.fit(x, y, loss="mse", optimizer=Adam(Cosine(1e-3), weight_decay=1e-4))

A rate is a number, or a schedule: what it is at each step, counted from 0.
"""
from __future__ import annotations

import dataclasses
from typing import Any, Dict, Optional, Sequence, Union

from ._seqc import DTypeError, InputError

__all__ = [
    "Adagrad", "Adam", "AdamW", "Constant", "Cosine", "Exponential", "InverseSquareRoot", "Optimizer", "Piecewise",
    "Rmsprop", "Schedule", "Sgd", "StepDecay"
]


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A learning rate over steps. All of them take warm_up: so many steps in which the rate rises to what it is."""
    warm_up: int = dataclasses.field(default=0, kw_only=True)
    kind = ""

    def _describe(self) -> Dict[str, Any]:
        return {"kind": self.kind, **dataclasses.asdict(self)}


@dataclasses.dataclass(frozen=True)
class Constant(Schedule):
    """A rate that stays, as a plain number does."""
    rate: float
    kind = "constant"


@dataclasses.dataclass(frozen=True)
class Cosine(Schedule):
    """From rate down to last at step `steps` along half a period of a cosine; last from there on (Loshchilov and Hutter
    2017). Without `steps` it ends with the first call of fit."""
    rate: float
    steps: Optional[int] = None
    last: float = 0.0
    kind = "cosine"


@dataclasses.dataclass(frozen=True)
class StepDecay(Schedule):
    """rate * factor ** (step // every)"""
    rate: float
    every: int
    factor: float
    kind = "step"


@dataclasses.dataclass(frozen=True)
class Exponential(Schedule):
    """rate * factor ** step"""
    rate: float
    factor: float
    kind = "exponential"


@dataclasses.dataclass(frozen=True)
class InverseSquareRoot(Schedule):
    """Rises to rate at step `peak`, then falls as 1 / sqrt(step) (Vaswani et al. 2017)."""
    rate: float
    peak: int
    kind = "inverse_square_root"


@dataclasses.dataclass(frozen=True)
class Piecewise(Schedule):
    """rates[i] before step ends[i], the last rate from the last end on: one rate more than there are ends."""
    rates: Sequence[float]
    ends: Sequence[int]
    kind = "piecewise"


Rate = Union[float, Schedule]


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """What a step makes of a weight and its gradient."""
    rate: Rate = 1e-3
    kind = ""

    def _describe(self) -> Dict[str, Any]:
        options = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        options["rate"] = _schedule(self.rate)._describe()
        return {"kind": self.kind, **options}


@dataclasses.dataclass(frozen=True)
class Sgd(Optimizer):
    """Stochastic gradient descent, with momentum (Nesterov's if `nesterov`); weight_decay adds to the gradient."""
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    kind = "sgd"


@dataclasses.dataclass(frozen=True)
class Adagrad(Optimizer):
    """Duchi, Hazan and Singer 2011."""
    rate_decay: float = 0.0
    weight_decay: float = 0.0
    initial_accumulator: float = 0.0
    epsilon: float = 1e-10
    kind = "adagrad"


@dataclasses.dataclass(frozen=True)
class Rmsprop(Optimizer):
    """Tieleman and Hinton 2012."""
    alpha: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0
    centered: bool = False
    weight_decay: float = 0.0
    kind = "rmsprop"


@dataclasses.dataclass(frozen=True)
class Adam(Optimizer):
    """Kingma and Ba 2015; weight_decay adds to the gradient."""
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    amsgrad: bool = False
    kind = "adam"


@dataclasses.dataclass(frozen=True)
class AdamW(Adam):
    """Adam whose weights decay by themselves (Loshchilov and Hutter 2019)."""
    weight_decay: float = 0.01
    kind = "adamw"


_NAMES: Dict[str, Optimizer] = {
    "sgd": Sgd(),
    "momentum": Sgd(momentum=0.9),
    "nesterov": Sgd(momentum=0.9, nesterov=True),
    "adagrad": Adagrad(),
    "rmsprop": Rmsprop(),
    "adam": Adam(),
    "adamw": AdamW()
}


def _schedule(rate: Rate) -> Schedule:
    if isinstance(rate, Schedule):
        return rate
    if isinstance(rate, (int, float)):
        return Constant(float(rate))
    raise DTypeError(f"rate: got {type(rate).__name__}, expected a number or one of the schedules of seqc.optimizers")


def _optimizer(given: Union[str, Optimizer]) -> Optimizer:
    """The optimiser that is meant; a name stands for one with the settings that it has by default."""
    if isinstance(given, Optimizer):
        return given
    if not isinstance(given, str):
        raise DTypeError(f"optimizer: got {type(given).__name__}, expected a name or one of seqc.optimizers")
    if given not in _NAMES:
        raise InputError(f'optimizer="{given}": expected one of {", ".join(_NAMES)}')
    return _NAMES[given]
