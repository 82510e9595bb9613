"""seqc.Model: training on arrays, from layers and from ONNX models."""
import gc
import os
import pathlib
import tempfile
import threading
import time
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper

import models
import seqc
from seqc import layers, optimizers


def waves(count=64, steps=12, seed=0):
    """Noisy waves [count, steps, 2] and what comes next [count, 1]."""
    random = np.random.default_rng(seed)
    phase, pace = random.uniform(0, 6, (count, 1)), random.uniform(0.3, 0.6, (count, 1))
    at = np.arange(steps + 1)
    wave = np.sin(phase + pace * at)
    x = np.stack([wave[:, :steps], np.cos(phase + pace * at[:steps])], axis=2)
    return (x + random.normal(0, 0.01, x.shape)).astype(np.float32), wave[:, steps:].astype(np.float32)


def forecaster(seed=0):
    return seqc.Model([layers.LSTM(8), layers.Dense(1)], input=(None, 2), seed=seed)


def same_weights(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


class Layers(unittest.TestCase):

    def test_learns_and_is_used(self):
        x, y = waves()
        model = forecaster()
        self.assertEqual(repr(model), "<seqc.Model model, 361 weights, 0 steps of training>")
        untrained = model.predict(x)
        self.assertEqual(untrained.shape, y.shape)
        history = model.fit(x, y, loss="mse", optimizer=optimizers.Adam(0.02), epochs=30, batch_size=16,
                            validation_split=0.25, clip_norm=1)
        self.assertEqual([epoch.epoch for epoch in history], list(range(30)))
        self.assertEqual(history[-1].step, 30 * 3)
        loss, validation = history.curve(), history.curve("loss", "validation")
        self.assertLess(loss[-1], loss[0] / 5)
        self.assertLess(validation[-1], validation[0] / 5)
        self.assertLess(np.mean((model.predict(x) - y)**2), np.mean((untrained - y)**2) / 5)
        measured = model.evaluate(x, y, loss="mse")
        self.assertAlmostEqual(measured["loss"], float(np.mean((model.predict(x) - y)**2)), places=5)

    def test_saved_model_runs_elsewhere(self):
        x, y = waves(20)
        model = forecaster()
        model.fit(x, y, loss="mse", epochs=2)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "m.onnx"
            model.save(path)
            onnx.checker.check_model(str(path))
            self.assertEqual({node.op_type for node in onnx.load(path).graph.node} & {"LSTM", "Scan"}, {"LSTM"})
            np.testing.assert_allclose(seqc.compile(path).run({"x": x})["y"], model.predict(x), atol=1e-6)
            # And goes on learning there.
            again = seqc.Model(path)
            np.testing.assert_allclose(again.predict(x), model.predict(x), atol=1e-6)
            before = again.evaluate(x, y, loss="mse")["loss"]
            again.fit(x, y, loss="mse", epochs=5)
            self.assertLess(again.evaluate(x, y, loss="mse")["loss"], before)

    def test_kinds_of_layers(self):
        """Every layer builds, learns a step and predicts the shape that it says."""
        random = np.random.default_rng(0)
        x = random.standard_normal((9, 5, 3), np.float32)
        flat = random.standard_normal((9, 3), np.float32)
        ids = random.integers(0, 11, (9, 5))
        L = layers
        for stack, input, data, shape in (
            ([L.LSTM(4, return_sequences=True)], (None, 3), x, (9, 5, 4)),
            ([L.GRU(4, return_sequences=True), L.RNN(2)], (None, 3), x, (9, 2)),
            ([L.RNN(4, activation="relu", bidirectional=True)], (5, 3), x, (9, 8)),
            ([L.LSTM(4, bidirectional=True, return_sequences=True), L.GRU(3, bidirectional=True)], (None, 3), x, (9, 6)),
            ([L.Dense(7, "relu"), L.LayerNorm(), L.Dense(2, "tanh")], (3,), flat, (9, 2)),
            ([L.Dense(4, "sigmoid"), L.Dense(4, "softplus"), L.Dense(2, "softmax")], (None, 3), x, (9, 5, 2)),
            ([L.Embedding(11, 6), L.Dropout(0.5), L.LSTM(3)], (None,), ids, (9, 3)),
            ([L.Embedding(11, 6), L.Dense(1)], (None,), ids, (9, 5, 1)),
        ):
            model = seqc.Model(stack, input=input)
            self.assertEqual(model.predict(data).shape, shape)
            before = model.weights
            metrics = model.step(data, np.zeros(shape), loss="mse", optimizer="sgd")
            self.assertEqual(set(metrics), {"loss", "gradient_norm"})
            self.assertFalse(same_weights(before, model.weights))
        names = set(seqc.Model([L.LSTM(2, return_sequences=True), L.LSTM(2), L.Dense(1, name="head")], (None, 3)).weights)
        self.assertLessEqual({"lstm.forget.w", "lstm_2.cell.r", "head.b"}, names)

    def test_dropout_is_for_training_alone(self):
        x = np.ones((4, 50), np.float32)
        model = seqc.Model([layers.Dropout(0.5), layers.Dense(1)], input=(50,))
        model.weights = {"dense.w": np.full((1, 50), 0.02, np.float32), "dense.b": np.zeros(1, np.float32)}
        np.testing.assert_allclose(model.predict(x), np.ones((4, 1)), rtol=1e-5)
        target = np.ones((4, 1))
        self.assertGreater(model.step(x, target, loss="mse", optimizer=optimizers.Sgd(0.0))["loss"], 1e-4)
        self.assertLess(model.evaluate(x, target, loss="mse")["loss"], 1e-8)

    def test_lengths(self):
        """Steps behind an example's length do not matter."""
        x, _ = waves(6)
        model = seqc.Model([layers.GRU(4, bidirectional=True, return_sequences=True), layers.LSTM(3)], (None, 2),
                           lengths=True)
        lengths = np.array([12, 1, 5, 7, 0, 12])
        y = model.predict({"x": x, "lengths": lengths})
        for n, length in enumerate(lengths):
            x[n, length:] = 99
        np.testing.assert_array_equal(y, model.predict({"x": x, "lengths": lengths}))
        with self.assertRaisesRegex(seqc.DTypeError, "expected a dict with x, lengths"):
            model.predict(x)

    def test_classes(self):
        random = np.random.default_rng(2)
        ids = random.integers(0, 20, (80, 9))
        label = (ids[:, -1] >= 10).astype(np.int64)
        model = seqc.Model([layers.Embedding(20, 4), layers.GRU(8), layers.Dense(2, "softmax")], input=(None,))
        history = model.fit(ids, label, loss="softmax-cross-entropy", optimizer=optimizers.Adam(0.03), epochs=12)
        self.assertGreater(history[-1].training["accuracy"], 0.95)
        np.testing.assert_allclose(model.predict(ids).sum(axis=1), np.ones(80), rtol=1e-5)
        with self.assertRaisesRegex(seqc.InputError, "expected 0 to 1|expected .* 2 classes"):
            model.fit(ids, label + 1, loss="softmax-cross-entropy")
        ids[3, 4] = 20
        with self.assertRaisesRegex(seqc.InputError, "20"):
            model.fit(ids, label, loss="softmax-cross-entropy")
        tagger = seqc.Model([layers.Embedding(20, 4), layers.LSTM(6, return_sequences=True), layers.Dense(2)], (None,))
        ids[3, 4] = 0
        tags = (ids >= 10).astype(np.int64)
        before = tagger.evaluate(ids, tags, loss="sequence_cross_entropy", lengths=np.full(80, 9))
        tagger.fit(ids, tags, loss="sequence-cross-entropy", lengths=np.full(80, 9), epochs=3, batch_size=10)
        after = tagger.evaluate(ids, tags, loss="sequence_cross_entropy", lengths=np.full(80, 9))
        self.assertLess(after["loss"], before["loss"])

    def test_faults(self):
        x, y = waves(8)
        model = forecaster()
        for wrong, kind, text in (
            (lambda: seqc.Model([layers.LSTM(8)]), ValueError, "input: is missing"),
            (lambda: seqc.Model([layers.LSTM(8)], input=(2,)), ValueError, 'layer "lstm": got an input without steps'),
            (lambda: seqc.Model([layers.LSTM(0)], input=(None, 2)), ValueError, 'layer "lstm": got 0 units'),
            (lambda: seqc.Model([layers.Dense(3, "swish")], input=(2,)), ValueError, 'layer "dense": activation "swish"'),
            (lambda: seqc.Model([layers.Dropout(2.0)], input=(2,)), ValueError, 'layer "dropout"'),
            (lambda: seqc.Model([layers.Dense(3)], input=(2,), zero=["h"]), ValueError, "zero: got"),
            (lambda: seqc.Model([], input=(2,)), ValueError, "layers: got none"),
            (lambda: seqc.Model([layers.LSTM, 3], input=(2,)), TypeError, "layers: got type, expected layers"),
            (lambda: model.fit(x, y, loss="cubic"), ValueError, "loss cubic: expected one of"),
            (lambda: model.fit(x, y, loss="mse", optimizer="lion"), ValueError, 'optimizer="lion": expected one of sgd'),
            (lambda: model.fit(x, y, loss="mse", optimizer=3), TypeError, "optimizer: got int"),
            (lambda: model.fit(x, y, loss="mse", optimizer=optimizers.Adam("fast")), TypeError, "rate: got str"),
            (lambda: model.fit(x, y, loss="mse", epochs=0), ValueError, "epochs=0: expected 1 or more"),
            (lambda: model.fit(x[:, :, :1], y, loss="mse"), ValueError, 'input "x": got f32'),
            (lambda: model.fit(x, y[:5], loss="mse"), ValueError, "has 5 examples along axis 0, expected 8"),
            (lambda: model.fit({"z": x}, y, loss="mse"), ValueError, 'input "z": the model has none'),
            (lambda: model.fit({}, y, loss="mse"), ValueError, 'input "x": .* is missing'),
            (lambda: model.fit(x * np.nan, y, loss="mse"), ValueError, "nan"),
            (lambda: model.fit(x, y, loss="mse", lengths=np.ones(8)), ValueError, "sequence-cross-entropy"),
            (lambda: model.fit(x, y, loss="mse", validation=(x,)), ValueError, "validation: got 1 parts"),
            (lambda: model.fit(x, y, loss="mse", validation_split=0.01), ValueError, "validation_split=0.01: leaves"),
            (lambda: model.fit(x, y, loss="mse", clip_norm=1, clip_value=1), ValueError, "expected one of them"),
            (lambda: setattr(model, "weights", {"w": x}), ValueError, 'weight "w": the model has none'),
            (lambda: setattr(model, "weights", {"dense.b": np.zeros(2, np.float32)}), ValueError, r"got f32\[2\], expected"),
        ):
            with self.assertRaisesRegex(kind, text) as caught:
                wrong()
            self.assertIsInstance(caught.exception, seqc.Error)
        self.assertEqual(model.predict(x).shape, y.shape)


class Training(unittest.TestCase):

    def test_same_bits(self):
        x, y = waves()
        runs = []
        for threads in (1, 1, 2):
            model = forecaster()
            model.fit(x, y, loss="mse", epochs=3, threads=threads)
            runs.append(model.weights)
        self.assertTrue(same_weights(runs[0], runs[1]))
        self.assertTrue(same_weights(runs[0], runs[2]))
        self.assertFalse(same_weights(forecaster(0).weights, forecaster(1).weights))

    def test_goes_on(self):
        """Two calls of fit are one of all epochs, unless the settings change."""
        x, y = waves()
        whole, parts = forecaster(), forecaster()
        whole.fit(x, y, loss="mse", epochs=4)
        parts.fit(x, y, loss="mse", epochs=1)
        history = parts.fit(x, y, loss="mse", epochs=3)
        self.assertEqual(len(history), 4)
        self.assertTrue(same_weights(whole.weights, parts.weights))
        before = parts.weights
        parts.fit(x, y, loss="huber", optimizer="sgd", epochs=1)
        self.assertFalse(same_weights(before, parts.weights))
        self.assertEqual(len(parts.fit(x, y, loss="huber", optimizer="sgd", epochs=1)), 2)

    def test_weights(self):
        x, y = waves()
        model = forecaster()
        start = model.weights
        model.fit(x, y, loss="mse")
        learnt, said = model.weights, model.predict(x)
        self.assertFalse(same_weights(start, learnt))
        model.weights = start
        self.assertTrue(same_weights(start, model.weights))
        self.assertFalse(np.array_equal(said, model.predict(x)))
        model.weights = learnt
        np.testing.assert_array_equal(said, model.predict(x))
        learnt["dense.b"][:] = 7  # a copy
        np.testing.assert_array_equal(said, model.predict(x))

    def test_checkpoint(self):
        x, y = waves()
        whole = forecaster()
        whole.fit(x, y, loss="mse", epochs=4)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "run.ckpt")
            forecaster().fit(x, y, loss="mse", epochs=2, checkpoint=path)
            resumed = forecaster()
            history = resumed.fit(x, y, loss="mse", epochs=4, checkpoint=path, resume=True)
            self.assertEqual(len(history), 4)
            self.assertTrue(same_weights(whole.weights, resumed.weights))
            with self.assertRaisesRegex(seqc.InputError, "new_settings"):
                forecaster().fit(x, y, loss="mse", optimizer="sgd", checkpoint=path, resume=True)

    def test_every_optimizer_and_schedule(self):
        x, y = waves(16)
        o = optimizers

        def dense():
            return seqc.Model([layers.Dense(1)], input=(2,))

        first = dense().evaluate(x[:, -1], y, loss="mse")["loss"]
        rates = (0.01, o.Constant(0.01, warm_up=3), o.Cosine(0.01), o.Cosine(0.01, 20, 0.001), o.StepDecay(0.01, 5, 0.5),
                 o.Exponential(0.01, 0.99), o.InverseSquareRoot(0.01, 4), o.Piecewise([0.01, 0.001], [5]))
        for how in (*map(o.Sgd, rates), o.Sgd(0.01, 0.9, True), o.Adagrad(0.01), o.Rmsprop(0.01, centered=True),
                    o.Adam(0.01), o.AdamW(0.01, amsgrad=True), "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam",
                    "adamw"):
            model = dense()
            model.fit(x[:, -1], y, loss="mse", optimizer=how, epochs=8, batch_size=16, clip_value=0.5)
            self.assertLess(model.step(x[:, -1], y, loss="mse", optimizer="sgd")["loss"], first, how)
        with self.assertRaisesRegex(seqc.InputError, "Cosine: .* steps="):
            forecaster().step(x, y, loss="mse", optimizer=o.Adam(o.Cosine(0.01)))

    def test_callbacks(self):
        x, y = waves()
        model = forecaster()
        batches, epochs = [], []
        model.fit(x, y, loss="mse", epochs=2, batch_size=32, on_batch=batches.append, on_epoch=epochs.append)
        self.assertEqual([(report["epoch"], report["batch"], report["step"]) for report in batches],
                         [(0, 0, 1), (0, 1, 2), (1, 0, 3), (1, 1, 4)])
        self.assertEqual(set(batches[0]["metrics"]), {"loss"})
        self.assertGreater(batches[0]["gradient_norm"], 0)
        self.assertEqual([report["epoch"] for report in epochs], [0, 1])
        self.assertEqual(len(model.fit(x, y, loss="mse", epochs=9, on_epoch=lambda report: report["epoch"] < 3)), 4)

        def fails(report):
            model.weights  # may be looked at
            raise KeyError("mine")

        with self.assertRaises(KeyError):
            model.fit(x, y, loss="mse", on_batch=fails)

        def trains(report):
            model.fit(x, y, loss="mse")

        with self.assertRaisesRegex(seqc.InputError, "is being trained already"):
            model.fit(x, y, loss="mse", on_batch=trains)
        stopped = model.fit(x, y, loss="mse", epochs=50, patience=1, watch="loss", validation=(x, np.zeros_like(y)))
        self.assertLess(len(stopped), 50)

    def test_others_run_while_it_trains(self):
        x, y = waves(512, 60)
        model = forecaster()
        ticks, refused, ends = [], [], threading.Event()

        def other():
            while not ends.wait(0.001):
                ticks.append(time.perf_counter())
                try:
                    model.predict(x[:1])
                except seqc.InputError as error:
                    refused.append(str(error))

        thread = threading.Thread(target=other)
        model.step(x[:32], y[:32], loss="mse")  # compiled
        thread.start()
        begin = time.perf_counter()
        model.fit(x, y, loss="mse", epochs=20)
        end = time.perf_counter()
        ends.set()
        thread.join()
        self.assertGreater(sum(begin < at < end for at in ticks), 5, f"in {end - begin:.3f} s")
        self.assertIn("the model is being trained by another thread; wait until that has ended", refused)

    def test_objects_end(self):
        x, y = waves(16)
        model = forecaster()
        model.fit(x, y, loss="mse")
        program, learnt = model.program(), model.weights
        said = model.predict(x)
        del model
        gc.collect()
        np.testing.assert_array_equal(program.run({"x": x})["y"], said)
        self.assertEqual(learnt["dense.b"].shape, (1,))


