// Loop: counted ones become `scan` (which can stack what each step computes), the others `loop`.
#include <onnx/onnx_pb.h>

#include <limits>

#include "frontend/onnx/control_flow.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// What one Loop node holds. Body: (step, condition, carried...) -> (condition, carried..., stacked...).
struct LoopParts {
  const onnx::GraphProto& body;
  std::vector<Item> carried;  ///< initial values
  size_t stacked = 0;         ///< results with one row a step

  bool is_sequence(size_t i) const { return carried[i].sequence != nullptr; }
};

/// True if the name, inside `body`, is the condition it was given, or a constant that is true.
bool stays_true(Node& node, const onnx::GraphProto& body, std::string name) {
  for (int hops = 0; hops <= body.node_size(); ++hops) {
    if (body.input_size() > 1 && name == body.input(1).name()) return true;
    const onnx::NodeProto* producer = nullptr;
    for (const auto& candidate : body.node())
      for (const auto& output : candidate.output())
        if (output == name) producer = &candidate;
    if (!producer) break;
    if (producer->op_type() == "Identity" || producer->op_type() == "Cast") {
      if (producer->input_size() != 1) return false;
      name = producer->input(0);
    } else if (producer->op_type() == "Constant" && producer->attribute_size() == 1 && producer->attribute(0).has_t()) {
      const auto& t = producer->attribute(0).t();
      return t.data_type() == onnx::TensorProto::BOOL &&
             (t.has_raw_data() ? !t.raw_data().empty() && t.raw_data()[0] != 0
                               : t.int32_data_size() == 1 && t.int32_data(0));
    } else {
      return false;
    }
  }
  for (const auto& initializer : body.initializer())
    if (initializer.name() == name)
      return initializer.has_raw_data() ? !initializer.raw_data().empty() && initializer.raw_data()[0] != 0
                                        : initializer.int32_data_size() == 1 && initializer.int32_data(0);
  const Item* outer = node.graph().find(name);
  if (!outer || outer->sequence) return false;
  const auto known = outer->contents ? to_tensor(*outer->contents) : node.graph().model().evaluate(outer->value);
  return known && known->count() == 1 && known->integer(0) != 0;
}

/// The number of steps; nothing if it is known at run time only (or not given).
std::optional<Dim> trip_count(Node& node) {
  const auto known = node.known_contents(0);
  if (!known || known->values.size() != 1) return std::nullopt;
  const Dim count = known->values[0];
  if (count.is_constant()) return Dim(std::max<int64_t>(0, count.constant()));
  return provably_nonnegative(count) ? count : ir::max(count, Dim(0));
}

/// Carried tensors of the scan, in order; sequences are no carries but stacked results.
std::vector<Value*> initial_values(Node& node, const LoopParts& parts) {
  std::vector<Value*> values;
  for (size_t i = 0; i < parts.carried.size(); ++i)
    if (!parts.is_sequence(i)) values.push_back(node.input(i + 2, "a carried value"));
  return values;
}

/// The one tensor that a step appends to a carried sequence.
Value* appended(Node& node, const LoopParts& parts, const Item& item) {
  if (!item.sequence || item.sequence->carried_by != &parts || item.sequence->elements.size() != 1)
    node.unsupported("a carried sequence is supported only if each step appends one tensor to it");
  return item.sequence->elements[0];
}

/// The sequence after the loop: what it held before, then the rows.
Sequence extended(Node& node, Sequence before, Value* rows) {
  Builder& b = node.builder();
  if (before.carried_by) node.unsupported("a sequence carried through two loops is not supported");
  before.stacked = before.empty() ? rows : b.concat({stack(node, before), rows}, 0);
  before.elements.clear();
  return before;
}

