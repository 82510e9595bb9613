"""Whole models of a folder: their first test inputs as raw files, and what `seqc build` has to know of them."""
import pathlib
import re
import sys

import onnx
from onnx import numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from compile_times import shapes_and_values  # noqa: E402

# Positions in seqc_dtype (runtime/seqc.h) by numpy's names.
DTYPES = {"float16": 0, "float32": 2, "float64": 3, "int8": 4, "int16": 5, "int32": 6, "int64": 7, "uint8": 8, "uint16": 9,
          "uint32": 10, "uint64": 11, "bool": 12}


def select(directory, patterns):
    if not directory:
        return []
    folders = sorted({file.parent for file in directory.rglob("model.onnx")})
    return [f for f in folders if not patterns or any(re.search(p, f"model:{f.name}") for p in patterns)]


def prepare(folder, scratch):
    """The job's inputs, in the order of the model's, and options for `seqc build`."""
    scratch.mkdir(parents=True, exist_ok=True)
    graph = onnx.load(str(folder / "model.onnx"), load_external_data=False).graph
    initializers = {tensor.name for tensor in graph.initializer}
    names = [value.name for value in graph.input if value.name not in initializers]
    arrays = {}
    for i, name in enumerate(names):
        tensor = onnx.TensorProto()
        tensor.ParseFromString((folder / "test_data_set_0" / f"input_{i}.pb").read_bytes())
        arrays[tensor.name or name] = numpy_helper.to_array(tensor)
    inputs = []
    for i, name in enumerate(names):
        file = scratch / f"input_{i}.bin"
        file.write_bytes(arrays[name].tobytes())
        inputs.append({"dtype": DTYPES[arrays[name].dtype.name], "shape": list(arrays[name].shape), "file": str(file)})
    return {"inputs": inputs}, shapes_and_values(folder)
