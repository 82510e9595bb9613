#include "tests/support/onnx_graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "frontend/onnx/operator_support.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "tests/support/onnx_schemas.h"

namespace seqc::test {
namespace {

constexpr int64_t kMostElementsOfInput = 600, kMostElementsOfValue = 2000;

int64_t count_of(const OnnxGraph::Sizes& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
}

int64_t choose_opset(uint64_t seed) {
  Random random(seed);
  return random.integer(0, 2) == 0 ? random.integer(1, 12) : random.integer(13, 22);
}

bool moves_strings(const OnnxOperator& op) {
  static const std::set<std::pair<std::string, std::string>> kMoving = [] {
    std::set<std::pair<std::string, std::string>> names;
    for (const auto& row : frontend::operator_support())
      if (row.moves_strings) names.insert({row.domain, row.name});
    return names;
  }();
  return kMoving.count({op.domain, op.name}) > 0;
}

std::string shown(const Tensor& tensor) {
  std::string text = tensor.type_str();
  if (tensor.count() > 32 || !ir::is_arithmetic(tensor.dtype())) return text;
  std::vector<std::string> elements;
  for (int64_t i = 0; i < tensor.count(); ++i)
    elements.push_back(ir::is_float(tensor.dtype()) ? fmt::format("{}", tensor.real(i))
                                                    : std::to_string(tensor.integer(i)));
  return fmt::format("{} {{{}}}", text, fmt::join(elements, ", "));
}

std::string shown(const onnx::AttributeProto& attribute) {
  if (attribute.type() == onnx::AttributeProto::TENSOR)
    return fmt::format("{}={}", attribute.name(), shown(tensor_of(attribute.t())));
  onnx::AttributeProto rest = attribute;
  rest.clear_name();
  rest.clear_type();
  return fmt::format("{}=({})", attribute.name(), rest.ShortDebugString());
}

}  // namespace

std::vector<OnnxOperator> onnx_operators() {
  std::vector<OnnxOperator> all;
  for (const auto table : {onnx_elementwise_operators(), onnx_movement_operators(), onnx_reduction_operators(),
                           onnx_spatial_operators(), onnx_quantized_operators(), onnx_structured_operators(),
                           onnx_generating_operators(), onnx_microsoft_operators()})
    all.insert(all.end(), table.begin(), table.end());
  return all;
}

OnnxGraph::OnnxGraph(uint64_t seed) : opset(choose_opset(seed)), random(seed * 7919) {}

// --- growing ---------------------------------------------------------------------------------------------------------

bool OnnxGraph::grow(const std::vector<OnnxOperator>& table) {
  operator_ = &table[static_cast<size_t>(integer(0, static_cast<int64_t>(table.size()) - 1))];
  if (opset < operator_->since || opset > operator_->until) return false;
  mark_ = pool_.size();
  const size_t nodes_before = nodes_.size();
  scratch_ = GraphBuilder();
  ref_.emplace(scratch_.node(operator_->name, {}, {}));
  ref_->domain(operator_->domain).name(fmt::format("n{}", nodes_.size()));
  names_.clear();
  outputs_ = 1;
  is_last_ = cancelled_ = false;
  operator_->make(*this);
  if (cancelled_) {
    pool_.resize(mark_);
    nodes_.resize(nodes_before);
    return false;
  }
  onnx::NodeProto& node = *scratch_.graph().mutable_node(0);
  for (const std::string& name : names_) node.add_input(name);
  std::vector<std::string> results;
  for (size_t i = 0; i < outputs_; ++i) {
    results.push_back(fmt::format("v{}", next_name_++));
    node.add_output(results.back());
  }
  nodes_.push_back(node);
  steps_.push_back(results);
  std::vector<Tensor> values;
  try {
    const std::string bytes = model(results).bytes();
    const auto function = frontend::import_model_bytes(std::as_bytes(std::span(bytes)), "random.onnx", {});
    values = ir::interpret(*function, inputs(results));
  } catch (const Error& error) {
    throw Refused{error.what(), text(results)};
  }
  for (size_t i = 0; i < results.size(); ++i)
    pool_.push_back({results[i], values[i], Known::Computed, !is_last_ && values[i].count() <= kMostElementsOfValue});
  return true;
}

// --- the graph as it is ----------------------------------------------------------------------------------------------

std::vector<const onnx::NodeProto*> OnnxGraph::needed(const std::vector<std::string>& outputs) const {
  std::set<std::string> wanted(outputs.begin(), outputs.end());
  std::vector<const onnx::NodeProto*> nodes;
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    if (std::none_of(node->output().begin(), node->output().end(),
                     [&](const auto& name) { return wanted.count(name); }))
      continue;
    nodes.insert(nodes.begin(), &*node);
    for (const std::string& name : used({&*node}, {})) wanted.insert(name);
  }
  return nodes;
}

