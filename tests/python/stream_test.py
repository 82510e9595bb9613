"""seqc.stream and Stream."""
import copy
import pathlib
import subprocess
import tempfile
import threading
import unittest

import numpy as np
from onnx import TensorProto, helper

import models
import seqc

F32 = TensorProto.FLOAT
TOOL = pathlib.Path(seqc.__file__).resolve().parent.parent.parent / "seqc"


def chunks(random, frames, most):
    sizes = []
    while sum(sizes) < frames:
        sizes.append(min(int(random.integers(0, most + 1)), frames - sum(sizes)))
    return sizes


def accumulator():
    """x[N,3], s[N,3] -> y = s + x, and the same as the next s."""
    nodes = [helper.make_node("Add", ["x", "s"], ["y"]), helper.make_node("Identity", ["y"], ["next_s"])]
    shape = (F32, ["N", 3])
    return models.model(nodes, {"x": shape, "s": shape}, {"y": shape, "next_s": shape})


def strided():
    """x[1,2,T] -> y[1,3,T/2], a convolution of stride 2: frames come in hops of two."""
    random = np.random.default_rng(5)
    weights = {"w": random.standard_normal((3, 2, 3), np.float32)}
    node = helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[3], strides=[2], pads=[2, 0])
    return models.model([node], {"x": (F32, [1, 2, "T"])}, {"y": (F32, None)}, weights)


