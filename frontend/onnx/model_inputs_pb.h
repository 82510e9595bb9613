/// The inputs of a model's main graph with their types, named dims bound to numbers where the caller gives them.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "frontend/onnx/import.h"

namespace seqc::frontend {

struct InputType {
  std::string name;
  ir::Type type;
};

/// The graph's inputs without those that have an initializer. Throws Error: BadInput for options that contradict the
/// model, NeedsDims for inputs of unknown rank, Unsupported for inputs that are no tensors.
std::vector<InputType> bind_inputs(const onnx::GraphProto& graph, const ImportOptions& options);

/// The shape that a graph input or output declares; unnamed dims are called `<name>_dim<i>`. Nothing without a shape.
std::optional<ir::Shape> declared_shape(const onnx::ValueInfoProto& info);

/// A tensor type in ONNX's words; dims that are no plain names are told by their text.
onnx::TypeProto type_proto(const ir::Type& type);

}  // namespace seqc::frontend
