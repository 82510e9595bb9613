// Scan, of opset 8 (a batch of independent sequences) and of opset 9 on (any axis, any direction).
#include <onnx/onnx_pb.h>

#include "frontend/onnx/control_flow.h"
#include "frontend/onnx/randomness_pb.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// Body: (states..., one element of each scanned input) -> (next states..., one element of each scanned output).
struct ScanParts {
  const onnx::GraphProto& body;
  size_t states = 0, scanned = 0, emitted = 0;
};

ScanParts read_parts(Node& node, size_t inputs) {
  ScanParts parts{node.subgraph("body")};
  const int64_t scanned = node.required_integer("num_scan_inputs");
  if (scanned < 1 || scanned > static_cast<int64_t>(inputs))
    node.bad("attribute num_scan_inputs is {}, expected 1 to {}", scanned, inputs);
  parts.scanned = static_cast<size_t>(scanned);
  parts.states = inputs - parts.scanned;
  const auto body_inputs = static_cast<size_t>(parts.body.input_size());
  const auto body_outputs = static_cast<size_t>(parts.body.output_size());
  if (body_inputs != inputs || body_outputs < parts.states)
    node.bad("its body has {} inputs and {} outputs, expected {} and at least {}", body_inputs, body_outputs, inputs,
             parts.states);
  parts.emitted = body_outputs - parts.states;
  if (node.output_count() > body_outputs)
    node.bad("got {} outputs, its body gives {}", node.output_count(), body_outputs);
  return parts;
}

std::vector<int64_t> read_list(Node& node, const char* name, size_t count) {
  auto list = node.integers(name, std::vector<int64_t>(count, 0));
  if (list.size() != count) node.bad("attribute {} holds {} numbers, expected {}", name, list.size(), count);
  return list;
}

std::vector<bool> read_directions(Node& node, const char* name, size_t count) {
  std::vector<bool> reverse;
  for (const int64_t direction : read_list(node, name, count)) {
    if (direction != 0 && direction != 1) node.bad("attribute {} holds {}, expected 0 or 1", name, direction);
    reverse.push_back(direction == 1);
  }
  return reverse;
}

Value* move_axis(Builder& b, Value* x, int64_t from, int64_t to) {
  std::vector<int64_t> perm = axis_range(0, x->rank());
  perm.erase(perm.begin() + from);
  perm.insert(perm.begin() + to, from);
  return b.transpose(x, perm);
}

/// The scan over inputs whose leading dim is time. After `length` steps (null: all) nothing changes any more.
ir::Op* build_scan(Node& node, Builder& b, const ScanParts& parts, std::vector<Value*> states,
                   std::vector<Value*> scanned, bool reverse, Value* length = nullptr) {
  const Dim steps = scanned[0]->shape()[0];
  for (const Value* x : scanned) node.require_equal(x->shape()[0], steps, "the length of a scanned input");
  const bool draws = draws_random_numbers(parts.body, node.graph().model().functions, node.opset());
  const bool numbered = draws || length;
  if (numbered) scanned.push_back(b.iota(steps));
  const auto body = [&](Builder& inner, std::vector<Value*> arguments) {
    Value* step = numbered ? arguments.back() : nullptr;
    if (numbered) arguments.pop_back();
    Value* goes_on = length ? inner.lt(step, length) : nullptr;
    std::vector<Item> inputs;
    for (Value* argument : arguments) inputs.push_back(make_item(argument));
    std::vector<Value*> results;
    for (const Item& item : draws ? import_step(node, inner, parts.body, inputs, step)
                                  : node.graph().import_subgraph(inner, parts.body, inputs))
      results.push_back(tensor_result(node, inner, item, "a result of the body"));
    for (size_t i = 0; i < parts.states; ++i) require_carry(node, i, states[i]->type(), results[i]);
    for (size_t i = 0; goes_on && i < results.size(); ++i)
      results[i] = inner.select(goes_on, results[i], i < parts.states ? arguments[i] : inner.blank_like(results[i]));
    return region_results(node, inner, results);
  };
  return b.scan(steps, states, scanned, body, reverse);
}