std::set<std::string> OnnxGraph::used(const std::vector<const onnx::NodeProto*>& nodes,
                                      const std::vector<std::string>& outputs) const {
  std::set<std::string> names(outputs.begin(), outputs.end());
  for (const onnx::NodeProto* node : nodes) {
    names.insert(node->input().begin(), node->input().end());
    for (const auto& attribute : node->attribute())
      for (const auto& inner : attribute.g().node()) names.insert(inner.input().begin(), inner.input().end());
  }
  return names;
}

std::vector<std::string> OnnxGraph::results() const {
  std::vector<const onnx::NodeProto*> all;
  for (const onnx::NodeProto& node : nodes_) all.push_back(&node);
  const std::set<std::string> taken = used(all, {});
  std::vector<std::string> names;
  for (const auto& step : steps_)
    for (const std::string& name : step)
      if (!taken.count(name)) names.push_back(name);
  return names;
}

std::vector<std::vector<std::string>> OnnxGraph::steps() const { return steps_; }

ModelBuilder OnnxGraph::model(const std::vector<std::string>& outputs, bool named) const {
  ModelBuilder model(opset);
  const auto nodes = needed(outputs);
  const std::set<std::string> names = used(nodes, outputs);
  for (const Known& value : pool_) {
    if (!names.count(value.name)) continue;
    if (value.kind == Known::Initializer) model.initializer(value.name, value.value);
    if (value.kind != Known::Input) continue;
    ModelShape shape(value.value.shape().begin(), value.value.shape().end());
    for (ModelDim& dim : shape)
      if (named && dim.number != 1) dim = ModelDim(fmt::format("N{}", dim.number));
    model.input(value.name, value.value.dtype(), shape);
  }
  std::set<std::string> domains;
  for (const onnx::NodeProto* node : nodes) {
    if (!node->domain().empty() && domains.insert(node->domain()).second) model.opset(node->domain(), 1);
    *model.graph().add_node() = *node;
  }
  for (const std::string& name : outputs) model.output(name);
  return model;
}

const OnnxGraph::Known& OnnxGraph::of_name(const std::string& name) const {
  return *std::find_if(pool_.begin(), pool_.end(), [&](const Known& value) { return value.name == name; });
}

std::vector<Tensor> OnnxGraph::inputs(const std::vector<std::string>& outputs) const {
  const std::set<std::string> names = used(needed(outputs), outputs);
  std::vector<Tensor> tensors;
  for (const Known& value : pool_)
    if (value.kind == Known::Input && names.count(value.name)) tensors.push_back(value.value);
  return tensors;
}

std::vector<Tensor> OnnxGraph::values(const std::vector<std::string>& outputs) const {
  std::vector<Tensor> tensors;
  for (const std::string& name : outputs) tensors.push_back(of_name(name).value);
  return tensors;
}

std::string OnnxGraph::text(const std::vector<std::string>& outputs) const {
  const auto nodes = needed(outputs);
  const std::set<std::string> names = used(nodes, outputs);
  std::string text = fmt::format("opset {}\n", opset);
  for (const Known& value : pool_)
    if (value.kind != Known::Computed && names.count(value.name))
      text += fmt::format("{} {}: {}\n", value.kind == Known::Input ? "input" : "initializer", value.name,
                          shown(value.value));
  for (const onnx::NodeProto* node : nodes) {
    text +=
        fmt::format("{} = {}({})", fmt::join(node->output(), ", "), node->op_type(), fmt::join(node->input(), ", "));
    for (const auto& attribute : node->attribute()) text += " " + shown(attribute);
    text += "\n";
  }
  return text + fmt::format("return {}\n", fmt::join(outputs, ", "));
}

// --- choices ---------------------------------------------------------------------------------------------------------

OnnxGraph::Sizes OnnxGraph::sizes(int64_t low, int64_t high) {
  Sizes result;
  for (int64_t i = integer(low, high); i > 0; --i) result.push_back(size());
  for (size_t i = 0; count_of(result) > kMostElementsOfInput; i = (i + 1) % result.size())
    result[i] = std::max<int64_t>(1, result[i] / 2);
  return result;
}

int64_t OnnxGraph::axis(int64_t rank, int64_t negative_since) {
  const int64_t axis = integer(0, rank - 1);
  return opset >= negative_since && chance(30) ? axis - rank : axis;
}

OnnxGraph::Sizes OnnxGraph::some_axes(int64_t rank, int64_t negative_since) {
  Sizes axes;
  for (int64_t i = 0; i < rank; ++i)
    if (chance(50)) axes.push_back(opset >= negative_since && chance(30) ? i - rank : i);
  if (axes.size() > 1 && opset >= negative_since && chance(20)) std::swap(axes.front(), axes.back());
  return axes;
}

