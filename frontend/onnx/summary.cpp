// What a model file says about itself.
#include <set>

#include "frontend/onnx/import.h"
#include "frontend/onnx/model_inputs_pb.h"
#include "frontend/onnx/reader_pb.h"
#include "ir/error.h"

namespace seqc::frontend {
namespace {

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

ModelSummary::Port port(const onnx::ValueInfoProto& info, const std::set<std::string>& initialized) {
  ModelSummary::Port port{info.name(), type_text(info.type()), std::nullopt, initialized.count(info.name()) > 0};
  const auto shape = declared_shape(info);
  if (!shape) return port;
  try {
    port.tensor = ir::Type{element_type(info.type().tensor_type().elem_type(), ""), *shape};
  } catch (const Error&) {
    // Element types that no tensor of ours has are told by the text only.
  }
  return port;
}

void count_tensor(const onnx::TensorProto& tensor, ModelSummary& summary) {
  uint64_t elements = 1;
  for (const int64_t dim : tensor.dims())
    if (dim < 0 || __builtin_mul_overflow(elements, static_cast<uint64_t>(dim), &elements)) return;
  try {
    const uint64_t size = ir::size_of(element_type(tensor.data_type(), ""));
    if (elements > (uint64_t{1} << 46)) return;
    summary.initializer_bytes += static_cast<int64_t>(elements * size);
    summary.initializer_elements += static_cast<int64_t>(elements);
  } catch (const Error&) {
    summary.initializer_bytes += static_cast<int64_t>(tensor.ByteSizeLong());
  }
}

void count_graph(const onnx::GraphProto& graph, ModelSummary& summary) {
  for (const auto& tensor : graph.initializer()) count_tensor(tensor, summary);
  for (const auto& node : graph.node()) {
    ++summary.nodes;
    const bool own = node.domain().empty() || node.domain() == "ai.onnx";
    ++summary.operators[own ? node.op_type() : node.domain() + "." + node.op_type()];
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) count_graph(attribute.g(), summary);
      for (const auto& inner : attribute.graphs()) count_graph(inner, summary);
    }
  }
}

}  // namespace

ModelSummary summarize_model(const std::string& path) {
  const onnx::ModelProto model = read_model(path);
  ModelSummary summary;
  summary.producer = model.producer_name();
  if (!model.producer_version().empty()) summary.producer += " " + model.producer_version();
  summary.ir_version = model.ir_version();
  for (const auto& import : model.opset_import())
    summary.opsets[import.domain().empty() ? "ai.onnx" : import.domain()] = import.version();
  for (const auto& entry : model.metadata_props()) summary.metadata[entry.key()] = entry.value();
  std::set<std::string> initialized;
  for (const auto& initializer : model.graph().initializer()) initialized.insert(initializer.name());
  for (const auto& input : model.graph().input()) summary.inputs.push_back(port(input, initialized));
  for (const auto& output : model.graph().output()) summary.outputs.push_back(port(output, {}));
  count_graph(model.graph(), summary);
  return summary;
}

}  // namespace seqc::frontend