void import_counted(Node& node, const LoopParts& parts, const Dim& steps) {
  Builder& b = node.builder();
  const std::vector<Value*> initial = initial_values(node, parts);
  const auto body = [&](Builder& inner, const std::vector<Value*>& arguments) {
    std::vector<Item> inputs = {make_item(arguments.back()), make_item(Contents{DType::boolean, {}, {Dim(1)}})};
    for (size_t i = 0, k = 0; i < parts.carried.size(); ++i) {
      if (parts.is_sequence(i)) {
        Sequence sequence;
        sequence.type = parts.carried[i].sequence->type;
        sequence.carried_by = &parts;
        inputs.push_back(make_item(std::move(sequence)));
      } else {
        inputs.push_back(make_item(arguments[k++]));
      }
    }
    const auto outputs = import_step(node, inner, parts.body, inputs, arguments.back());
    std::vector<Value*> results, rows;
    for (size_t i = 0; i < parts.carried.size(); ++i) {
      if (parts.is_sequence(i)) {
        rows.push_back(appended(node, parts, outputs[i + 1]));
        continue;
      }
      results.push_back(tensor_result(node, inner, outputs[i + 1], "a carried value"));
      require_carry(node, i, initial[results.size() - 1]->type(), results.back());
    }
    for (size_t i = parts.carried.size() + 1; i < outputs.size(); ++i)
      rows.push_back(tensor_result(node, inner, outputs[i], "a stacked result"));
    results.insert(results.end(), rows.begin(), rows.end());
    return results;
  };
  const ir::Op* scan = b.scan(steps, initial, {b.iota(steps)}, body);
  size_t carry = 0, row = initial.size();
  for (size_t i = 0; i < parts.carried.size(); ++i) {
    if (parts.is_sequence(i))
      node.set_output(i, make_item(extended(node, *parts.carried[i].sequence, scan->result(row++))));
    else
      node.set_output(i, scan->result(carry++));
  }
  for (size_t i = 0; i < parts.stacked; ++i) node.set_output(parts.carried.size() + i, scan->result(row + i));
}

void import_general(Node& node, const LoopParts& parts) {
  Builder& b = node.builder();
  for (size_t i = 0; i < parts.carried.size(); ++i)
    if (parts.is_sequence(i))
      node.unsupported("a carried sequence in a loop without a known trip count is not supported");
  const std::vector<Value*> initial = initial_values(node, parts);
  Value* count = node.has_input(0) ? b.cast(as_scalar(node, node.input(0, "M"), "M"), DType::i64)
                                   : b.constant(Tensor::scalar_int(DType::i64, std::numeric_limits<int64_t>::max()));
  Value* condition = node.has_input(1) ? as_scalar(node, node.input(1, "cond"), "cond") : b.scalar(DType::boolean, 1);
  const auto body = [&](Builder& inner, const std::vector<Value*>& arguments) {
    std::vector<Item> inputs = {make_item(arguments[0]), make_item(Contents{DType::boolean, {}, {Dim(1)}})};
    for (size_t i = 1; i < arguments.size(); ++i) inputs.push_back(make_item(arguments[i]));
    const auto outputs = import_step(node, inner, parts.body, inputs, arguments[0]);
    Value* next = tensor_result(node, inner, outputs[0], "the condition");
    if (next->dtype() != DType::boolean || !(element_count(next->shape()) == Dim(1)))
      node.bad("the condition of its body is {}, expected bool[]", next->type().str());
    std::vector<Value*> results = {inner.reshape(next, {})};
    for (size_t i = 1; i < outputs.size(); ++i) {
      results.push_back(tensor_result(node, inner, outputs[i], "a carried value"));
      require_carry(node, i - 1, initial[i - 1]->type(), results.back());
    }
    return results;
  };
  const ir::Op* loop = b.loop(count, condition, initial, body);
  for (size_t i = 0; i < initial.size(); ++i) node.set_output(i, loop->result(i));
}

}  // namespace

void import_loop(Node& node) {
  LoopParts parts{node.subgraph("body"), {}, 0};
  for (size_t i = 2; i < node.input_count(); ++i) parts.carried.push_back(node.item(i));
  const size_t results = static_cast<size_t>(parts.body.output_size());
  const size_t carried = parts.carried.size();
  if (results < carried + 1 || static_cast<size_t>(parts.body.input_size()) != carried + 2)
    node.bad("its body has {} inputs and {} outputs, expected {} and {} or more for {} carried values",
             parts.body.input_size(), results, carried + 2, carried + 1, carried);
  parts.stacked = results - carried - 1;
  if (node.output_count() > carried + parts.stacked)
    node.bad("got {} outputs, its body gives {}", node.output_count(), carried + parts.stacked);
  const auto condition = node.known_tensor(1);
  const auto steps = trip_count(node);
  const bool always = (!node.has_input(1) || (condition && condition->integer(0) != 0)) &&
                      stays_true(node, parts.body, parts.body.output(0).name());
  if (steps && always) return import_counted(node, parts, *steps);
  if (condition && condition->integer(0) == 0 && parts.stacked == 0) {  // no step at all
    for (size_t i = 0; i < carried; ++i) node.set_output(i, parts.carried[i]);
    return;
  }
  if (parts.stacked > 0) {  // one row a step: their number is a dim of the result
    if (node.has_input(1) && !condition) node.refuse_unknown(1, "cond, and with it the number of stacked rows,");
    if (node.has_input(0) && !steps) node.refuse_unknown(0, "M, the number of stacked rows,");
    node.unsupported(
        "results with one row a step need a number of steps known when compiling; its condition ends it "
        "at run time");
  }
  import_general(node, parts);
}

}  // namespace seqc::frontend
