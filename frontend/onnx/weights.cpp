#include "frontend/onnx/weights.h"

#include <fmt/ranges.h>

#include <set>

#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/tensor_proto_pb.h"
#include "ir/error.h"

namespace seqc::frontend {
namespace {

/// Notes who uses which weight; names that a subgraph defines itself hide those of the graphs around it.
void find_uses(const onnx::GraphProto& graph, const std::set<std::string>& hidden,
               std::map<std::string, std::vector<Weight::Use>>& uses) {
  for (const auto& node : graph.node()) {
    for (int i = 0; i < node.input_size(); ++i)
      if (!hidden.contains(node.input(i)))
        uses[node.input(i)].push_back({node.domain() == "ai.onnx" ? "" : node.domain(), node.op_type(), i});
    const auto inside = [&](const onnx::GraphProto& inner) {
      std::set<std::string> names = hidden;
      for (const auto& input : inner.input()) names.insert(input.name());
      for (const auto& tensor : inner.initializer()) names.insert(tensor.name());
      find_uses(inner, names, uses);
    };
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) inside(attribute.g());
      for (const auto& inner : attribute.graphs()) inside(inner);
    }
  }
}

/// Tensors that lie in other files come into this one.
void take_in(onnx::GraphProto& graph, ExternalData& external) {
  for (auto& proto : *graph.mutable_initializer()) {
    if (proto.data_location() != onnx::TensorProto::EXTERNAL) continue;
    const std::string name = proto.name();
    const ir::Tensor tensor = decode_tensor(proto, &external, fmt::format("initializer \"{}\"", name));
    proto.Clear();
    encode_tensor(tensor, name, proto);
  }
  for (auto& node : *graph.mutable_node())
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_t() && attribute.t().data_location() == onnx::TensorProto::EXTERNAL) {
        const std::string name = attribute.t().name();
        const ir::Tensor tensor =
            decode_tensor(attribute.t(), &external, fmt::format("a tensor of node \"{}\"", node.name()));
        attribute.mutable_t()->Clear();
        encode_tensor(tensor, name, *attribute.mutable_t());
      }
      if (attribute.has_g()) take_in(*attribute.mutable_g(), external);
      for (auto& inner : *attribute.mutable_graphs()) take_in(inner, external);
    }
}

void replace(onnx::GraphProto& graph, const std::map<std::string, ir::Tensor>& values, const std::string& from) {
  std::set<std::string> left;
  for (const auto& [name, value] : values) left.insert(name);
  for (auto& proto : *graph.mutable_initializer()) {
    const auto value = values.find(proto.name());
    if (value == values.end()) continue;
    const std::string where = fmt::format("{}: initializer \"{}\"", from, proto.name());
    const ir::Tensor old = decode_tensor(proto, nullptr, where);
    if (old.dtype() != value->second.dtype() || old.shape() != value->second.shape())
      fail(ErrorKind::BadInput, "{}: got {}, expected {}", where, value->second.type_str(), old.type_str());
    proto.Clear();
    encode_tensor(value->second, value->first, proto);
    left.erase(value->first);
  }
  if (!left.empty()) fail(ErrorKind::BadInput, "{}: the model has no initializer \"{}\"", from, *left.begin());
}

}  // namespace

std::string Weight::type_str() const { return fmt::format("{}[{}]", ir::name(type), fmt::join(shape, ",")); }

std::vector<Weight> list_weights(const std::string& path) {
  const onnx::ModelProto model = read_model(path);
  std::map<std::string, std::vector<Weight::Use>> uses;
  find_uses(model.graph(), {}, uses);
  std::vector<Weight> weights;
  for (const auto& proto : model.graph().initializer()) {
    const ir::DType type = element_type(proto.data_type(), fmt::format("{}: initializer \"{}\"", path, proto.name()));
    if (!ir::is_float(type)) continue;
    weights.push_back({.name = proto.name(),
                       .type = type,
                       .shape = {proto.dims().begin(), proto.dims().end()},
                       .uses = uses[proto.name()]});
  }
  return weights;
}

std::string with_weights(const std::string& from, const std::map<std::string, ir::Tensor>& values) {
  ExternalData external(from);
  onnx::ModelProto model = read_model(from);
  take_in(*model.mutable_graph(), external);
  replace(*model.mutable_graph(), values, from);
  if (model.ByteSizeLong() >= (size_t{1} << 31))
    fail(ErrorKind::Unsupported,
         "{}: with all weights in one file the model takes {} bytes, and one file holds less than 2 GiB (a limit of "
         "protobuf)",
         from, model.ByteSizeLong());
  return model.SerializeAsString();
}

}  // namespace seqc::frontend
