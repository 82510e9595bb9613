"""seqc.compile, seqc.load and Program."""
import pathlib
import subprocess
import tempfile
import threading
import time
import tracemalloc
import unittest

import numpy as np
from onnx import TensorProto, helper

import models
import seqc


class Ticker(threading.Thread):
    """Another thread that wants to run: notes when it does."""

    def __init__(self):
        super().__init__(daemon=True)
        self.times, self.ends = [], threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.join()

    def run(self):
        while not self.ends.wait(0.001):
            self.times.append(time.perf_counter())

    def between(self, begin, end):
        margin = (end - begin) / 10
        return sum(begin + margin < at < end - margin for at in self.times)


class Compile(unittest.TestCase):

    def test_sources(self):
        proto = models.lstm()
        x = np.random.default_rng(0).standard_normal((4, 3, 5), np.float32)
        want = models.lstm_reference(proto, x)[0]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "lstm.onnx"
            path.write_bytes(proto.SerializeToString())
            for source in (proto, proto.SerializeToString(), bytearray(proto.SerializeToString()), path, str(path)):
                np.testing.assert_allclose(seqc.compile(source).run({"x": x})["y"], want, rtol=1e-4, atol=1e-5)

    def test_ports(self):
        program = seqc.compile(models.lstm(), threads=2, dims={"N": 3})
        self.assertEqual([port.name for port in program.inputs], ["x"])
        x = program.inputs[0]
        self.assertEqual((x.name, x.kind, x.dtype, x.shape), ("x", "tensor", np.dtype(np.float32), ("T", 3, 5)))
        self.assertEqual([port.shape for port in program.outputs], [("T", 1, 3, 7), (1, 3, 7)])
        self.assertEqual(repr(x), "<seqc.Port x: float32[T, 3, 5]>")
        self.assertEqual(
            repr(program), "<seqc.Program test, 2 threads\n  inputs:  x: float32[T, 3, 5]\n"
            "  outputs: y: float32[T, 1, 3, 7], h: float32[1, 3, 7]>")
        self.assertEqual(program.threads, 2)
        self.assertFalse(program.specialised)
        self.assertGreater(program.constant_bytes, 0)
        self.assertIn("T", program.multiply_adds)
        self.assertEqual(set(program.times), {"import", "passes", "codegen", "load"})
        self.assertIsInstance(program.target, str)

    def test_options(self):
        x = np.random.default_rng(1).standard_normal((9, 2, 32), np.float32)
        model = models.lstm(32, 64)
        exact = seqc.compile(model).run([x])[0]
        for weights in ("f16", "bf16", "int8"):
            near = seqc.compile(model, weights=weights).run([x])[0]
            self.assertFalse(np.array_equal(exact, near), weights)
            np.testing.assert_allclose(exact, near, atol=0.05)
        np.testing.assert_array_equal(exact, seqc.compile(model, threads=2, cache=False).run([x])[0])
        with self.assertRaisesRegex(seqc.InputError, 'weights="f8": expected one of "f32", "f16", "bf16", "int8"'):
            seqc.compile(models.lstm(), weights="f8")
        with self.assertRaisesRegex(seqc.InputError, 'activations="int8": got int8, expected weights in int8'):
            seqc.compile(models.lstm(), activations="int8")
        with self.assertRaisesRegex(seqc.InputError, "cpu: got"):
            seqc.compile(models.lstm(), cpu="pentium99")

    def test_errors(self):
        with self.assertRaisesRegex(seqc.InputError, "/nowhere/x.onnx"):
            seqc.compile("/nowhere/x.onnx")
        with self.assertRaises(ValueError):
            seqc.compile(b"this is no model")
        with self.assertRaises(TypeError):
            seqc.compile(17)
        with self.assertRaisesRegex(seqc.InputError, "seqc.load opens it"):
            seqc.compile("model.so")
        with self.assertRaisesRegex(seqc.InputError, "no such file"):
            seqc.load("/nowhere/model.so")
        with self.assertRaises(NotImplementedError) as caught:
            seqc.compile(models.unary("StringNormalizer", TensorProto.STRING))
        self.assertIsInstance(caught.exception, seqc.UnsupportedError)
        self.assertIsInstance(caught.exception, seqc.Error)
        self.assertIn("StringNormalizer", str(caught.exception))

    def test_structure_from_values(self):
        """A Reshape to a shape that is an input: refused with the remedy, compiled with it."""
        reshape = models.model([helper.make_node("Reshape", ["x", "shape"], ["y"])],
                               {"x": (TensorProto.FLOAT, [6]), "shape": (TensorProto.INT64, [2])},
                               {"y": (TensorProto.FLOAT, None)})
        with self.assertRaisesRegex(seqc.NeedsValuesError, "shape"):
            seqc.compile(reshape)
        x = np.arange(6, dtype=np.float32)
        for how in ({"values": {"shape": [2, 3]}}, {"example": {"x": x, "shape": [2, 3]}}):
            program = seqc.compile(reshape, **how)
            np.testing.assert_array_equal(program.run([x, np.array([2, 3])])[0], x.reshape(2, 3))
            with self.assertRaisesRegex(seqc.InputError, "another value than the program was compiled for"):
                program.run([x, np.array([3, 2])])
        self.assertTrue(program.specialised)

    def test_messages_speak_python(self):
        sequence = models.model([helper.make_node("SequenceAt", ["s", "i"], ["y"])], {"i": (TensorProto.INT64, [])},
                                {"y": (TensorProto.FLOAT, ["N"])})
        sequence.graph.input.insert(
            0, helper.make_value_info("s", helper.make_sequence_type_proto(
                helper.make_tensor_type_proto(TensorProto.FLOAT, ["N"]))))
        with self.assertRaisesRegex(seqc.NeedsValuesError, r'sequences=\{"s": \.\.\.\}'):
            seqc.compile(sequence)
        program = seqc.compile(sequence, sequences={"s": 2})
        self.assertEqual(program.inputs[0].kind, "sequence")
        elements = [np.array([1, 2], np.float32), np.array([3, 4], np.float32)]
        np.testing.assert_array_equal(program.run({"s": elements, "i": 1})["y"], elements[1])
        with self.assertRaisesRegex(seqc.InputError, "compiled for 2 of sequence"):
            program.run({"s": elements[:1], "i": 0})
        with self.assertRaisesRegex(seqc.DTypeError, 'input "s": got ndarray, expected a list|expected a list of arrays'):
            program.run({"s": elements[0], "i": 0})

    def test_library(self):
        with tempfile.TemporaryDirectory() as folder:
            tool = pathlib.Path(seqc.__file__).resolve().parent.parent.parent / "seqc"
            subprocess.run([tool, "build", models.SAMPLE, "-o", folder], check=True, stdout=subprocess.DEVNULL)
            library = seqc.load(pathlib.Path(folder) / "lstm.so")
            inputs = [np.random.default_rng(2).standard_normal((13, 1, 8), np.float32)]
            np.testing.assert_array_equal(library.run(inputs)[0], seqc.compile(models.SAMPLE).run(inputs)[0])
            self.assertIsNone(library.multiply_adds)


