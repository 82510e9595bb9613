/// The inputs of a model's main graph with their types, named dims bound to numbers where the caller gives them.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "frontend/onnx/import.h"

namespace seqc::frontend {

struct Argument {
  std::string name;
  ir::Type type;
};

/// An input of the graph as arguments of the function: a tensor is one, a sequence one for each element, an optional as
/// many as its element or none.
struct InputType {
  std::string name;
  PortKind kind = PortKind::Tensor;
  bool none = false;                   ///< an optional without an element
  ir::DType element = ir::DType::f32;  ///< of the tensors, unless it is none
  std::vector<Argument> arguments;
};

/// The graph's inputs without those that have an initializer. Throws Error: BadInput for options that contradict the
/// model, NeedsDims for inputs of unknown rank, NeedsValues for sequences and optionals whose structure is not given,
/// Unsupported for inputs that are neither those nor tensors.
std::vector<InputType> bind_inputs(const onnx::GraphProto& graph, const ImportOptions& options);

PortKind kind_of(const onnx::TypeProto& type);
/// The type of the tensor, or of the tensors in the sequence or optional. SEQC_CHECKs that it is no PortKind::Other.
const onnx::TypeProto& tensor_type_of(const onnx::TypeProto& type);
/// "f32[batch,16,?]", "optional(seq(f32[N]))".
std::string type_text(const onnx::TypeProto& type);

/// The shape that a tensor type declares; unnamed dims are called `<name>_dim<i>`. Nothing without a shape.
std::optional<ir::Shape> declared_shape(const std::string& name, const onnx::TypeProto& type);

/// A tensor type in ONNX's words; dims that are no plain names are told by their text.
onnx::TypeProto type_proto(const ir::Type& type);

}  // namespace seqc::frontend
