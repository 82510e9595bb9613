// What a model file says about itself.
#include "frontend/onnx/summary.h"

#include <set>

#include "frontend/onnx/model_inputs_pb.h"
#include "frontend/onnx/reader_pb.h"
#include "ir/error.h"

namespace seqc::frontend {
namespace {

ModelSummary::Port port(const onnx::ValueInfoProto& info, const std::set<std::string>& initialized) {
  ModelSummary::Port port{.name = info.name(),
                          .type = type_text(info.type()),
                          .kind = kind_of(info.type()),
                          .tensor = std::nullopt,
                          .has_default = initialized.count(info.name()) > 0};
  if (port.kind == PortKind::Other) return port;
  const onnx::TypeProto& tensor = tensor_type_of(info.type());
  const auto shape = declared_shape(info.name(), tensor);
  if (!shape) return port;
  try {
    port.tensor = ir::Type{element_type(tensor.tensor_type().elem_type(), ""), *shape};
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

ModelSummary summarize(const onnx::ModelProto& model) {
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

}  // namespace

ModelSummary summarize_model(const std::string& path) { return summarize(read_model(path)); }

ModelSummary summarize_model_bytes(std::span<const std::byte> bytes, const std::string& name) {
  return summarize(parse_model(bytes, name));
}

}  // namespace seqc::frontend
