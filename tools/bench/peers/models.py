"""The grid of the comparison: one ONNX file a configuration, weights random from a fixed seed.

As a script: models.py DIR [PATTERN...] writes DIR/NAME.onnx (all of the grid without patterns).
"""
import dataclasses
import pathlib
import re
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import cells

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}

# Ways to keep weights in fewer bytes: the options of `seqc build`, and by how much outputs may then differ.
COMPRESSED = {
    "bf16": (["--weights=bf16"], 1e-3),
    "f16": (["--weights=f16"], 1e-4),
    "int8": (["--weights=int8"], 2e-2),
    "bf16+f32": (["--weights=bf16", "--activations=f32"], 2e-3),
    "f16+f32": (["--weights=f16", "--activations=f32"], 3e-4),
    "int8+f32": (["--weights=int8", "--activations=f32"], 2e-2),
    "int8+int8": (["--weights=int8", "--activations=int8"], 5e-2),
}


@dataclasses.dataclass(frozen=True)
class Config:
    cell: str = "LSTM"  # an operator's name, or one of cells.CELLS: then the model is a Scan
    hidden: int = 256
    inputs: int = 0  # as many as hidden when 0
    batch: int = 1
    steps: int = 100
    layers: int = 1
    directions: int = 1
    linear_before_reset: int = 0
    peephole: bool = False
    clip: float = 0
    streaming: bool = False  # one step, state in and out
    ragged: bool = False  # sequence_lens as an input
    dynamic: bool = False  # T and N named in the model, fixed only by the call
    compressed: str = ""  # how seqc keeps the weights, and after a + the activations: one of COMPRESSED
    quick: bool = dataclasses.field(default=False, compare=False)  # one of those that `--quick` measures

    @property
    def width(self):
        return self.inputs or self.hidden

    @property
    def kind(self):
        """The cell with what sets it apart: what shares of the limit are told by."""
        parts = [self.cell.lower()]
        parts += ["lbr"] if self.linear_before_reset else []
        parts += ["peephole"] if self.peephole else []
        parts += ["clip"] if self.clip else []
        parts += [self.compressed] if self.compressed else []
        return "_".join(parts)

    @property
    def name(self):
        parts = [self.kind]
        parts += ["bidi"] if self.directions == 2 else []
        parts += [f"x{self.layers}"] if self.layers > 1 else []
        parts += ["stream"] if self.streaming else []
        parts += ["ragged"] if self.ragged else []
        parts += ["dyn"] if self.dynamic else []
        parts += [f"n{self.batch}", f"t{self.steps}"]
        parts += [f"h{self.hidden}"] if self.width == self.hidden else [f"i{self.width}", f"h{self.hidden}"]
        return "_".join(parts)

    @property
    def is_operator(self):
        return self.cell in GATES

    def lengths(self):
        """Of the sequences; the mean of ragged ones is about half of the steps."""
        if not self.ragged:
            return np.full(self.batch, self.steps, np.int32)
        lengths = np.random.default_rng(5).integers(1, self.steps + 1, self.batch)
        lengths[0] = self.steps
        return lengths.astype(np.int32)

    def workload(self):
        """What the roofline multiplies, see roofline.h."""
        h, layers, width = self.hidden, [], self.width
        if not self.is_operator:
            phases = cells.CELLS[self.cell].phases
        elif self.cell == "GRU" and not self.linear_before_reset:
            phases = [2, 1]  # the candidate's product waits for the reset gate
        else:
            phases = [GATES[self.cell]]
        for _ in range(self.layers):
            layers.append({"inputs": width, "hidden": h, "projected": sum(phases) * h,
                           "phases": [p * h for p in phases], "directions": self.directions})
            width = self.directions * h
        lengths = self.lengths()
        return {"layers": layers, "live": [int((lengths > t).sum()) for t in range(self.steps)]}

    def network(self, weights_file):
        """For the peers that read no ONNX, see network.h; None where they have no such cell."""
        if not self.is_operator:
            return None
        return {"cell": self.cell, "inputs": self.width, "hidden": self.hidden, "batch": self.batch, "steps": self.steps,
                "directions": self.directions, "linear_before_reset": bool(self.linear_before_reset),
                "streaming": self.streaming, "clip": self.clip, "ragged": self.ragged, "layers": self.layers,
                "peephole": self.peephole, "weights": str(weights_file)}


