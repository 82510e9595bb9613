// Values of inputs and outputs in files: tensors, sequences, optionals.
#include "frontend/onnx/import.h"
#include "frontend/onnx/reader_pb.h"
#include "ir/error.h"

namespace seqc::frontend {
namespace {

StoredValue decode_sequence(const onnx::SequenceProto& proto, const std::string& where) {
  StoredValue value{StoredValue::Kind::Sequence, {}};
  if (proto.tensor_values_size() == 0 && (proto.sparse_tensor_values_size() > 0 || proto.sequence_values_size() > 0 ||
                                          proto.map_values_size() > 0 || proto.optional_values_size() > 0))
    fail(ErrorKind::Unsupported, "{}: a sequence of {}s is not supported, only one of tensors", where,
         onnx::SequenceProto::DataType_Name(static_cast<onnx::SequenceProto::DataType>(proto.elem_type())));
  for (const auto& tensor : proto.tensor_values())
    value.tensors.push_back(decode_tensor(tensor, nullptr, fmt::format("{}: element {}", where, value.tensors.size())));
  return value;
}

/// `sequence`: whether the model declares an optional of a sequence.
StoredValue decode_optional(const onnx::OptionalProto& proto, bool sequence, const std::string& where) {
  const bool has_tensor = proto.has_tensor_value(), has_sequence = proto.has_sequence_value();
  if (proto.has_sparse_tensor_value() || proto.has_map_value() || proto.has_optional_value())
    fail(ErrorKind::Unsupported, "{}: an optional {} is not supported, only one of a tensor or a sequence", where,
         onnx::OptionalProto::DataType_Name(static_cast<onnx::OptionalProto::DataType>(proto.elem_type())));
  if (!has_tensor && !has_sequence) return {StoredValue::Kind::None, {}};
  if (sequence != has_sequence || has_tensor == has_sequence)
    fail(ErrorKind::BadInput, "{}: got an optional that holds a {}, expected a {}", where,
         has_sequence ? "sequence" : "tensor", sequence ? "sequence" : "tensor");
  if (has_sequence) return decode_sequence(proto.sequence_value(), where);
  return {StoredValue::Kind::Tensor, {decode_tensor(proto.tensor_value(), nullptr, where)}};
}

}  // namespace

std::vector<std::string> StoredValue::ports(const std::string& name) const {
  if (kind == Kind::Tensor) return {name};
  std::vector<std::string> names;
  for (size_t i = 0; i < tensors.size(); ++i) names.push_back(element_port(name, i));
  return names;
}

StoredValue load_value_proto(const std::string& path, PortKind kind, std::string* name) {
  switch (kind) {
    case PortKind::Tensor: return {StoredValue::Kind::Tensor, {load_tensor_proto(path, name)}};
    case PortKind::Sequence: {
      const auto proto = read_sequence_proto(path);
      if (name) *name = proto.name();
      return decode_sequence(proto, path);
    }
    case PortKind::OptionalTensor:
    case PortKind::OptionalSequence: {
      const auto proto = read_optional_proto(path);
      if (name) *name = proto.name();
      return decode_optional(proto, kind == PortKind::OptionalSequence, path);
    }
    case PortKind::Other: break;
  }
  fail(ErrorKind::Unsupported, "{}: only tensors, sequences and optionals of those are supported", path);
}

}  // namespace seqc::frontend
