"""ONNX models and numbers for the tests of the Python module."""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SAMPLE = ROOT / "tools/examples/sample/lstm.onnx"


def model(nodes, inputs, outputs, initializers=None, opset=17):
    """A model of nodes; inputs and outputs are {name: (element type, shape)}."""
    graph = helper.make_graph(
        nodes, "test", [helper.make_tensor_value_info(name, *of) for name, of in inputs.items()],
        [helper.make_tensor_value_info(name, *of) for name, of in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in (initializers or {}).items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def unary(op, element=TensorProto.FLOAT, shape=("N",), out=None, **attributes):
    """One node from x to y."""
    return model([helper.make_node(op, ["x"], ["y"], **attributes)], {"x": (element, shape)},
                 {"y": (out or element, shape)})


def lstm(inputs=5, hidden=7, seed=1):
    """x[T,N,I] -> y[T,1,N,H], h[1,N,H], with random weights."""
    random = np.random.default_rng(seed)
    weights = {
        "W": random.standard_normal((1, 4 * hidden, inputs), np.float32) * 0.3,
        "R": random.standard_normal((1, 4 * hidden, hidden), np.float32) * 0.3,
        "B": random.standard_normal((1, 8 * hidden), np.float32) * 0.1
    }
    node = helper.make_node("LSTM", ["x", "W", "R", "B"], ["y", "h"], name="lstm", hidden_size=hidden)
    f32 = TensorProto.FLOAT
    return model([node], {"x": (f32, ["T", "N", inputs])}, {"y": (f32, ["T", 1, "N", hidden]), "h": (f32, [1, "N", hidden])},
                 weights)


def lstm_reference(proto, x):
    """What the model of lstm() computes, in float64."""
    weights = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in proto.graph.initializer}
    w, r, b = weights["W"][0], weights["R"][0], weights["B"][0]
    hidden = r.shape[1]
    h = c = np.zeros((x.shape[1], hidden))
    ys = []
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    for step in x.astype(np.float64):
        i, o, f, g = np.split(step @ w.T + h @ r.T + b[:4 * hidden] + b[4 * hidden:], 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        ys.append(h)
    y = np.stack(ys)[:, None] if ys else np.zeros((0, 1, x.shape[1], hidden))
    return y, h[None]
