#include "frontend/onnx/node.h"

#include <onnx/onnx_pb.h>

#include "frontend/onnx/contents.h"
#include "ir/named_dims.h"

namespace seqc::frontend {

std::set<std::string> symbols(const Dim& dim) {
  std::set<std::string> names;
  dim.collect_symbols(names);
  return names;
}

std::set<std::string> symbols(const Shape& shape) {
  std::set<std::string> names;
  for (const Dim& dim : shape) dim.collect_symbols(names);
  return names;
}

Node::Node(GraphImporter& graph, Builder& builder, const onnx::NodeProto& proto, int64_t opset)
    : graph_(graph), builder_(builder), proto_(proto), opset_(opset), outputs_(proto.output_size()) {}

const std::string& Node::op_type() const { return proto_.op_type(); }
std::string Node::where() const { return describe(proto_); }

// --- inputs ------------------------------------------------------------------------------------------------------

size_t Node::input_count() const {
  int count = proto_.input_size();
  while (count > 0 && proto_.input(count - 1).empty()) --count;
  return static_cast<size_t>(count);
}

bool Node::has_input(size_t i) const { return i < input_count() && !proto_.input(static_cast<int>(i)).empty(); }

const std::string& Node::input_name(size_t i) const {
  static const std::string kNone;
  return i < input_count() ? proto_.input(static_cast<int>(i)) : kNone;
}

/// The stored item of a given input.
static Item& stored(const Node& node, size_t i) {
  Item* item = node.graph().find(node.input_name(i));
  if (!item)
    node.bad("input {} \"{}\" is no output of a node, no initializer and no graph input", i, node.input_name(i));
  return *item;
}

static Item& stored_tensor(const Node& node, size_t i, std::string_view role) {
  Item& item = stored(node, i);
  if (item.sequence) node.bad("{} is a sequence, expected a tensor", role);
  if (item.none) node.bad("{} is an optional without an element, expected a tensor", role);
  return item;
}

bool Node::is_tensor(size_t i) const { return has_input(i) && stored(*this, i).is_tensor(); }

Value* Node::input(size_t i, std::string_view role) {
  if (!has_input(i)) bad("input {} ({}) is missing", i, role);
  read_inputs_.insert(i);
  if (const auto it = replaced_.find(i); it != replaced_.end()) return it->second;
  return graph_.model().materialize(stored_tensor(*this, i, role), builder_.location());
}

Value* Node::optional_input(size_t i, std::string_view role) { return has_input(i) ? input(i, role) : nullptr; }

std::vector<Value*> Node::inputs_from(size_t first) {
  std::vector<Value*> values;
  for (size_t i = first; i < input_count(); ++i) values.push_back(input(i, "an input"));
  return values;
}

Type Node::input_type(size_t i) {
  if (!has_input(i)) bad("input {} is missing", i);
  if (const auto it = replaced_.find(i); it != replaced_.end()) return it->second->type();
  return type_of(stored_tensor(*this, i, "input"));
}

Item Node::item(size_t i) {
  if (!has_input(i)) return {};
  read_inputs_.insert(i);
  return stored(*this, i);
}

std::optional<Tensor> Node::known_tensor(size_t i) {
  if (!has_input(i)) return std::nullopt;
  read_inputs_.insert(i);
  const Item& item = stored_tensor(*this, i, "input");
  if (item.contents) return to_tensor(*item.contents);
  return graph_.model().evaluate(item.value);
}

Tensor Node::required_tensor(size_t i, std::string_view role) {
  if (!has_input(i)) bad("input {} ({}) is missing", i, role);
  auto tensor = known_tensor(i);
  if (!tensor) refuse_unknown(i, role);
  return *std::move(tensor);
}

std::optional<Contents> Node::known_contents(size_t i) {
  if (!has_input(i)) return std::nullopt;
  read_inputs_.insert(i);
  const Item& item = stored_tensor(*this, i, "input");
  if (item.contents) return *item.contents;
  const Dim count = element_count(item.value->shape());
  if (!count.is_constant() || count.constant() > kMaxContents) return std::nullopt;
  const auto tensor = graph_.model().evaluate(item.value);
  return tensor ? to_contents(*tensor) : std::nullopt;
}

Shape Node::required_dims(size_t i, std::string_view role) {
  if (!has_input(i)) bad("input {} ({}) is missing", i, role);
  const Type type = input_type(i);
  if (!ir::is_integer(type.dtype)) bad("{} is {}, expected integers", role, type.str());
  if (type.rank() > 1) bad("{} is {}, expected rank 1", role, type.str());
  auto contents = known_contents(i);
  if (!contents) refuse_unknown(i, role);
  return std::move(contents->values);
}

std::vector<int64_t> Node::required_ints(size_t i, std::string_view role) {
  std::vector<int64_t> numbers;
  for (const Dim& dim : required_dims(i, role)) {
    if (!dim.is_constant()) needs_dims(symbols(dim), fmt::format("{} holds {}, and must be a number", role, dim.str()));
    numbers.push_back(dim.constant());
  }
  return numbers;
}

Node::Origin Node::origin(size_t i) const {
  const Item& item = stored(*this, i);
  Origin origin;
  if (item.contents) {
    origin.names = symbols(item.contents->values);
    return origin;
  }
  std::set<const Value*> seen;
  std::vector<const Value*> stack = {item.value};
  while (!stack.empty()) {
    const Value* at = stack.back();
    stack.pop_back();
    if (at->is_constant() || !seen.insert(at).second) continue;
    if (!at->op()) {
      origin.run_time = at;
      continue;
    }
    const auto add = [&](const ir::Op* op) { stack.insert(stack.end(), op->operands().begin(), op->operands().end()); };
    if (at->op()->code() == Opcode::Dims) origin.names.merge(symbols(at->op()->as<ir::DimsAttr>().value));
    for (const Dim& dim : at->shape()) dim.collect_symbols(origin.names);
    add(at->op());
    for (size_t region = 0; region < at->op()->region_count(); ++region) walk(at->op()->region(region), add);
  }
  return origin;
}

void Node::refuse_unknown(size_t i, std::string_view role) const {
  const Origin origin = this->origin(i);
  if (!origin.run_time && !origin.names.empty())
    needs_dims(origin.names, fmt::format("{} depends on them and must be known", role));
  const bool named = origin.run_time && !origin.run_time->name().empty();
  if (named && origin.run_time->block() == &graph_.model().function.body())
    needs_values(
        "{} (\"{}\") depends on the values of \"{}\", and seqc must know it when compiling; give that input a fixed "
        "value",
        role, input_name(i), origin.run_time->name());
  unsupported("{} (\"{}\") is known at run time only{}, and seqc must know it when compiling", role, input_name(i),
              named ? fmt::format(" (it depends on \"{}\")", origin.run_time->name()) : "");
}

// --- outputs -----------------------------------------------------------------------------------------------------

size_t Node::output_count() const { return outputs_.size(); }

bool Node::wants_output(size_t i) const { return i < outputs_.size() && !output_name(i).empty(); }

const std::string& Node::output_name(size_t i) const { return proto_.output(static_cast<int>(i)); }

void Node::set_output(size_t i, Value* value) { set_output(i, make_item(value)); }
void Node::set_output(size_t i, Contents contents) { set_output(i, make_item(std::move(contents))); }

void Node::set_output(size_t i, Item item) {
  if (!wants_output(i)) return;
  if (item.value && item.value->name().empty() && !item.value->is_constant()) item.value->set_name(output_name(i));
  outputs_[i] = std::move(item);
}

// --- checks ------------------------------------------------------------------------------------------------------

int64_t Node::axis(int64_t axis, int64_t rank, std::string_view what) const {
  if (axis < -rank || axis >= rank) bad("{} is {}, expected {} <= {} < {}", what, axis, -rank, what, rank);
  return axis < 0 ? axis + rank : axis;
}

void Node::needs_dims(const std::set<std::string>& names, std::string_view why) const {
  const auto binders = ir::dim_binders(graph_.model().function);
  for (const std::string& name : names)
    if (binders.contains(name)) unsupported("{}; {} is a size that only a run can tell", why, name);
  std::string remedy;
  for (const std::string& name : names) remedy += fmt::format("{}--dim {}=...", remedy.empty() ? "" : ", ", name);
  throw Error(ErrorKind::NeedsDims, fmt::format("{}: {}; give numbers to the named dims: {}", where(), why, remedy));
}

void Node::require_equal(const Dim& got, const Dim& expected, std::string_view what) const {
  if (got == expected) return;
  if (!(got - expected).is_constant())
    needs_dims(symbols(Shape{got, expected}), fmt::format("{} is {}, expected {}", what, got.str(), expected.str()));
  bad("{} is {}, expected {}", what, got.str(), expected.str());
}

void Node::require_rank(const Value* value, int64_t rank, std::string_view role) const {
  if (value->rank() != rank) bad("{} is {}, expected rank {}", role, value->type().str(), rank);
}

Shape Node::broadcast(const Shape& a, const Shape& b) const {
  const Shape &longer = a.size() >= b.size() ? a : b, &shorter = a.size() >= b.size() ? b : a;
  Shape result = longer;
  const size_t shift = longer.size() - shorter.size();
  for (size_t i = 0; i < shorter.size(); ++i) {
    Dim& dim = result[i + shift];
    if (dim == shorter[i] || shorter[i] == Dim(1)) continue;
    if (dim == Dim(1)) {
      dim = shorter[i];
    } else if (dim.has_symbols() || shorter[i].has_symbols()) {
      needs_dims(symbols(Shape{dim, shorter[i]}),
                 fmt::format("got shapes {} and {}, expected dims that are equal or 1", str(a), str(b)));
    } else {
      bad("got shapes {} and {}, expected dims that are equal or 1", str(a), str(b));
    }
  }
  return result;
}

void Node::check_complete() const {
  for (const auto& attribute : proto_.attribute())
    if (!read_attributes_.count(attribute.name()))
      unsupported("attribute {} is not known in opset {}", attribute.name(), opset_);
  for (size_t i = 0; i < input_count(); ++i)
    if (has_input(i) && !read_inputs_.count(i)) unsupported("input {} (\"{}\") is not supported", i, input_name(i));
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (wants_output(i) && outputs_[i].missing()) unsupported("output {} (\"{}\") is not supported", i, output_name(i));
}

}  // namespace seqc::frontend