class Chunks(unittest.TestCase):

    def test_equal_the_whole(self):
        random = np.random.default_rng(1)
        x = random.standard_normal((40, 3, 5), np.float32)
        y, h = seqc.compile(models.lstm()).run([x])
        stream = seqc.stream(models.lstm(), rows=3)
        for trial in range(20):
            stream.reset()
            parts, at = [], 0
            for size in chunks(random, 40, 1 + trial):
                parts.append(stream.step(x[at:at + size]))
                at += size
            np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), y)
            np.testing.assert_array_equal(parts[-1][1], h)
            self.assertEqual(stream.frames, 40)

    def test_hops(self):
        """Frames wait until their hop is full."""
        random = np.random.default_rng(2)
        x = random.standard_normal((1, 2, 32), np.float32)
        want = seqc.compile(strided()).run([x])[0]
        stream = seqc.stream(strided())
        self.assertEqual((stream.hop, stream.time), (2, "T"))
        for trial in range(20):
            parts, at = [], 0
            for size in chunks(random, 32, 1 + trial):
                parts.append(stream.step(x[:, :, at:at + size]))
                self.assertLessEqual(parts[-1].shape[2], (size + 1) // 2)
                at += size
            np.testing.assert_array_equal(np.concatenate(parts, axis=2), want)
            stream.reset()

    def test_forms(self):
        x = np.ones((2, 1, 5), np.float32)
        stream = seqc.stream(models.lstm())
        y, h = stream.step([x])
        stream.reset()
        named = stream.step({"x": x})
        np.testing.assert_array_equal(named["y"], y)
        np.testing.assert_array_equal(named["h"], h)
        stream.reset()
        np.testing.assert_array_equal(stream.step(x)[0], y)
        stream.reset()
        np.testing.assert_array_equal(stream.another().step([x.tolist()])[0], y)
        self.assertEqual([port.name for port in stream.inputs], ["x"])
        self.assertEqual(stream.outputs[0].shape, ("T", 1, "N", 7))
        self.assertIn("seqc.Stream test, 1 row, ", repr(stream))
        self.assertEqual(set(stream.states), {"c", "h"})
        self.assertEqual((stream.rows, stream.rows_dim, stream.threads, stream.name), (1, "N", 1, "test"))
        self.assertGreaterEqual(stream.state_bytes, 2 * 7 * 4)

    def test_states_of_the_model(self):
        stream = seqc.stream(accumulator(), states={"s": "next_s"}, initial={"s": 2}, rows=2)
        self.assertIsNone(stream.time)
        x = np.arange(6, dtype=np.float32).reshape(2, 3)
        self.assertTrue(isinstance(stream.step(x), np.ndarray))
        np.testing.assert_array_equal(stream.step(x), 2 + 2 * x)
        stream.reset()
        np.testing.assert_array_equal(stream.step({"x": x})["y"], 2 + x)


class State(unittest.TestCase):

    def setUp(self):
        self.x = np.random.default_rng(3).standard_normal((12, 2, 5), np.float32)
        self.stream = seqc.stream(models.lstm(), rows=2)
        self.want = self.stream.step(self.x)[0]
        self.stream.reset()

    def test_save_and_restore(self):
        self.stream.step(self.x[:5])
        saved = self.stream.save()
        self.assertIsInstance(saved, bytes)
        for other in (self.stream, self.stream.another(), seqc.stream(models.lstm(), rows=2, threads=2)):
            other.restore(saved)
            np.testing.assert_array_equal(other.step(self.x[5:])[0], self.want[5:])
        with self.assertRaisesRegex(seqc.InputError, "is of 2 rows, expected 1"):
            seqc.stream(models.lstm()).restore(saved)
        with self.assertRaisesRegex(seqc.InputError, "belongs to another model"):
            seqc.stream(models.lstm(seed=2), rows=2).restore(saved)
        with self.assertRaises(ValueError):
            self.stream.restore(saved[:-1])
        with self.assertRaises(TypeError):
            self.stream.restore("text")

    def test_clones(self):
        self.stream.step(self.x[:4])
        for clone in (self.stream.clone(), copy.copy(self.stream), copy.deepcopy(self.stream)):
            np.testing.assert_array_equal(clone.step(self.x[4:])[0], self.want[4:])
            self.assertEqual(clone.frames, 12)
        self.assertEqual(self.stream.frames, 4)

    def test_rows(self):
        """One row begins anew, is saved, and goes on elsewhere."""
        self.stream.step(self.x[:6])
        row = self.stream.save(row=1)
        alone = self.stream.another(rows=1)
        alone.restore(row)
        np.testing.assert_array_equal(alone.step(self.x[6:, 1:])[0], self.want[6:, :, 1:])
        self.stream.reset(row=0)
        both = self.stream.step(np.concatenate([self.x[:6, :1], self.x[6:, 1:]], axis=1))[0]
        np.testing.assert_array_equal(both[:, :, :1], self.want[:6, :, :1])
        np.testing.assert_array_equal(both[:, :, 1:], self.want[6:, :, 1:])
        self.stream.restore(row, row=0)
        with self.assertRaisesRegex(seqc.InputError, "there are 2 rows"):
            self.stream.reset(row=2)

    def test_errors_leave_it_as_it_was(self):
        self.stream.step(self.x[:3])
        for frames, kind, text in ((self.x[3:, :1], ValueError, "these are 2 streams"),
                                   (self.x[3:].astype(np.float64), TypeError, "expected float32"),
                                   (self.x[3:, :, :4], ValueError, r'input "x": got f32\[9,2,4\]'),
                                   ({"z": self.x}, ValueError, 'input "x": is missing'), ([], ValueError, "expected 1")):
            with self.assertRaisesRegex(kind, text):
                self.stream.step(frames)
        np.testing.assert_array_equal(self.stream.step(self.x[3:])[0], self.want[3:])


class Models(unittest.TestCase):

    def test_libraries(self):
        x = np.random.default_rng(4).standard_normal((9, 1, 8), np.float32)
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder)
            for name, options in (("stream", ["--stream"]), ("plain", [])):
                subprocess.run([TOOL, "build", models.SAMPLE, "-o", out, "--name", name, *options], check=True,
                               stdout=subprocess.DEVNULL)
            library, compiled = seqc.stream(out / "stream.so"), seqc.stream(models.SAMPLE)
            np.testing.assert_array_equal(library.step(x[:4]), compiled.step(x[:4]))
            compiled.restore(library.save())
            np.testing.assert_array_equal(library.step(x[4:]), compiled.step(x[4:]))
            with self.assertRaisesRegex(seqc.InputError, "is no stream"):
                seqc.stream(out / "plain.so")
            with self.assertRaisesRegex(seqc.InputError, "is a library, and compiled already"):
                seqc.stream(out / "stream.so", dims={"N": 1})

    def test_refused(self):
        node = helper.make_node("LSTM", ["x", "W", "R"], ["y"], hidden_size=7, direction="reverse")
        proto = models.lstm()
        proto.graph.node[0].CopyFrom(node)
        del proto.graph.output[1]
        with self.assertRaisesRegex(seqc.UnsupportedError, "runs backwards in time"):
            seqc.stream(proto)
        with self.assertRaisesRegex(seqc.InputError, 'no input is called "a"'):
            seqc.stream(accumulator(), states={"a": "y"})
        with self.assertRaisesRegex(seqc.InputError, "no named dim of the model counts them"):
            seqc.stream(models.lstm(), dims={"N": 1}, rows=2)
        with self.assertRaisesRegex(seqc.InputError, "expected 1 or more"):
            seqc.stream(models.lstm(), rows=0)

    def test_threads_share_a_program(self):
        first = seqc.stream(models.lstm())
        x = np.random.default_rng(6).standard_normal((60, 1, 5), np.float32)
        want = first.another().step(x)[0]
        faults = []

        def work(stream):
            try:
                for _ in range(20):
                    stream.reset()
                    got = np.concatenate([stream.step(x[at:at + 3])[0] for at in range(0, 60, 3)])
                    np.testing.assert_array_equal(got, want)
            except BaseException as error:  # reported by the main thread
                faults.append(error)

        threads = [threading.Thread(target=work, args=(first.another(),)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])


if __name__ == "__main__":
    unittest.main()