def grid():
    """What is measured when nobody says otherwise; the first is the headline."""
    def c(**what):
        return Config(**what)

    yield c(quick=True)
    yield c(dynamic=True)
    yield c(hidden=16, inputs=1, steps=1, streaming=True, quick=True)
    for cell in ({"cell": "LSTM"}, {"cell": "GRU", "linear_before_reset": 1}, {"cell": "GRU"}, {"cell": "RNN"}):
        lstm = cell["cell"] == "LSTM"
        for hidden in (16, 64, 128, 256, 512):
            yield c(**cell, hidden=hidden, steps=1, streaming=True, quick=lstm or hidden == 64)
        for hidden in (64, 128, 256, 512, 1024):
            if not (lstm and hidden == 256):
                yield c(**cell, hidden=hidden, quick=hidden == (128 if lstm else 256))
        yield c(**cell, layers=2)
        yield c(**cell, directions=2)
        yield c(**cell, batch=16, steps=50, quick=lstm)
        yield c(**cell, batch=64, steps=50)
        if lstm:
            yield c(batch=64, steps=50, hidden=1024)
        if cell["cell"] != "RNN":
            yield c(**cell, batch=32, ragged=True, quick=lstm)
    yield c(peephole=True)
    yield c(clip=1)  # reaches some pre-activations, and no cell state, which ONNX Runtime does not clip
    for compressed in COMPRESSED:
        for hidden in (128, 256, 512):
            yield c(hidden=hidden, compressed=compressed)
    for cell in cells.CELLS:
        for hidden in (64, 256):
            yield c(cell=cell, hidden=hidden, quick=hidden == 64)


def weights(config):
    """One dict of arrays a layer, by the names of ONNX's inputs."""
    rng = np.random.default_rng(config.hidden)
    rows, hidden, directions, width = GATES[config.cell] * config.hidden, config.hidden, config.directions, config.width
    bound = 1 / np.sqrt(hidden)
    layers = []
    for _ in range(config.layers):
        shapes = {"W": (directions, rows, width), "R": (directions, rows, hidden), "B": (directions, 2 * rows)}
        if config.peephole:
            shapes["P"] = (directions, 3 * hidden)
        layers.append({key: rng.uniform(-bound, bound, shape).astype(np.float32) for key, shape in shapes.items()})
        width = directions * hidden
    return layers


def operator_graph(config):
    t, n = ("T", "N") if config.dynamic else (config.steps, config.batch)
    d, h = config.directions, config.hidden
    value = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    states = ["h", "c"] if config.cell == "LSTM" else ["h"]
    inputs, outputs, nodes, constants = [value("x", t, n, config.width)], [], [], {}
    if config.ragged:
        inputs.append(helper.make_tensor_value_info("sequence_lens", TensorProto.INT32, [n]))

    attributes = {"hidden_size": h, "direction": "bidirectional" if d == 2 else "forward"}
    if config.cell == "GRU":
        attributes["linear_before_reset"] = config.linear_before_reset
    if config.clip:
        attributes["clip"] = float(config.clip)
    below = "x"
    for layer, arrays in enumerate(weights(config)):
        here = lambda name: f"{name}_{layer}"
        for key, array in arrays.items():
            constants[here(key)] = array
        fed = [below, here("W"), here("R"), here("B"), "sequence_lens" if config.ragged else ""]
        if config.streaming:
            fed += [here(f"initial_{s}") for s in states]
            inputs += [value(here(f"initial_{s}"), d, n, h) for s in states]
        elif config.peephole:
            fed += [""] * len(states)
        fed += [here("P")] if config.peephole else []
        made = [here("y")] + [here(f"final_{s}") for s in states]
        outputs += [value(name, d, n, h) for name in made[1:]]
        nodes.append(helper.make_node(config.cell, fed, made, name=here(config.cell.lower()), **attributes))
        # [T, D, N, H] -> [T, N, D*H]
        nodes.append(helper.make_node("Transpose", [here("y")], [here("by_row")], perm=[0, 2, 1, 3]))
        nodes.append(helper.make_node("Reshape", [here("by_row"), "flat"], [here("out")]))
        below = here("out")
    constants["flat"] = np.array([0, 0, d * h], np.int64)
    outputs.insert(0, value(below, t, n, d * h))
    return helper.make_graph(nodes, config.name, inputs, outputs,
                             [numpy_helper.from_array(array, name) for name, array in constants.items()])


def make_model(config):
    graph = operator_graph(config) if config.is_operator else cells.graph(config)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="seqc models.py")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def select(patterns, quick=False):
    """The configurations whose names hold a match of one of the regular expressions; all without any."""
    configs = [c for c in grid() if c.quick or not quick]
    chosen = [c for c in configs if not patterns or any(re.search(p, c.name) for p in patterns)]
    return chosen


def write(config, directory):
    """Writes DIR/NAME.onnx and the weights DIR/NAME.bin; returns the model's path."""
    path = pathlib.Path(directory) / f"{config.name}.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(make_model(config), str(path))
    if config.is_operator:
        with open(path.with_suffix(".bin"), "wb") as file:
            for arrays in weights(config):
                for key in ("W", "R", "B", "P"):
                    if key in arrays:
                        file.write(arrays[key].tobytes())
    return path


if __name__ == "__main__":
    for chosen in select(sys.argv[2:]):
        print(write(chosen, sys.argv[1]))
