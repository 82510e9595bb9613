// SequenceMap: a graph applied to each element of sequences. A scan where the elements are alike, else once for each.
#include <onnx/onnx_pb.h>

#include "frontend/onnx/control_flow.h"
#include "frontend/onnx/loop.h"
#include "frontend/onnx/reader_pb.h"

namespace seqc::frontend {
namespace {

/// Body: (an element of each sequence, each tensor as it is) -> (an element of each result).
struct MapParts {
  const onnx::GraphProto& body;
  std::vector<Item> inputs;
  Dim length;
};

MapParts read_parts(Node& node) {
  MapParts parts{node.subgraph("body"), {}, read_sequence(node, 0).length()};
  for (size_t i = 0; i < node.input_count(); ++i) {
    if (!node.has_input(i)) node.bad("input {} is missing", i);
    parts.inputs.push_back(node.item(i));
    if (parts.inputs[i].none) node.bad("input {} is an optional without an element", i);
    if (!parts.inputs[i].sequence) continue;
    node.require_equal(read_sequence(node, i).length(), parts.length, fmt::format("the length of sequence {}", i));
  }
  const auto inputs = static_cast<size_t>(parts.body.input_size()),
             outputs = static_cast<size_t>(parts.body.output_size());
  if (inputs != parts.inputs.size() || outputs < node.output_count())
    node.bad("its body has {} inputs and {} outputs, expected {} and {}", inputs, outputs, parts.inputs.size(),
             node.output_count());
  return parts;
}

/// One scan over the stacked elements; each result becomes a stacked sequence.
void import_scanned(Node& node, const MapParts& parts) {
  Builder& b = node.builder();
  std::vector<Value*> stacks;
  for (const Item& item : parts.inputs)
    if (item.sequence) stacks.push_back(stack(node, b, *item.sequence));
  const auto body = [&](Builder& inner, const std::vector<Value*>& arguments) {
    std::vector<Item> inputs = parts.inputs;
    auto argument = arguments.begin();
    for (Item& item : inputs)
      if (item.sequence) item = make_item(*argument++);
    std::vector<Value*> results;
    for (const Item& item : import_step(node, inner, parts.body, inputs, arguments.back()))
      results.push_back(tensor_result(node, inner, item, "a result of the body"));
    return region_results(node, inner, results);
  };
  stacks.push_back(b.iota(parts.length));  // the number of the step
  const ir::Op* scan = b.scan(parts.length, {}, stacks, body);
  for (size_t i = 0; i < node.output_count(); ++i) {
    Value* rows = scan->result(i);
    node.set_output(i, make_item(Sequence{.type = rows->dtype(), .elements = {}, .stacked = rows}));
  }
}

/// The body once for each element.
void import_each(Node& node, const MapParts& parts) {
  Builder& b = node.builder();
  if (!parts.length.is_constant())
    node.needs_dims(symbols(parts.length), fmt::format("its sequence has {} elements", parts.length.str()));
  std::vector<Sequence> results(node.output_count());
  for (size_t i = 0; i < results.size(); ++i) {
    const auto& declared = parts.body.output(static_cast<int>(i)).type().tensor_type();
    if (parts.length == Dim(0)) results[i].type = element_type(declared.elem_type(), node.where());
  }
  for (int64_t step = 0; step < parts.length.constant(); ++step) {
    const UnrolledStep counted(node);
    std::vector<Item> inputs = parts.inputs;
    for (Item& item : inputs)
      if (item.sequence) item = element_at(b, *item.sequence, Dim(step));
    Value* number = b.constant(Tensor::scalar_int(DType::i64, step));
    const auto outputs = import_step(node, b, parts.body, inputs, number);
    for (size_t i = 0; i < results.size(); ++i) {
      if (!outputs[i].is_tensor())
        node.bad("a result of its body is {}, expected a tensor", structure_text(outputs[i]));
      results[i].type = type_of(outputs[i]).dtype;
      results[i].elements.push_back(outputs[i]);
    }
  }
  for (size_t i = 0; i < results.size(); ++i) node.set_output(i, make_item(std::move(results[i])));
}

}  // namespace

void import_sequence_map(Node& node) {
  const MapParts parts = read_parts(node);
  bool uniform = true;
  for (const Item& item : parts.inputs) uniform = uniform && (!item.sequence || is_uniform(*item.sequence));
  std::optional<Error> why;
  if (uniform) why = attempt(node, [&] { import_scanned(node, parts); });
  if (uniform && !why) return;
  if (const auto second = attempt(node, [&] { import_each(node, parts); })) throw why ? *why : *second;
}

}  // namespace seqc::frontend
