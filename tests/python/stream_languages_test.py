"""Streams of speech models from C, C++ and Python give the same bits, and those of the model that is handed its states.

Each model is built with `seqc build --stream`; a C99 program calls the library through its header, a C++ one opens it with the
runtime-only library, and seqc.stream opens and compiles it. Prints the median time of a step in each (of a machine that may be busy;
tools/bench/streams measures). Models are those of others: the folder `shared/models` beside the sources, or $SEQC_SHARED/models.
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np

import models
import seqc

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(seqc.__file__).resolve().parent.parent.parent
SHARED = pathlib.Path(os.environ.get("SEQC_SHARED", models.ROOT.parent / "shared")) / "models"
STEPS, SAVE_AT = 60, 23

CACHES = {"conv_cache": "conv_cache_out", "tra_cache": "tra_cache_out", "inter_cache": "inter_cache_out"}
SILERO = {"states": {"state": "stateN"}, "shapes": {"input": [1, 576], "state": [2, 1, 128]}}
MODELS = {
    "silero_vad_v5": {**SILERO, "values": {"sr": 16000}},
    "silero_vad_half": SILERO,
    "silero_vad_openvino_16k": {"states": {"state": "stateN"}},
    "dtln_model_1": {"states": {"input_3": "tf_op_layer_stack_2"}},
    "dtln_model_2": {"states": {"input_5": "tf_op_layer_stack_5"}},
    "gtcrn_stream": {"states": CACHES},
    "gtcrn_stream_simple": {"states": CACHES},
}


def run(*command, env=None):
    """Standard output; what goes wrong is an AssertionError with standard error."""
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, env={**os.environ, **(env or {})})
    assert result.returncode == 0, f"{command}: exit code {result.returncode}\n{result.stdout}{result.stderr}"
    return result.stdout


def options_of(model):
    for name, output in model["states"].items():
        yield from ("--state", f"{name}:{output}")
    for name, shape in model.get("shapes", {}).items():
        yield from ("--shape", f"{name}={','.join(map(str, shape))}")
    for name, value in model.get("values", {}).items():
        yield from ("--value", f"{name}={value}")


def by_hand(path, model, frames):
    """The outputs of the model as it is, whose states this function hands on."""
    arguments = {key: model[key] for key in ("shapes", "values") if key in model}
    program = seqc.compile(path, **arguments)
    states = {port.name: np.zeros(port.shape, port.dtype) for port in program.inputs if port.name in model["states"]}
    fixed = {name: np.int64(value) for name, value in model.get("values", {}).items()}
    outputs = []
    for frame in frames:
        result = program.run({**frame, **states, **fixed})
        states = {name: result.pop(output) for name, output in model["states"].items()}
        outputs.append(result)
    return outputs


def step_all(stream, frames):
    """The outputs of a stream that is saved and goes on elsewhere, and the median of microseconds a step."""
    outputs, seconds = [], []
    for number, frame in enumerate(frames):
        if number == SAVE_AT:
            other = stream.another()
            other.restore(stream.save())
            stream = other.clone()
        begin = time.perf_counter()
        result = stream.step(frame)
        seconds.append(time.perf_counter() - begin)
        outputs.append(result)
    return outputs, 1e6 * float(np.median(seconds))


def bits(outputs):
    return b"".join(array.tobytes() for step in outputs for array in step.values())


@unittest.skipUnless(SHARED.is_dir(), f"no folder {SHARED}: set SEQC_SHARED")
class Languages(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.cpp = cls.folder / "step_cpp"
        run(os.environ.get("CXX", "g++"), "-std=c++20", "-O1", "-Wall", "-Wextra", "-Werror", "-I", BUILD / "include",
            HERE / "stream_step.cpp", "-o", cls.cpp, "-L", BUILD, "-lseqc_runtime")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def check(self, name, model):
        path, folder = SHARED / name / "model.onnx", self.folder
        library = folder / f"{name}.so"
        run(BUILD / "seqc", "build", path, "--stream", *options_of(model), "-o", folder, "--name", name, "--emit=so,a")
        c = folder / f"step_{name}"
        run(os.environ.get("CC", "cc"), "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-I", folder,
            f'-DHEADER="{name}.h"', f"-DNAME={name}", HERE / "stream_step.c", folder / f"{name}.a", "-lm", "-o", c)
        opened, compiled = seqc.stream(library), seqc.stream(path, **model)
        random = np.random.default_rng(7)
        frames = [{port.name: random.standard_normal(port.shape).astype(port.dtype) * 0.1 for port in opened.inputs}
                  for _ in range(STEPS)]
        (folder / "frames").write_bytes(bits(frames))

        want = bits(by_hand(path, model, frames))
        python, python_us = step_all(opened, frames)
        self.assertEqual(bits(python), want, "Python, the library")
        self.assertEqual(bits(step_all(compiled, frames)[0]), want, "Python, compiled in the process")
        arguments = (folder / "frames", folder / "outputs", STEPS, SAVE_AT)
        c_us = float(run(c, *arguments))
        self.assertEqual((folder / "outputs").read_bytes(), want, "C")
        (folder / "outputs").unlink()
        cpp_us = float(run(self.cpp, library, *arguments, env={"LD_LIBRARY_PATH": str(BUILD)}))
        self.assertEqual((folder / "outputs").read_bytes(), want, "C++")
        self.assertTrue(np.isfinite(np.concatenate([array.ravel() for array in python[-1].values()])).all())
        print(f"{name}: {STEPS} steps, {len(want)} bytes the same; us a step: C {c_us:.1f}, C++ {cpp_us:.1f}, "
              f"Python {python_us:.1f}", file=sys.stderr)


def add_test(name, model):
    def test(self):
        if not (SHARED / name).is_dir():
            self.skipTest(f"no model {SHARED / name}")
        self.check(name, model)
    setattr(Languages, f"test_{name}", test)


for each, of in MODELS.items():
    add_test(each, of)

if __name__ == "__main__":
    unittest.main()
