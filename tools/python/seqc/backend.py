"""seqc behind ONNX's interface for backends, onnx.backend.base.

    import onnx
    import seqc.backend

    prepared = seqc.backend.prepare(onnx.load("model.onnx"))
    outputs = prepared.run([x])

The module itself is a backend as well: onnx.backend.test.BackendTest(seqc.backend, __name__).

Values are those of onnx.numpy_helper: arrays, lists of arrays for sequences, None for optionals without an element. bf16 is
uint16 (the bits), as in the files of ONNX's backend suite.
"""
from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple

import numpy as np
import onnx
from onnx import NodeProto, ModelProto, TypeProto, helper, mapping
from onnx.backend.base import Backend, BackendRep, Device, DeviceType, namedtupledict

import seqc
from seqc import _seqc

__all__ = [
    "SeqcBackend", "SeqcRep", "is_compatible", "is_opset_supported", "prepare", "run_model", "run_node",
    "supports_device"
]


class SeqcRep(BackendRep):
    """A model that is ready to run: what SeqcBackend.prepare returns.

    A model whose structure depends on its inputs (their shapes, the values of small ones, how many elements a sequence has)
    is compiled when it runs, and again when that changes.
    """

    def __init__(self, model: bytes, name: str, options: Any) -> None:
        self._model = model
        self._name = name
        self._options = options
        self._compiled_for: Any = None
        self._program: Optional[seqc.Program] = None
        try:
            self._program = seqc.compile(model, name=name, **options)
        except (seqc.NeedsDimsError, seqc.NeedsValuesError):
            pass  # until there are inputs

    def run(self, inputs: Any, **kwargs: Any) -> Tuple[Any, ...]:
        """Outputs as a named tuple, in the model's order.

        inputs: a list in the order of the graph's inputs (without those that have an initializer), a dict by name, or for
          models with one input the array alone. Raises what Program.run and seqc.compile do.
        """
        if kwargs:
            raise seqc.InputError(f"run: got {', '.join(sorted(kwargs))}, expected no further arguments")
        if not isinstance(inputs, (list, tuple, dict)):
            inputs = [inputs]
        values: Any = inputs if isinstance(inputs, dict) else list(inputs)
        program = self._program_for(values)
        results: Any = program.run(values)
        names = [port.name for port in program.outputs]
        ordered = [results[name] for name in names] if isinstance(results, dict) else results
        outputs: Tuple[Any, ...] = namedtupledict("Outputs", names)(*(_as_onnx(value) for value in ordered))
        return outputs

    def _program_for(self, inputs: Any) -> seqc.Program:
        if self._program is not None and self._compiled_for is None:
            return self._program
        wanted = _structure(inputs)
        if self._program is None or self._compiled_for != wanted:
            self._program = seqc.compile(self._model, name=self._name, example=inputs, **self._options)
            self._compiled_for = wanted
        return self._program