class Run(unittest.TestCase):

    def test_dict_and_list(self):
        program = seqc.compile(models.lstm())
        x = np.random.default_rng(3).standard_normal((4, 2, 5), np.float32)
        by_name, in_order = program.run({"x": x}), program.run([x])
        self.assertEqual(list(by_name), ["y", "h"])
        self.assertIsInstance(in_order, list)
        for a, b in zip(by_name.values(), in_order):
            np.testing.assert_array_equal(a, b)
        self.assertEqual(program.run((np.zeros((0, 2, 5), np.float32),))[0].shape, (0, 1, 2, 7))

    def test_faults(self):
        program = seqc.compile(models.lstm())
        x = np.zeros((4, 2, 5), np.float32)
        for inputs, kind, text in (
            ({}, ValueError, 'input "x": is missing'),
            ({"x": x, "z": x}, ValueError, 'input "z": the model has none of this name; expected "x"'),
            ([x, x], ValueError, "inputs: got 2, expected 1"),
            (x, TypeError, r"inputs: got float32\[4,2,5\], expected a dict by name"),
            ({"x": x.astype(np.float64)}, TypeError, r'input "x": got float64\[4,2,5\], expected float32; convert it'),
            ({"x": None}, TypeError, 'input "x": got None'),
            ({"x": "text"}, TypeError, 'input "x": got str'),
            ({"x": x[:, :, :4]}, ValueError, r'input "x": got f32\[4,2,4\], expected f32\[T,N,5\]'),
            ({"x": x[0]}, ValueError, "the rank must be 3"),
            ({"x": [[[1j] * 5]]}, TypeError, "expected numbers"),
        ):
            with self.assertRaisesRegex(kind, text) as caught:
                program.run(inputs)
            self.assertIsInstance(caught.exception, seqc.InputError)

    def test_element_types(self):
        """Identity keeps every type; numbers that say no type are converted."""
        types = {
            TensorProto.FLOAT16: np.float16, TensorProto.FLOAT: np.float32, TensorProto.DOUBLE: np.float64,
            TensorProto.INT8: np.int8, TensorProto.INT16: np.int16, TensorProto.INT32: np.int32,
            TensorProto.INT64: np.int64, TensorProto.UINT8: np.uint8, TensorProto.UINT16: np.uint16,
            TensorProto.UINT32: np.uint32, TensorProto.UINT64: np.uint64, TensorProto.BOOL: np.bool_
        }
        for element, dtype in types.items():
            program = seqc.compile(models.unary("Identity", element))
            x = np.array([0, 1, 1], dtype)
            y = program.run([x])[0]
            self.assertEqual(y.dtype, x.dtype)
            np.testing.assert_array_equal(x, y)
            values = [False, True] if dtype is np.bool_ else [0, 1]
            np.testing.assert_array_equal(program.run([values])[0], np.array(values, dtype))
        with self.assertRaisesRegex(seqc.InputError, "numbers that int8 cannot hold"):
            seqc.compile(models.unary("Identity", TensorProto.INT8)).run([[300]])
        with self.assertRaisesRegex(seqc.DTypeError, "got numbers of float64, expected int8"):
            seqc.compile(models.unary("Identity", TensorProto.INT8)).run([[0.5]])
        big = np.array([1, 2], ">f4")
        with self.assertRaises(seqc.DTypeError):
            seqc.compile(models.unary("Identity")).run([big])

    def test_bf16(self):
        program = seqc.compile(models.unary("Neg", TensorProto.BFLOAT16))
        bits = np.array([0x3f80, 0x4000], np.uint16)  # 1, 2
        try:
            import ml_dtypes
            self.assertEqual(program.inputs[0].dtype, np.dtype(ml_dtypes.bfloat16))
        except ImportError:
            self.assertEqual(program.inputs[0].dtype, np.dtype(np.uint16))
        for x in (bits, bits.view("V2"), [1.0, 2.0]):
            np.testing.assert_array_equal(program.run([x])[0].view(np.uint16), np.array([0xbf80, 0xc000], np.uint16))

    def test_strings(self):
        program = seqc.compile(models.unary("Identity", TensorProto.STRING, ("N", "M")))
        words = [["über", ""], ["x", "längst"]]
        self.assertEqual(str(program.inputs[0]), "<seqc.Port x: str[N, M]>")
        for x in (words, np.array(words), np.array(words, object), np.char.encode(np.array(words), "utf-8")):
            y = program.run([x])[0]
            self.assertEqual((y.dtype, y.tolist()), (np.dtype(object), words))
        self.assertEqual(program.run([np.empty((0, 3), object)])[0].shape, (0, 3))
        with self.assertRaisesRegex(seqc.DTypeError, "got an element of type int, expected str"):
            program.run([[["x", 1]]])
        with self.assertRaisesRegex(seqc.InputError, "NUL"):
            program.run([[["a\0b"]]])

    def test_sizes_of_the_data(self):
        """Of NonZero only the run knows how many there are."""
        program = seqc.compile(models.model([helper.make_node("NonZero", ["x"], ["y"])],
                                            {"x": (TensorProto.FLOAT, ["N"])}, {"y": (TensorProto.INT64, [1, "M"])}))
        self.assertRegex(program.outputs[0].shape[1], "<=N$")
        for x in ([0, 3, 0, 4], [1, 1], [0, 0, 0], []):
            np.testing.assert_array_equal(program.run([x])[0], np.array([np.nonzero(x)[0]]))
        memory = np.full((1, 4), -1)
        y = program.run([[0, 3, 0, 4]], out=[memory])[0]
        np.testing.assert_array_equal(y, [[1, 3]])
        self.assertTrue(np.shares_memory(y, memory))

    def test_no_copies(self):
        program = seqc.compile(models.unary("Neg", shape=("N", 4)))
        x = np.ones((1 << 20, 4), np.float32)
        program.run([x])

        def allocated(value):
            tracemalloc.start()
            try:
                result = program.run([value])[0]
                return result, tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

        y, used = allocated(x)
        self.assertLess(used, 100_000)  # neither the input nor (in NumPy's memory) the output
        self.assertEqual(y.ctypes.data % 64, 0)
        self.assertTrue(y.flags.writeable)
        y[0] = 5
        transposed = np.ones((4, 1 << 20), np.float32).T
        z, used = allocated(transposed)
        self.assertGreaterEqual(used, x.nbytes)
        np.testing.assert_array_equal(z, -x)
        frozen = x[:3]
        frozen.flags.writeable = False
        np.testing.assert_array_equal(program.run([frozen])[0], -frozen)
        del program, x
        self.assertEqual(y[0, 0], 5)  # which outlives its program

    def test_out(self):
        program = seqc.compile(models.lstm())
        x = np.random.default_rng(4).standard_normal((4, 2, 5), np.float32)
        want = program.run({"x": x})
        out = {"y": np.empty((4, 1, 2, 7), np.float32), "h": np.empty((1, 2, 7), np.float32)}
        got = program.run({"x": x}, out=out)
        for name in want:
            self.assertIs(got[name], out[name])
            np.testing.assert_array_equal(got[name], want[name])
        for fault, kind, text in (
            ({**out, "h": np.empty((1, 2, 8), np.float32)}, ValueError, r'output "h": got f32\[1,2,8\] in out=, expected'),
            ({**out, "h": np.empty((1, 2, 7), np.float64)}, TypeError, 'output "h" in out=: got float64'),
            ({**out, "h": np.empty((7, 2, 1), np.float32).T}, ValueError, "must be writeable and C-contiguous"),
            ({**out, "h": [0.0]}, TypeError, "got list in out=, expected an array"),
            ({"y": out["y"]}, ValueError, 'output "h": is missing'),
            ({**out, "h": out["y"].reshape(-1)[:14].reshape(1, 2, 7)}, ValueError, 'overlaps that of output "y"'),
        ):
            with self.assertRaisesRegex(kind, text):
                program.run({"x": x}, out=fault)
        negate = seqc.compile(models.unary("Neg"))
        row = np.ones(5, np.float32)
        with self.assertRaisesRegex(ValueError, 'overlaps input "x"'):
            negate.run([row], out=[row])

    def test_other_arrays(self):
        """Whatever becomes a NumPy array, such as tensors of PyTorch; scalars of NumPy."""
        program = seqc.compile(models.unary("Neg"))

        class Wrapped:

            def __array__(self, dtype=None):
                return np.array([1, 2], np.float32)

        np.testing.assert_array_equal(program.run([Wrapped()])[0], [-1, -2])
        number = seqc.compile(models.unary("Neg", shape=()))
        self.assertEqual(number.run([np.float32(3)])[0], -3)
        self.assertEqual(number.run([3])[0], -3)
        with self.assertRaises(seqc.DTypeError):
            number.run([np.float64(3)])


