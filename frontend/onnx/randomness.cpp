#include <optional>
#include <set>

#include "frontend/onnx/import.h"
#include "frontend/onnx/randomness_pb.h"
#include "frontend/onnx/reader_pb.h"
#include "ir/error.h"

namespace seqc::frontend {
namespace {

using Known = std::map<std::string, ir::Tensor>;
constexpr int kMaxDepth = 64;

std::optional<ir::Tensor> one_element(const onnx::TensorProto& proto) {
  int64_t count = 1;
  for (const int64_t dim : proto.dims()) count = dim == 1 ? count : 0;
  if (count != 1 || proto.data_location() == onnx::TensorProto::EXTERNAL) return std::nullopt;
  try {
    return decode_tensor(proto, nullptr, "");
  } catch (const Error&) {  // of an element type that no switch or ratio has
    return std::nullopt;
  }
}

int64_t integer(const onnx::NodeProto& node, std::string_view name, int64_t otherwise) {
  for (const auto& attribute : node.attribute())
    if (attribute.name() == name) return attribute.i();
  return otherwise;
}

float real(const onnx::NodeProto& node, std::string_view name, float otherwise) {
  for (const auto& attribute : node.attribute())
    if (attribute.name() == name) return attribute.f();
  return otherwise;
}

class Finder {
 public:
  explicit Finder(const FunctionTable& functions) : functions_(functions) {}

  template <class Nodes>
  bool draws(const Nodes& nodes, int64_t opset, Known known, int depth = 0) const {
    if (depth > kMaxDepth) return false;  // the importer refuses such models
    for (const auto& node : nodes)
      if (node.op_type() == "Constant" && node.output_size() == 1)
        for (const auto& attribute : node.attribute())
          if (attribute.has_t())
            if (auto tensor = one_element(attribute.t())) known.insert_or_assign(node.output(0), *std::move(tensor));
    for (const auto& node : nodes)
      if (draws(node, opset, known, depth)) return true;
    return false;
  }
  bool draws(const onnx::GraphProto& graph, int64_t opset, Known known, int depth = 0) const {
    for (const auto& initializer : graph.initializer())
      if (auto tensor = one_element(initializer)) known.insert_or_assign(initializer.name(), *std::move(tensor));
    return draws(graph.node(), opset, std::move(known), depth);
  }

 private:
  bool draws(const onnx::NodeProto& node, int64_t opset, const Known& known, int depth) const {
    const std::string domain = node.domain() == "ai.onnx" ? "" : node.domain();
    for (const auto& attribute : node.attribute())
      if (attribute.has_g() && draws(attribute.g(), opset, known, depth + 1)) return true;
    if (const auto it = functions_.find({domain, node.op_type()}); it != functions_.end())
      return calls(node, *it->second, opset, known, depth);
    if (domain == "com.microsoft") return node.op_type() == "BiasDropout" && trains(node, 3, known);
    static const std::set<std::string> kAlways = {"Bernoulli",        "Multinomial",   "RandomNormal",
                                                  "RandomNormalLike", "RandomUniform", "RandomUniformLike"};
    if (!domain.empty()) return false;
    if (node.op_type() != "Dropout") return kAlways.count(node.op_type()) > 0;
    if (opset < 7) return integer(node, "is_test", 0) == 0 && real(node, "ratio", 0.5F) != 0;
    return opset >= 12 && trains(node, 1, known);
  }

  /// Inputs `first` (ratio) and the next (training_mode) of a Dropout do not rule out that it drops something.
  static bool trains(const onnx::NodeProto& node, int first, const Known& known) {
    if (node.input_size() <= first + 1 || node.input(first + 1).empty()) return false;
    const auto is_zero = [&](int i) {
      const auto it = known.find(node.input(i));
      return it != known.end() && it->second.count() == 1 && it->second.real(0) == 0;
    };
    return !is_zero(first) && !is_zero(first + 1);
  }

  bool calls(const onnx::NodeProto& node, const onnx::FunctionProto& function, int64_t opset, const Known& known,
             int depth) const {
    Known inside;
    for (int i = 0; i < std::min(node.input_size(), function.input_size()); ++i)
      if (const auto it = known.find(node.input(i)); it != known.end()) inside.emplace(function.input(i), it->second);
    for (const auto& import : function.opset_import())
      if (import.domain().empty() || import.domain() == "ai.onnx") opset = import.version();
    return draws(function.node(), opset, std::move(inside), depth + 1);
  }

  const FunctionTable& functions_;
};

}  // namespace

bool draws_random_numbers(const onnx::GraphProto& graph, const FunctionTable& functions, int64_t opset,
                          const std::map<std::string, ir::Tensor>& known) {
  return Finder(functions).draws(graph, opset, known);
}

bool draws_random_numbers(const std::string& path, const std::map<std::string, ir::Tensor>& inputs) {
  const onnx::ModelProto model = read_model(path);
  FunctionTable functions;
  for (const auto& function : model.functions())
    functions[{function.domain() == "ai.onnx" ? "" : function.domain(), function.name()}] = &function;
  int64_t opset = 1;
  for (const auto& import : model.opset_import())
    if (import.domain().empty() || import.domain() == "ai.onnx") opset = import.version();
  return draws_random_numbers(model.graph(), functions, opset, inputs);
}

}  // namespace seqc::frontend
