#include <onnx/shape_inference/implementation.h>

#include <algorithm>

#include "frontend/onnx/coverage_pb.h"
#include "frontend/onnx/model_inputs_pb.h"
#include "frontend/onnx/reader_pb.h"

namespace seqc::frontend {

using State = NodeCoverage::State;

size_t Coverage::count(State state) const {
  return static_cast<size_t>(
      std::count_if(nodes.begin(), nodes.end(), [&](const NodeCoverage& node) { return node.state == state; }));
}

bool Coverage::complete() const {
  return faults.empty() && count(State::Refused) == 0 && count(State::NotReached) == 0;
}

// --- the list of nodes -------------------------------------------------------------------------------------------

namespace {

/// The worse of two verdicts counts: a body may be imported more than once.
int severity(State state) {
  switch (state) {
    case State::Unneeded: return 0;
    case State::Compiled: return 1;
    case State::NotReached: return 2;
    case State::Refused: return 3;
  }
  return 0;
}

NodeCoverage entry(const onnx::NodeProto& proto, const std::string& heading) {
  NodeCoverage node;
  node.name = proto.name();
  node.graph = heading;
  node.op = proto.op_type();
  node.domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
  return node;
}

int64_t version_of(const std::string& domain, const std::map<std::string, int64_t>& opsets) {
  const auto it = opsets.find(domain);
  return it == opsets.end() ? 0 : it->second;
}

}  // namespace

CoverageLog::CoverageLog(const onnx::ModelProto& model) {
  list(model.graph(), "");
  for (NodeCoverage& node : coverage_.nodes)
    for (const auto& import : model.opset_import())
      if ((import.domain() == "ai.onnx" ? "" : import.domain()) == node.domain) node.opset = import.version();
}

void CoverageLog::list(const onnx::GraphProto& graph, const std::string& heading) {
  for (const auto& proto : graph.node()) {
    listed_[&proto] = coverage_.nodes.size();
    coverage_.nodes.push_back(entry(proto, heading));
    for (const auto& attribute : proto.attribute()) {
      const std::string inner =
          fmt::format("{}{}{} > {}", heading, heading.empty() ? "" : " > ", describe(proto), attribute.name());
      if (attribute.has_g()) list(attribute.g(), inner);
      for (const auto& inner_graph : attribute.graphs()) list(inner_graph, inner);
    }
  }
}

void CoverageLog::note(const onnx::NodeProto& proto, const std::map<std::string, int64_t>& opsets, State state,
                       const std::string& message) {
  size_t index = coverage_.nodes.size();
  if (const auto it = listed_.find(&proto); it != listed_.end()) {
    index = it->second;
  } else {  // a node of a function's body, which is a copy
    const auto [known, fresh] = inside_.try_emplace({heading_, describe(proto)}, index);
    index = known->second;
    if (fresh) coverage_.nodes.push_back(entry(proto, heading_));
  }
  NodeCoverage& node = coverage_.nodes[index];
  node.opset = version_of(node.domain, opsets);
  if (severity(state) < severity(node.state)) return;
  node.state = state;
  node.message = message;
}

void CoverageLog::add_fault(const std::string& message) { coverage_.faults.push_back(message); }

void CoverageLog::add_compiled(const onnx::NodeProto& proto, const std::map<std::string, int64_t>& opsets) {
  note(proto, opsets, State::Compiled, "");
}

void CoverageLog::add_failed(GraphImporter& graph, const onnx::NodeProto& proto,
                             const std::map<std::string, int64_t>& opsets, const Error& error) {
  const bool reached = !dynamic_cast<const NotReached*>(&error);
  // Wrong shapes and unknown contents may come from the placeholders; what is not supported as such does not.
  const bool certain = error.kind() == ErrorKind::Unsupported || !rests_on_placeholder(graph, proto);
  if (reached && certain) return note(proto, opsets, State::Refused, error.what());
  note(proto, opsets, State::NotReached,
       reached ? fmt::format("depends on a refused node ({})", error.what()) : error.what());
}

CoverageLog::Scope::Scope(CoverageLog* log, std::string heading) : log_(log) {
  if (!log_) return;
  outside_ = log_->heading_;
  log_->heading_ = outside_.empty() ? std::move(heading) : outside_ + " > " + heading;
}

CoverageLog::Scope::~Scope() {
  if (log_) log_->heading_ = outside_;
}

// --- values of refused nodes -------------------------------------------------------------------------------------

void CoverageLog::require_reachable(Node& node, const onnx::NodeProto& proto) {
  for (const std::string& name : proto.input()) {
    if (name.empty() || !node.graph().is_unknown(name)) continue;
    const std::string domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
    if (knows_operator(node, proto, domain)) throw NotReached(name);
    return;  // its importer refuses it for what it is
  }
}

bool CoverageLog::rests_on_placeholder(GraphImporter& graph, const onnx::NodeProto& proto) const {
  std::vector<const Value*> stack;
  for (const std::string& name : names_used(proto))
    if (const Item* item = graph.find(name); item && item->value) stack.push_back(item->value);
  std::set<const Value*> seen;
  while (!stack.empty()) {
    const Value* at = stack.back();
    stack.pop_back();
    if (!seen.insert(at).second) continue;
    if (placeholders_.count(at)) return true;
    if (at->op()) stack.insert(stack.end(), at->op()->operands().begin(), at->op()->operands().end());
  }
  return false;
}

Value* CoverageLog::placeholder(ir::Function& function, const std::string& name) {
  const auto it = types_.find(name);
  if (it == types_.end() || !heading_.empty()) return nullptr;
  Value* value = function.body().add_argument(it->second, name);
  placeholders_.insert(value);
  return value;
}

void CoverageLog::collect_types(const onnx::GraphProto& graph) {
  for (const auto* infos : {&graph.value_info(), &graph.output()}) {
    for (const auto& info : *infos) {
      const auto shape = declared_shape(info.name(), info.type());
      if (!shape) continue;
      try {
        types_[info.name()] = {element_type(info.type().tensor_type().elem_type(), ""), *shape};
      } catch (const Error&) {
        // Types that no tensor of ours has stay unknown.
      }
    }
  }
  for (const auto& node : graph.node())
    for (const auto& attribute : node.attribute())
      if (attribute.has_g()) collect_types(attribute.g());
}

void CoverageLog::infer_types(const onnx::ModelProto& model, const std::vector<std::pair<std::string, Type>>& inputs) {
  onnx::ModelProto copy = model;
  for (auto& info : *copy.mutable_graph()->mutable_input())
    for (const auto& [name, type] : inputs)
      if (name == info.name()) *info.mutable_type() = type_proto(type);
  try {
    onnx::shape_inference::InferShapes(copy);
  } catch (const std::exception&) {
    // Types that the file does not say and that cannot be inferred stay unknown.
  }
  collect_types(copy.graph());
}

}  // namespace seqc::frontend
