"""The models of the comparison: one ONNX file a configuration, weights random from a fixed seed.

As a script: models.py DIR [NAME...] writes DIR/NAME.onnx (all of the grid without names).
"""
import dataclasses
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


@dataclasses.dataclass(frozen=True)
class Config:
    cell: str = "LSTM"
    hidden: int = 256
    inputs: int = 256
    batch: int = 1
    steps: int = 100
    layers: int = 1
    directions: int = 1
    linear_before_reset: int = 0
    streaming: bool = False  # one step, state in and out
    ragged: bool = False  # sequence_lens as an input
    dynamic: bool = False  # T and N named in the model, fixed only by the call

    @property
    def name(self):
        parts = [self.cell.lower()]
        parts += ["lbr"] if self.linear_before_reset else []
        parts += ["bidi"] if self.directions == 2 else []
        parts += [f"x{self.layers}"] if self.layers > 1 else []
        parts += ["stream"] if self.streaming else []
        parts += ["ragged"] if self.ragged else []
        parts += ["dyn"] if self.dynamic else []
        parts += [f"n{self.batch}", f"t{self.steps}"]
        parts += [f"h{self.hidden}"] if self.inputs == self.hidden else [f"i{self.inputs}", f"h{self.hidden}"]
        return "_".join(parts)

    @property
    def flops(self):
        """Of the matrix products: two a multiply-add."""
        total, width = 0, self.inputs
        for _ in range(self.layers):
            total += self.directions * GATES[self.cell] * self.hidden * (width + self.hidden)
            width = self.directions * self.hidden
        return 2 * self.steps * self.batch * total


def grid():
    """What is measured when nobody says otherwise; the first is the headline. Follows the tables of the design notes."""
    c = Config
    yield c()
    yield c(dynamic=True)
    for hidden in (64, 128, 512, 1024):
        yield c(hidden=hidden, inputs=hidden)
    yield c(layers=2)
    yield c(directions=2)
    yield c(hidden=16, inputs=1, steps=1, streaming=True)
    for hidden in (16, 64, 128, 256, 512):
        yield c(hidden=hidden, inputs=hidden, steps=1, streaming=True)
    yield c(batch=16, steps=50)
    yield c(batch=64, steps=50)
    yield c(batch=64, steps=50, hidden=1024, inputs=1024)
    yield c(batch=32, ragged=True)
    for hidden in (64, 128, 256, 512):
        yield c(cell="GRU", linear_before_reset=1, hidden=hidden, inputs=hidden)
    yield c(cell="GRU")
    yield c(cell="GRU", linear_before_reset=1, steps=1, streaming=True)
    yield c(cell="GRU", linear_before_reset=1, batch=32, ragged=True)
    yield c(cell="RNN", hidden=128, inputs=128)


def weights(rng, config, width):
    rows, hidden, directions = GATES[config.cell] * config.hidden, config.hidden, config.directions
    bound = 1 / np.sqrt(hidden)
    shapes = {"W": (directions, rows, width), "R": (directions, rows, hidden), "B": (directions, 2 * rows)}
    return {key: rng.uniform(-bound, bound, shape).astype(np.float32) for key, shape in shapes.items()}


def make_model(config):
    rng = np.random.default_rng(config.hidden)
    t, n = ("T", "N") if config.dynamic else (config.steps, config.batch)
    d, h = config.directions, config.hidden
    value = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    states = ["h", "c"] if config.cell == "LSTM" else ["h"]
    inputs, outputs, nodes, constants = [value("x", t, n, config.inputs)], [], [], {}
    if config.ragged:
        inputs.append(helper.make_tensor_value_info("sequence_lens", TensorProto.INT32, [n]))

    attributes = {"hidden_size": h, "direction": "bidirectional" if d == 2 else "forward"}
    if config.cell == "GRU":
        attributes["linear_before_reset"] = config.linear_before_reset
    below, width = "x", config.inputs
    for layer in range(config.layers):
        here = lambda name: f"{name}_{layer}"
        for key, array in weights(rng, config, width).items():
            constants[here(key)] = array
        fed = [below, here("W"), here("R"), here("B"), "sequence_lens" if config.ragged else ""]
        if config.streaming:
            fed += [here(f"initial_{s}") for s in states]
            inputs += [value(here(f"initial_{s}"), d, n, h) for s in states]
        made = [here("y")] + [here(f"final_{s}") for s in states]
        outputs += [value(name, d, n, h) for name in made[1:]]
        nodes.append(helper.make_node(config.cell, fed, made, name=here(config.cell.lower()), **attributes))
        # [T, D, N, H] -> [T, N, D*H]
        nodes.append(helper.make_node("Transpose", [here("y")], [here("by_row")], perm=[0, 2, 1, 3]))
        nodes.append(helper.make_node("Reshape", [here("by_row"), "flat"], [here("out")]))
        below, width = here("out"), d * h
    constants["flat"] = np.array([0, 0, d * h], np.int64)
    outputs.insert(0, value(below, t, n, d * h))

    graph = helper.make_graph(nodes, config.name, inputs, outputs,
                              [numpy_helper.from_array(array, name) for name, array in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], producer_name="seqc models.py")
    model.ir_version = 7
    onnx.checker.check_model(model, full_check=True)
    return model


def select(patterns):
    configs = list(grid())
    chosen = [c for c in configs if not patterns or any(p in c.name for p in patterns)]
    if not chosen:
        raise SystemExit(f"no configuration matches {patterns}; there are: " + " ".join(c.name for c in configs))
    return chosen


def write(config, directory):
    """Writes DIR/NAME.onnx unless it is there; returns its path."""
    path = pathlib.Path(directory) / f"{config.name}.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(make_model(config), str(path))
    return path


if __name__ == "__main__":
    for chosen in select(sys.argv[2:]):
        print(write(chosen, sys.argv[1]))