class SeqcBackend(Backend):
    """seqc as an onnx.backend.base.Backend. Keyword arguments are those of seqc.compile."""

    @classmethod
    def is_compatible(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Whether nothing in the model is refused, as far as one can tell without its inputs."""
        return cls.supports_device(device) and not _seqc.unsupported(model.SerializeToString(), "model")

    @classmethod
    def is_opset_supported(cls, model: ModelProto) -> Tuple[bool, str]:
        """Whether the versions of the operators that the model imports are known, and if not, which is not."""
        newest = _seqc.opsets()
        own = {function.domain for function in getattr(model, "functions", ())}
        for opset in model.opset_import:
            domain = "" if opset.domain == "ai.onnx" else opset.domain
            if domain in own:
                continue
            if domain not in newest:
                return False, f'operators of the domain "{opset.domain}" are not supported'
            if domain == "" and not 1 <= opset.version <= newest[domain]:
                return False, f"opset {opset.version} of ONNX is not supported, only 1 to {newest[domain]}"
        return True, ""

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> SeqcRep:
        """Compiles the model. Raises what seqc.compile does."""
        if not cls.supports_device(device):
            raise seqc.UnsupportedError(f'device "{device}": only "CPU" is supported')
        return SeqcRep(model.SerializeToString(), model.graph.name or "model", kwargs)

    @classmethod
    def run_model(cls, model: ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> Tuple[Any, ...]:
        """prepare and run in one go."""
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(cls,
                 node: NodeProto,
                 inputs: Any,
                 device: str = "CPU",
                 outputs_info: Optional[Sequence[Tuple[np.dtype[Any], Tuple[int, ...]]]] = None,
                 **kwargs: Any) -> Tuple[Any, ...]:
        """Runs one node. `inputs` are a list for the inputs that it has names for, or a dict.

        opset_version: the version of ONNX's operators; the newest that the package onnx knows by default.
        """
        version = kwargs.pop("opset_version", min(onnx.defs.onnx_opset_version(), _seqc.opsets()[""]))
        names = list(dict.fromkeys(name for name in node.input if name))
        if not isinstance(inputs, dict):
            values = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
            if len(values) != len(names):
                raise seqc.InputError(f"{node.op_type}: got {len(values)} inputs, expected {len(names)}: {names}")
            inputs = dict(zip(names, values))
        graph = helper.make_graph([node], node.op_type,
                                  [_value_info(name, inputs[name]) for name in names if name in inputs],
                                  [onnx.ValueInfoProto(name=name) for name in node.output if name])
        opsets = [helper.make_opsetid("", version)]
        if node.domain not in ("", "ai.onnx"):
            opsets.append(helper.make_opsetid(node.domain, 1))
        model = helper.make_model(graph, opset_imports=opsets)
        return cls.run_model(model, {name: inputs[name] for name in names if name in inputs}, device, **kwargs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """True for "CPU"."""
        return device.split(":")[0] == "CPU" and Device(device).type == DeviceType.CPU


def _as_onnx(value: Any) -> Any:
    """An output as onnx.numpy_helper would give it."""
    if isinstance(value, list):
        return [_as_onnx(element) for element in value]
    if value is not None and value.dtype.name == "bfloat16":
        return value.view(np.uint16)
    return value


def _structure(value: Any) -> Any:
    """What a program that was compiled for an example depends on: lists, types, shapes, and values of small arrays."""
    if isinstance(value, dict):
        return {name: _structure(element) for name, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [_structure(element) for element in value]
    if value is None:
        return None
    array = np.asarray(value)
    content = array.tobytes() if array.size <= 64 and array.dtype != object else b""
    return array.dtype.str, array.shape, content


def _value_info(name: str, value: Any) -> onnx.ValueInfoProto:
    """What a graph declares of an input with this value."""
    return helper.make_value_info(name, _type_of(name, value))


def _type_of(name: str, value: Any) -> TypeProto:
    if isinstance(value, (list, tuple)):
        if not value:
            raise seqc.InputError(f'input "{name}": the type of an empty sequence is not known; use run_model')
        return helper.make_sequence_type_proto(_type_of(name, value[0]))
    array = np.asarray(value)
    if array.dtype.kind in "USO":
        element = onnx.TensorProto.STRING
    elif array.dtype.name == "bfloat16":
        element = onnx.TensorProto.BFLOAT16
    elif array.dtype in mapping.NP_TYPE_TO_TENSOR_TYPE:
        element = mapping.NP_TYPE_TO_TENSOR_TYPE[array.dtype]
    else:
        raise seqc.DTypeError(f'input "{name}": ONNX has no element type for {array.dtype}')
    return helper.make_tensor_type_proto(element, array.shape)


is_compatible = SeqcBackend.is_compatible
is_opset_supported = SeqcBackend.is_opset_supported
prepare = SeqcBackend.prepare
run_model = SeqcBackend.run_model
run_node = SeqcBackend.run_node
supports_device = SeqcBackend.supports_device
