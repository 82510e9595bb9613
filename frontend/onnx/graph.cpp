#include "frontend/onnx/graph.h"

#include <onnx/onnx_pb.h>

#include "frontend/onnx/coverage_pb.h"
#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/strings.h"

namespace seqc::frontend {
namespace {

constexpr int kMaxDepth = 64;

/// An error that already names its node: nodes around it have nothing to add.
class LocatedError : public Error {
 public:
  using Error::Error;
};

/// Refuses results that no memory can hold, before anything is allocated for them.
void require_memory(const Node& node, const Item& item) {
  if (!item.value) return;
  constexpr int64_t kLimit = int64_t{1} << 46;
  int64_t count = 1;
  for (const Dim& dim : item.value->shape()) {
    if (!dim.is_constant() || dim == Dim(0)) continue;
    if (dim.constant() < 0) node.bad("its result is {}, with a negative dim", item.value->type().str());
    if (__builtin_mul_overflow(count, dim.constant(), &count) || count > kLimit)
      node.bad("its result {} is more than fits in memory", item.value->type().str());
  }
}

/// `LSTM "/enc/lstm": <what is wrong>`; what is not supported is told with the opset.
std::string located_message(const onnx::NodeProto& proto, const std::string& location, const Error& error,
                            const std::map<std::string, int64_t>& opsets) {
  const std::string where = describe(proto);
  std::string message = error.what();
  if (message.starts_with(location + ": ")) message.erase(0, location.size() + 2);
  if (!message.starts_with(where + ": ")) message = where + ": " + message;
  const bool own = proto.domain().empty() || proto.domain() == "ai.onnx";
  const auto opset = opsets.find(own ? "" : proto.domain());
  if (error.kind() != ErrorKind::Unsupported || opset == opsets.end() ||
      message.find(own ? "opset " : "version ") != std::string::npos)
    return message;
  return fmt::format("{} ({} {})", message, own ? "opset" : proto.domain() + " version", opset->second);
}

/// Counts the nesting of subgraphs and functions; functions that call themselves would never end.
class Nesting {
 public:
  Nesting(ModelContext& model, const std::string& where) : model_(model) {
    if (model_.depth >= kMaxDepth) fail(ErrorKind::Unsupported, "{}: graphs nested {} deep", where, kMaxDepth);
    ++model_.depth;
  }
  ~Nesting() { --model_.depth; }

