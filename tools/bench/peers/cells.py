"""Cells that ONNX has no operator for, as a user's exporter writes them: a Scan over the steps."""
import dataclasses
from typing import Callable

import numpy as np
from onnx import TensorProto, helper, numpy_helper


class Body:
    """Collects the nodes of a Scan's body; every method returns the name of its result."""

    def __init__(self):
        self.nodes = []
        self.constants = {}

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [f"{kind.lower()}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, name, array):
        self.constants[name] = array.astype(np.float32)
        return name

    def split(self, value, count):
        return self.op("Split", value, outputs=count, axis=-1) if count > 1 else [value]


@dataclasses.dataclass(frozen=True)
class Cell:
    step: Callable  # (body, weights, x, states) -> new states; the first one is the step's output
    states: int
    phases: tuple  # columns of the products with the state in units of hidden, see roofline.h


class Weights:
    """Random weights of a cell by name: w of the input, r of the state, b a bias."""

    def __init__(self, body, config):
        self.body, self.hidden, self.width = body, config.hidden, config.width
        self.random = np.random.default_rng(config.hidden)

    def __call__(self, name, gates):
        shape = {"w": (self.width, gates * self.hidden), "r": (self.hidden, gates * self.hidden),
                 "b": (gates * self.hidden,)}[name[0]]
        bound = 1 / np.sqrt(self.hidden)
        return self.body.constant(name, self.random.uniform(-bound, bound, shape))

    def norm(self, body, value, name, gates, size=1.0):
        scale = body.constant(name, size * (1 + 0.1 * self.random.uniform(-1, 1, gates * self.hidden)))
        return body.op("LayerNormalization", value, scale, axis=-1)


def layer_norm_lstm(body, weights, x, states):
    """Ba, Kiros and Hinton, "Layer Normalization" (2016), section 3.1 and appendix: each product is normalised, and the
    cell before its tanh."""
    h, c = states
    from_x = weights.norm(body, body.op("MatMul", x, weights("w", 4)), "scale_x", 4)
    # A small scale: with 1 the cell is chaotic, and rounding grows until no two engines agree.
    from_h = weights.norm(body, body.op("MatMul", h, weights("r", 4)), "scale_h", 4, size=0.25)
    z = body.op("Add", body.op("Add", from_x, from_h), weights("b", 4))
    i, o, f, g = body.split(z, 4)
    i, o, f, g = (body.op(kind, v) for kind, v in zip(("Sigmoid", "Sigmoid", "Sigmoid", "Tanh"), (i, o, f, g)))
    c = body.op("Add", body.op("Mul", f, c), body.op("Mul", i, g))
    return [body.op("Mul", o, body.op("Tanh", weights.norm(body, c, "scale_c", 1))), c]


def mgu(body, weights, x, states):
    """Minimal gated unit (Zhou et al. 2016): one gate that forgets and updates; its second product waits for the first.
      f = sigmoid(x Wf + h Rf + bf); g = tanh(x Wg + (f * h) Rg + bg); h' = (1 - f) * h + f * g"""
    (h,) = states
    gate_x, candidate_x = body.split(body.op("Add", body.op("MatMul", x, weights("w", 2)), weights("b", 2)), 2)
    f = body.op("Sigmoid", body.op("Add", gate_x, body.op("MatMul", h, weights("r_gate", 1))))
    reset = body.op("MatMul", body.op("Mul", f, h), weights("r_candidate", 1))
    g = body.op("Tanh", body.op("Add", candidate_x, reset))
    return [body.op("Add", h, body.op("Mul", f, body.op("Sub", g, h)))]


def slstm(body, weights, x, states):
    """The scalar cell of xLSTM (Beck et al. 2024): exponential gates, kept in range by their running maximum m.
      m' = max(log sigmoid(f) + m, i); c' = F * c + I * z; n' = F * n + I; h = o * c' / n'
      with F = exp(log sigmoid(f) + m - m'), I = exp(i - m')"""
    h, c, n, m = states
    z = body.op("Add", body.op("MatMul", x, weights("w", 4)), body.op("MatMul", h, weights("r", 4)))
    i, o, f, g = body.split(body.op("Add", z, weights("b", 4)), 4)
    log_f = body.op("Add", body.op("Neg", body.op("Softplus", body.op("Neg", f))), m)
    m = body.op("Max", log_f, i)
    keep, write = body.op("Exp", body.op("Sub", log_f, m)), body.op("Exp", body.op("Sub", i, m))
    c = body.op("Add", body.op("Mul", keep, c), body.op("Mul", write, body.op("Tanh", g)))
    n = body.op("Add", body.op("Mul", keep, n), write)
    return [body.op("Mul", body.op("Sigmoid", o), body.op("Div", c, n)), c, n, m]


def highway(body, weights, x, states):
    """A recurrent highway layer (Zilly et al. 2017) of depth 1: a gate lets the old state pass by the candidate.
      t, g = x W + h R + b; h' = h + sigmoid(t) * (tanh(g) - h)"""
    (h,) = states
    z = body.op("Add", body.op("MatMul", x, weights("w", 2)), body.op("MatMul", h, weights("r", 2)))
    t, g = body.split(body.op("Add", z, weights("b", 2)), 2)
    return [body.op("Add", h, body.op("Mul", body.op("Sigmoid", t), body.op("Sub", body.op("Tanh", g), h)))]


CELLS = {
    "lnlstm": Cell(layer_norm_lstm, 2, (4,)),
    "mgu": Cell(mgu, 1, (1, 1)),
    "slstm": Cell(slstm, 4, (4,)),
    "highway": Cell(highway, 1, (2,)),
}


def graph(config):
    """x [T, N, I] -> y [T, N, H] and the final states [N, H], by a Scan over the first axis of x."""
    cell, n, h = CELLS[config.cell], config.batch, config.hidden
    value = lambda name, *shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    body = Body()
    states = [f"state_{i}" for i in range(cell.states)]
    new = cell.step(body, Weights(body, config), "x_t", states)
    made = [body.op("Identity", name) for name in [*new, new[0]]]
    inner = helper.make_graph(body.nodes, f"{config.cell}_step", [value(s, n, h) for s in states] +
                              [value("x_t", n, config.width)], [value(name, n, h) for name in made])
    final = [f"final_{i}" for i in range(cell.states)]
    scan = helper.make_node("Scan", ["zeros"] * cell.states + ["x"], final + ["y"], name=config.cell, body=inner,
                            num_scan_inputs=1)
    constants = {**body.constants, "zeros": np.zeros((n, h), np.float32)}
    return helper.make_graph([scan], config.name, [value("x", config.steps, n, config.width)],
                             [value("y", config.steps, n, h)] + [value(name, n, h) for name in final],
                             [numpy_helper.from_array(array, name) for name, array in constants.items()])