/// One sequence of a batch. With `length`, later steps leave the states and emit zeros (or empty strings); what goes backwards starts at
/// the last step of the sequence.
ir::Op* scan_row(Node& node, Builder& b, const ScanParts& parts, std::vector<Value*> states,
                 std::vector<Value*> scanned, const std::vector<bool>& reverse, Value* length) {
  const Dim steps = scanned[0]->shape()[0];
  for (size_t i = 0; i < scanned.size(); ++i) {
    if (!reverse[i]) continue;
    if (!length) {
      scanned[i] = reverse_axis(b, scanned[i], 0);
      continue;
    }
    Value* one = b.scalar(DType::i64, 1);
    Value* from = b.max(b.sub(b.sub(length, b.iota(steps)), one), b.scalar(DType::i64, 0));
    scanned[i] = b.emit(Opcode::Gather, {scanned[i], from}, ir::AxisAttr{0});
  }
  return build_scan(node, b, parts, std::move(states), std::move(scanned), false, length);
}

/// Opset 8: every tensor has a leading batch dim; each row is a scan of its own.
void import_batched(Node& node) {
  Builder& b = node.builder();
  Value* lengths = node.optional_input(0, "sequence_lens");
  const ScanParts parts = read_parts(node, node.input_count() - 1);
  const auto reverse = read_directions(node, "directions", parts.scanned);
  std::vector<Value*> inputs = node.inputs_from(1);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i]->rank() < (i < parts.states ? 1 : 2))
      node.bad("input {} is {}, expected a batch dim", i + 1, inputs[i]->type().str());
  for (const Value* input : inputs)
    node.require_equal(input->shape()[0], inputs[0]->shape()[0], "the batch of an input");
  if (lengths) {
    node.require_rank(lengths, 1, "sequence_lens");
    node.require_equal(lengths->shape()[0], inputs[0]->shape()[0], "the length of sequence_lens");
    inputs.push_back(b.cast(lengths, DType::i64));
  }
  const auto row = [&](Builder& inner, const std::vector<Value*>& arguments) {
    const auto first = arguments.begin() + static_cast<ptrdiff_t>(parts.states);
    const std::vector<Value*> states(arguments.begin(), first);
    const std::vector<Value*> scanned(first, first + static_cast<ptrdiff_t>(parts.scanned));
    Value* length = lengths ? arguments.back() : nullptr;
    const ir::Op* scan = scan_row(node, inner, parts, states, scanned, reverse, length);
    std::vector<Value*> results;
    for (size_t i = 0; i < scan->result_count(); ++i) results.push_back(scan->result(i));
    return results;
  };
  const ir::Op* rows = b.scan(inputs[0]->shape()[0], {}, inputs, row);
  for (size_t i = 0; i < node.output_count(); ++i) node.set_output(i, rows->result(i));
}

}  // namespace

void import_scan(Node& node) {
  if (node.opset() < 9) return import_batched(node);
  Builder& b = node.builder();
  const ScanParts parts = read_parts(node, node.input_count());
  const auto input_axes = read_list(node, "scan_input_axes", parts.scanned);
  const auto output_axes = read_list(node, "scan_output_axes", parts.emitted);
  const auto input_reverse = read_directions(node, "scan_input_directions", parts.scanned);
  const auto output_reverse = read_directions(node, "scan_output_directions", parts.emitted);
  // The scan goes the way of its first input; whatever goes the other way is turned around.
  const bool reverse = input_reverse[0];
  std::vector<Value*> states, scanned;
  for (size_t i = 0; i < parts.states; ++i) states.push_back(node.input(i, "an initial state"));
  for (size_t i = 0; i < parts.scanned; ++i) {
    Value* x = node.input(parts.states + i, "a scanned input");
    x = move_axis(b, x, node.axis(input_axes[i], x->rank(), "scan_input_axes"), 0);
    scanned.push_back(input_reverse[i] == reverse ? x : reverse_axis(b, x, 0));
  }
  const ir::Op* scan = build_scan(node, b, parts, states, scanned, reverse);
  for (size_t i = 0; i < parts.states; ++i) node.set_output(i, scan->result(i));
  for (size_t i = 0; i < parts.emitted; ++i) {
    Value* y = scan->result(parts.states + i);
    if (output_reverse[i] != reverse) y = reverse_axis(b, y, 0);
    node.set_output(parts.states + i, move_axis(b, y, 0, node.axis(output_axes[i], y->rank(), "scan_output_axes")));
  }
}

}  // namespace seqc::frontend