 private:
  ModelContext& model_;
};

}  // namespace

std::string describe(const onnx::NodeProto& node) {
  const std::string& name = !node.name().empty() ? node.name() : node.output_size() > 0 ? node.output(0) : node.name();
  const bool own = node.domain().empty() || node.domain() == "ai.onnx";
  return fmt::format("{}{}{} \"{}\"", own ? "" : node.domain(), own ? "" : ".", node.op_type(), name);
}

std::string location_of(const onnx::NodeProto& node) {
  if (!node.name().empty()) return node.name();
  return node.output_size() > 0 ? node.op_type() + " " + node.output(0) : node.op_type();
}

Item* GraphImporter::find(const std::string& name) {
  for (GraphImporter* graph = this; graph; graph = graph->outer_)
    if (const auto it = graph->items_.find(name); it != graph->items_.end()) return &it->second;
  return nullptr;
}

bool GraphImporter::is_unknown(const std::string& name) const {
  for (const GraphImporter* graph = this; graph; graph = graph->outer_) {
    if (graph->unknown_.count(name)) return true;
    if (graph->items_.count(name)) return false;
  }
  return false;
}

void GraphImporter::define(const std::string& name, Item item, const std::string& where) {
  if (!items_.emplace(name, std::move(item)).second)
    fail(ErrorKind::BadInput, "{}: \"{}\" is defined already; names must be defined once", where, name);
}

Value* GraphImporter::weight(Tensor tensor, const std::string& name) {
  const bool trainable = model_.trainable && !outer_ && is_float(tensor.dtype()) && tensor.rank() > 0;
  return trainable && model_.trainable(name) ? model_.function.parameter(std::move(tensor), name)
                                             : model_.function.constant(std::move(tensor), name);
}

void GraphImporter::add_initializers(const onnx::GraphProto& graph) {
  for (const auto& proto : graph.initializer()) {
    const std::string where = fmt::format("initializer \"{}\"", proto.name());
    try {
      Tensor tensor = decode_tensor(proto, model_.external, where);
      define(proto.name(), make_item(weight(std::move(tensor), proto.name())), where);
    } catch (const Error& error) {
      if (!model_.coverage) throw;
      model_.coverage->add_fault(error.what());
      unknown_.insert(proto.name());
    }
  }
  for (const auto& proto : graph.sparse_initializer())
    fail(ErrorKind::Unsupported, "initializer \"{}\": sparse tensors are not supported", proto.values().name());
}

std::vector<Item> GraphImporter::import(Builder& builder, const onnx::GraphProto& graph,
                                        const std::vector<Item>& inputs) {
  const std::string where = fmt::format("graph \"{}\"", graph.name());
  const Nesting nesting(model_, where);
  add_initializers(graph);
  size_t given = 0;
  for (const auto& input : graph.input()) {
    if (items_.count(input.name()) && given == inputs.size()) continue;  // an input with a default
    bool is_initializer = false;
    for (const auto& initializer : graph.initializer()) is_initializer |= initializer.name() == input.name();
    if (is_initializer) continue;
    if (given == inputs.size())
      fail(ErrorKind::BadInput, "{}: got {} inputs, expected a value for \"{}\" as well", where, given, input.name());
    if (model_.coverage && inputs[given].missing())
      unknown_.insert(input.name()), ++given;
    else
      define(input.name(), inputs[given++], where);
  }
  if (given != inputs.size()) fail(ErrorKind::BadInput, "{}: got {} inputs, expected {}", where, inputs.size(), given);
  for (const auto* node : order_nodes(graph)) import_node(builder, *node);
  std::vector<Item> outputs;
  for (const auto& output : graph.output()) {
    const Item* item = find(output.name());
    if (is_unknown(output.name())) throw NotReached(output.name());
    if (!item || item->missing())
      fail(ErrorKind::BadInput, "{}: output \"{}\" is computed by no node", where, output.name());
    outputs.push_back(*item);
  }
  return outputs;
}

std::vector<Item> GraphImporter::import_subgraph(Builder& builder, const onnx::GraphProto& graph,
                                                 const std::vector<Item>& inputs) {
  GraphImporter inner(model_, this);
  const std::string location = builder.location();
  auto outputs = inner.import(builder, graph, inputs);
  builder.set_location(location);
  return outputs;
}

void run_operator(Node& node, const onnx::NodeProto& proto) {
  const std::string domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
  if (import_known_contents(node, domain)) return node.check_complete();
  const auto& functions = node.graph().model().functions;
  if (const auto it = functions.find({domain, proto.op_type()}); it != functions.end())
    return node.graph().import_function(node, proto, *it->second);
  const OperatorEntry* entry = find_operator(domain, proto.op_type(), node.opset());
  if (!entry && import_schema_function(node, proto, domain)) return;
  if (!entry) {
    const std::string_view reason = refusal_reason(domain, proto.op_type());
    node.unsupported("operator {} of {} {} is not supported{}{}", proto.op_type(),
                     domain.empty() ? "opset" : "domain " + domain + ", version", node.opset(),
                     reason.empty() ? "" : ": ", reason);
  }
  require_moved_strings(node, domain);
  entry->import(node);
  node.check_complete();
}

bool knows_operator(const Node& node, const onnx::NodeProto& proto, const std::string& domain) {
  return node.graph().model().functions.count({domain, proto.op_type()}) > 0 ||
         find_operator(domain, proto.op_type(), node.opset()) || has_contents_rule(domain, proto.op_type()) ||
         has_schema_function(domain, proto.op_type(), node.opset());
}

void GraphImporter::run_node(Builder& builder, const onnx::NodeProto& proto) {
  const std::string domain = proto.domain() == "ai.onnx" ? "" : proto.domain();
  const auto opset = model_.opsets.find(domain);
  if (opset == model_.opsets.end())
    fail(ErrorKind::BadInput, "its domain \"{}\" is not among the opsets that the model imports", proto.domain());
  Node node(*this, builder, proto, opset->second);
  if (model_.coverage) model_.coverage->require_reachable(node, proto);
  run_operator(node, proto);
  for (size_t i = 0; i < node.output_count(); ++i) {
    if (!node.wants_output(i)) continue;
    require_memory(node, node.outputs()[i]);
    define(node.output_name(i), node.outputs()[i], describe(proto));
  }
}

void GraphImporter::import_node(Builder& builder, const onnx::NodeProto& proto) {
  const std::string location = location_of(proto);
  if (model_.unrolling > 0) ++model_.unrolled_nodes;
  builder.set_location(location);
  try {
    run_node(builder, proto);
    if (model_.coverage) model_.coverage->add_compiled(proto, model_.opsets);
  } catch (const LocatedError& error) {
    if (!model_.coverage) throw;
    set_aside(builder, proto, error);
  } catch (const NotReached& error) {
    set_aside(builder, proto, error);
  } catch (const Error& error) {
    const LocatedError located(error.kind(), located_message(proto, location, error, model_.opsets));
    if (!model_.coverage || error.kind() == ErrorKind::Internal) throw located;
    set_aside(builder, proto, located);
  }
}

void GraphImporter::set_aside(Builder& builder, const onnx::NodeProto& proto, const Error& error) {
  model_.coverage->add_failed(*this, proto, model_.opsets, error);
  for (const std::string& name : proto.output()) {
    if (name.empty() || items_.count(name)) continue;
    if (Value* value = model_.coverage->placeholder(builder.function(), name))
      items_.emplace(name, make_item(value));
    else
      unknown_.insert(name);
  }
}

}  // namespace seqc::frontend
