// The types that a model declares for its inputs and outputs.
#include <algorithm>

#include "frontend/onnx/model_inputs_pb.h"
#include "frontend/onnx/reader_pb.h"
#include "ir/error.h"

namespace seqc::frontend {

std::string type_text(const onnx::TypeProto& type) {
  if (type.has_sequence_type()) return "seq(" + type_text(type.sequence_type().elem_type()) + ")";
  if (type.has_optional_type()) return "optional(" + type_text(type.optional_type().elem_type()) + ")";
  if (type.has_map_type()) return "map";
  if (type.has_sparse_tensor_type()) return "sparse tensor";
  if (!type.has_tensor_type()) return "unknown";
  std::string element;
  try {
    element = ir::name(element_type(type.tensor_type().elem_type(), ""));
  } catch (const Error&) {
    element = element_type_name(type.tensor_type().elem_type());
  }
  if (!type.tensor_type().has_shape()) return element + "[...]";
  std::string dims;
  for (const auto& dim : type.tensor_type().shape().dim()) {
    const std::string text = dim.has_dim_value() && dim.dim_value() >= 0 ? std::to_string(dim.dim_value())
                             : !dim.dim_param().empty()                  ? dim.dim_param()
                                                                         : "?";
    dims += (dims.empty() ? "" : ",") + text;
  }
  return element + "[" + dims + "]";
}

PortKind kind_of(const onnx::TypeProto& type) {
  if (type.has_tensor_type()) return PortKind::Tensor;
  if (type.has_sequence_type())
    return type.sequence_type().elem_type().has_tensor_type() ? PortKind::Sequence : PortKind::Other;
  if (!type.has_optional_type()) return PortKind::Other;
  switch (kind_of(type.optional_type().elem_type())) {
    case PortKind::Tensor: return PortKind::OptionalTensor;
    case PortKind::Sequence: return PortKind::OptionalSequence;
    case PortKind::OptionalTensor:
    case PortKind::OptionalSequence:
    case PortKind::Other: break;
  }
  return PortKind::Other;
}

const onnx::TypeProto& tensor_type_of(const onnx::TypeProto& type) {
  if (type.has_sequence_type()) return tensor_type_of(type.sequence_type().elem_type());
  if (type.has_optional_type()) return tensor_type_of(type.optional_type().elem_type());
  SEQC_CHECK(type.has_tensor_type(), "the tensors in {}", type_text(type));
  return type;
}

std::optional<ir::Shape> declared_shape(const std::string& name, const onnx::TypeProto& type) {
  if (!type.has_tensor_type() || !type.tensor_type().has_shape()) return std::nullopt;
  ir::Shape shape;
  for (const auto& dim : type.tensor_type().shape().dim()) {
    std::string symbol = dim.dim_param();
    std::replace(symbol.begin(), symbol.end(), '`', '\'');  // the one letter that names in IR text cannot hold
    if (dim.has_dim_value() && dim.dim_value() >= 0)
      shape.emplace_back(dim.dim_value());
    else if (!symbol.empty() && symbol != "?")
      shape.push_back(ir::Dim::symbol(symbol));
    else
      shape.push_back(ir::Dim::symbol(fmt::format("{}_dim{}", name, shape.size())));
  }
  return shape;
}

std::string element_port(const std::string& name, size_t i) { return fmt::format("{}.{}", name, i); }

}  // namespace seqc::frontend