class Onnx(unittest.TestCase):

    def test_sample(self):
        """The sample of the quickstart learns sensors that have lost half of their gain."""
        proto = onnx.load(models.SAMPLE)
        random = np.random.default_rng(0)
        x = random.standard_normal((25, 12, 8), np.float32)  # [T,N,8]
        y = seqc.compile(proto).run([x])[0]
        model = seqc.Model(models.SAMPLE)
        before = model.evaluate(x / 2, y, loss="mse")["loss"]
        model.fit(x / 2, y, loss="mse", optimizer=optimizers.Adam(0.01), epochs=30, batch_size=4, clip_norm=1)
        self.assertLess(model.evaluate(x / 2, y, loss="mse")["loss"], before / 2)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "tuned.onnx")
            model.save(path)
            tuned = onnx.load(path)
            self.assertEqual(len(tuned.graph.node), len(proto.graph.node))
            np.testing.assert_array_equal(seqc.compile(tuned).run([x / 2])[0], model.predict(x / 2))

    def test_states_and_parts(self):
        """Initial states as zeros, two inputs, weights of a part, examples along another axis; from memory."""
        f32 = TensorProto.FLOAT
        proto = models.lstm(3, 4)
        node = proto.graph.node[0]
        node.input.extend(["", "h0", "c0"])
        for name in ("h0", "c0"):
            proto.graph.input.append(helper.make_tensor_value_info(name, f32, [1, "N", 4]))
        random = np.random.default_rng(1)
        x, h = random.standard_normal((6, 10, 3), np.float32), random.standard_normal((1, 10, 4), np.float32)
        with self.assertRaisesRegex(seqc.InputError, "has the outputs y, h; say which one is trained: output="):
            seqc.Model(proto)
        model = seqc.Model(proto, output="h", zero=["h0", "c0"], train_only=["R"])
        before = model.weights
        self.assertEqual(set(before), {"R"})
        self.assertEqual(model.predict(x).shape, h.shape)
        model.fit(x, h, loss="huber", huber_delta=0.5, epochs=2, batch_size=5)
        self.assertFalse(same_weights(before, model.weights))
        batch_first = seqc.Model(proto.SerializeToString(), output="h", zero=["c0"], examples_first=True)
        data = {"x": np.moveaxis(x, 1, 0), "h0": np.moveaxis(h, 1, 0)}
        loss = [batch_first.step(data, np.moveaxis(h, 1, 0), loss="mse", optimizer="adam")["loss"] for _ in range(20)]
        self.assertLess(loss[-1], loss[0])
        with self.assertRaisesRegex(seqc.InputError, r'input "h0": .* is missing in x; or train with zero=\["h0"\]'):
            batch_first.fit({"x": data["x"]}, np.moveaxis(h, 1, 0), loss="mse")

    def test_axes(self):
        linear = models.model([helper.make_node("MatMul", ["x", "w"], ["y"])],
                              {"x": (TensorProto.FLOAT, ["rows", 3])}, {"y": (TensorProto.FLOAT, ["rows", 1])},
                              {"w": np.zeros((3, 1), np.float32)})
        fixed = models.model([helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": (TensorProto.FLOAT, [4, 3])},
                             {"y": (TensorProto.FLOAT, [4, 1])}, {"w": np.zeros((3, 1), np.float32)})
        x = np.random.default_rng(3).standard_normal((20, 3))
        y = x @ [[1], [2], [3]]
        for proto, axes in ((linear, {}), (fixed, {"x": 0})):
            model = seqc.Model(proto, axes=axes)
            model.fit(x, y, loss="mse", optimizer=optimizers.Sgd(0.2), epochs=80)
            np.testing.assert_allclose(model.weights["w"], [[1], [2], [3]], atol=0.01)
        with self.assertRaisesRegex(seqc.InputError, r'axes=\{"x": AXIS\}'):
            seqc.Model(fixed).fit(x, y, loss="mse")
        with self.assertRaisesRegex(seqc.InputError, "batch_size=5: the model takes batches of 4"):
            model.fit(x, y, loss="mse", batch_size=5)


if __name__ == "__main__":
    unittest.main()