class Threads(unittest.TestCase):

    def test_others_run_during_run_and_compile(self):
        program = seqc.compile(models.lstm(64, 256))
        x = np.zeros((6000, 4, 64), np.float32)
        with Ticker() as ticker:
            begin = time.perf_counter()
            program.run([x])
            end = time.perf_counter()
        self.assertGreater(ticker.between(begin, end), 5, f"in a run of {end - begin:.3f} s")
        with Ticker() as ticker:
            begin = time.perf_counter()
            seqc.compile(models.lstm(64, 200), cache=False)
            end = time.perf_counter()
        self.assertGreater(ticker.between(begin, end), 5, f"in a compilation of {end - begin:.3f} s")

    def test_one_program_in_many_threads(self):
        program = seqc.compile(models.lstm(), threads=2)
        random = np.random.default_rng(5)
        inputs = [random.standard_normal((3 + k % 3, 1 + k % 4, 5), np.float32) for k in range(12)]
        want = [program.run([x]) for x in inputs]
        faults = []

        def work(number):
            try:
                for k in range(200):
                    at = (number * 7 + k) % len(inputs)
                    for got, expected in zip(program.run([inputs[at]]), want[at]):
                        np.testing.assert_array_equal(got, expected)
            except BaseException as error:  # reported by the main thread
                faults.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults, [])


if __name__ == "__main__":
    unittest.main()
