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
    """The job's inputs and named dims, and options for `seqc build`, most specific shapes first: values are given only to
    models that need them."""
    scratch.mkdir(parents=True, exist_ok=True)
    graph = onnx.load(str(folder / "model.onnx"), load_external_data=False).graph
    initializers = {tensor.name for tensor in graph.initializer}
    values = [value for value in graph.input if value.name not in initializers]
    inputs, dims = [], {}
    for i, value in enumerate(values):
        tensor = onnx.TensorProto()
        tensor.ParseFromString((folder / "test_data_set_0" / f"input_{i}.pb").read_bytes())
        if tensor.name and tensor.name != value.name:
            raise ValueError(f"input {i} is {value.name}, its file holds {tensor.name}")
        array = numpy_helper.to_array(tensor)
        file = scratch / f"input_{i}.bin"
        file.write_bytes(array.tobytes())
        inputs.append({"dtype": DTYPES[array.dtype.name], "shape": list(array.shape), "file": str(file)})
        for dim, size in zip(value.type.tensor_type.shape.dim, array.shape):
            if dim.dim_param:
                dims[dim.dim_param] = size
    options = shapes_and_values(folder)
    pairs = list(zip(options[::2], options[1::2]))
    shapes = [text for pair in pairs if pair[0] == "--shape" for text in pair]
    return {"inputs": inputs, "dims": dims, "fix_dims": True}, (shapes, options, [])