OnnxGraph::Sizes OnnxGraph::smaller(const Sizes& shape) {
  Sizes result(shape.begin() + (chance(60) ? 0 : integer(0, static_cast<int64_t>(shape.size()))), shape.end());
  for (int64_t& size : result)
    if (chance(25)) size = 1;
  return result;
}

// --- inputs ----------------------------------------------------------------------------------------------------------

std::vector<DType> OnnxGraph::allowed(const std::vector<DType>& types) const {
  if (!types.empty()) return types;
  auto known = input_types(operator_->domain, operator_->name, opset, names_.size());
  if (!moves_strings(*operator_)) std::erase(known, DType::string);
  if (!known.empty()) return known;
  return std::string_view(operator_->domain) == "com.microsoft" ? std::vector{DType::f32, DType::f16} : kFloats;
}

bool OnnxGraph::allows(DType type) const {
  const auto types = allowed({});
  return std::find(types.begin(), types.end(), type) != types.end();
}

Tensor OnnxGraph::use(const Known& value) {
  if (names_.empty()) first_ = value.value;
  names_.push_back(value.name);
  return value.value;
}

Tensor OnnxGraph::add(const Tensor& value, bool initializer) {
  pool_.push_back({fmt::format("{}{}", initializer ? "c" : "x", next_name_++), value,
                   initializer ? Known::Initializer : Known::Input});
  return use(pool_.back());
}

/// The newest values more often than others; not always one that is there.
const OnnxGraph::Known* OnnxGraph::find(const std::vector<DType>& types,
                                        const std::function<bool(const Tensor&)>& good) {
  std::vector<const Known*> fit;
  for (const Known& value : pool_)
    if (value.usable && value.value.count() <= kMostElementsOfValue && good(value.value) &&
        std::find(types.begin(), types.end(), value.value.dtype()) != types.end())
      fit.push_back(&value);
  if (fit.empty() || chance(20)) return nullptr;
  const auto count = static_cast<int64_t>(fit.size());
  return fit[static_cast<size_t>(count - 1 - (chance(60) ? 0 : integer(0, count - 1)))];
}

Tensor OnnxGraph::x(int64_t low, int64_t high, const std::vector<DType>& given_types) {
  const auto types = allowed(given_types);
  if (const Known* value = find(types, [&](const Tensor& t) { return t.rank() >= low && t.rank() <= high; }))
    return use(*value);
  Sizes shape = sizes(low, high);
  for (int64_t& size : shape)
    if (chance(3)) size = 0;
  const bool simple = chance(40) && std::find(types.begin(), types.end(), DType::f32) != types.end();
  return add(random_tensor(simple ? DType::f32 : pick(types), shape, random), chance(10));
}

Tensor OnnxGraph::filled(int64_t low, int64_t high, const std::vector<DType>& types) {
  const Tensor value = x(low, high, types);
  cancel_unless(value.count() > 0);
  return value;
}

Tensor OnnxGraph::of(const Sizes& shape, const std::vector<DType>& given_types) {
  const auto types = allowed(given_types);
  if (const Known* value = find(types, [&](const Tensor& t) { return t.shape() == shape; })) return use(*value);
  cancel_unless(count_of(shape) <= 4 * kMostElementsOfValue);
  return add(random_tensor(pick(types), cancelled_ ? Sizes{} : shape, random), chance(30));
}

Tensor OnnxGraph::given(const Tensor& value) { return add(value, chance(40)); }

Tensor OnnxGraph::known(const Tensor& value) {
  if (chance(70) || (opset < 9 && !ir::is_float(value.dtype()))) return add(value, true);  // Constant gave floats only
  GraphBuilder graph;
  const std::string name = fmt::format("k{}", next_name_++);
  graph.constant(name, value);
  nodes_.push_back(graph.graph().node(0));
  pool_.push_back({name, value, Known::Computed});
  return use(pool_.back());
}

void OnnxGraph::from(const char* op, const std::vector<std::string>& inputs,
                     const std::function<void(NodeRef&)>& attributes) {
  GraphBuilder graph;
  const std::string name = fmt::format("s{}", next_name_++);
  NodeRef node = graph.node(op, inputs, {name});
  if (attributes) attributes(node);
  nodes_.push_back(graph.graph().node(0));
  names_.push_back(name);
}

Tensor OnnxGraph::ints(int64_t low, int64_t high, const Sizes& shape, const std::vector<DType>& types) {
  Tensor result(pick(types), shape);
  for (int64_t i = 0; i < result.count(); ++i) result.set_integer(i, integer(low, high));
  return result;
}

Tensor OnnxGraph::reals(double low, double high, const Sizes& shape, DType type) {
  Tensor result(type, shape);
  for (int64_t i = 0; i < result.count(); ++i) result.set_real(i, random.uniform(low, high));
  return result;
}

}  // namespace seqc::test
