#!/usr/bin/env python3
"""Makes the sample that tools/quickstart.sh compiles: lstm.onnx with an example of its input and output.

The task: a noisy sum of two sines is seen by eight sensors, each with its own delay, gain and noise; predict the clean
signal one step ahead. The model is an LSTM (8 features, 32 hidden units, weights random from a fixed seed) with a dense
layer on top, fitted by ridge regression as in an echo state network, so it predicts something real without a training
framework. Needs python3-numpy and python3-onnx; quickstart does not run this script, it uses the files beside it.
"""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FEATURES, HIDDEN, SEED = 8, 32, 2
FIT_STEPS, TEST_STEPS, WARM_UP, SAMPLE_STEPS = 6000, 1000, 100, 100


def signal(t):
    return 0.6 * np.sin(0.21 * t) + 0.4 * np.sin(0.083 * t + 1.0)


def sensors(rng, t):
    """[T] times -> [T, 1, 8] readings, f32."""
    delay, gain = np.arange(FEATURES) * 1.5, 0.8 + 0.05 * np.arange(FEATURES)
    clean = signal(t[:, None] - delay) * gain
    return (clean + 0.1 * rng.standard_normal(clean.shape)).astype(np.float32)[:, None, :]


def lstm(x, w, r, b):
    """ONNX LSTM, one direction, gates i o f c: x [T,N,I] -> hidden states [T,N,H]."""
    h = c = np.zeros((x.shape[1], HIDDEN), np.float32)
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    states = []
    for xt in x:
        i, o, f, g = np.split(xt @ w[0].T + h @ r[0].T + b[0, : 4 * HIDDEN] + b[0, 4 * HIDDEN :], 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        states.append(h)
    return np.stack(states).astype(np.float32)


def make_weights(rng):
    w = (rng.standard_normal((1, 4 * HIDDEN, FEATURES)) * 0.35).astype(np.float32)
    r = (rng.standard_normal((1, 4 * HIDDEN, HIDDEN)) * 0.8 / np.sqrt(HIDDEN)).astype(np.float32)
    b = np.zeros((1, 8 * HIDDEN), np.float32)
    b[0, 2 * HIDDEN : 3 * HIDDEN] = 1  # forget gates start open
    return w, r, b


def fit_dense(states, target):
    """Ridge regression of the target on the hidden states and a constant: ([H,1], [1])."""
    a = np.concatenate([states, np.ones((len(states), 1))], axis=1)
    v = np.linalg.solve(a.T @ a + 1e-2 * np.eye(HIDDEN + 1), a.T @ target)
    return v[:HIDDEN, None].astype(np.float32), v[HIDDEN:].astype(np.float32)


def make_model(w, r, b, v, d):
    constants = {"W": w, "R": r, "B": b, "V": v, "d": d, "direction_axis": np.array([1], np.int64)}
    nodes = [
        helper.make_node("LSTM", ["sensors", "W", "R", "B"], ["states"], name="lstm", hidden_size=HIDDEN),
        helper.make_node("Squeeze", ["states", "direction_axis"], ["hidden"], name="one_direction"),
        helper.make_node("MatMul", ["hidden", "V"], ["product"], name="dense"),
        helper.make_node("Add", ["product", "d"], ["prediction"], name="dense_bias"),
    ]
    graph = helper.make_graph(
        nodes, "sample_lstm",
        [helper.make_tensor_value_info("sensors", TensorProto.FLOAT, ["T", "N", FEATURES])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["T", "N", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
        doc_string="Predicts a sum of two sines one step ahead from eight noisy, delayed sensors.",
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], producer_name="seqc make_sample.py")
    model.ir_version = 7
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    here = pathlib.Path(__file__).resolve().parent
    rng = np.random.default_rng(SEED)
    w, r, b = make_weights(rng)
    t = np.arange(FIT_STEPS + TEST_STEPS, dtype=np.float64)
    readings, target = sensors(rng, t), signal(t + 1)
    states = lstm(readings, w, r, b)[:, 0]
    v, d = fit_dense(states[WARM_UP:FIT_STEPS], target[WARM_UP:FIT_STEPS])

    error = (states[FIT_STEPS:] @ v + d)[:, 0] - target[FIT_STEPS:]
    naive = readings[FIT_STEPS:, 0, 0] / 0.8 - target[FIT_STEPS:]
    rms = lambda e: np.sqrt(np.mean(e**2))
    print(f"error one step ahead, rms: model {rms(error):.4f}, last reading of the freshest sensor {rms(naive):.4f}")

    onnx.save(make_model(w, r, b, v, d), str(here / "lstm.onnx"))
    x = sensors(rng, 9000 + np.arange(SAMPLE_STEPS, dtype=np.float64))
    (here / "data").mkdir(exist_ok=True)
    np.save(here / "data/input_0.npy", x)
    np.save(here / "data/output_0.npy", lstm(x, w, r, b) @ v + d)


main()
