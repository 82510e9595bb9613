// Operators on sequences of tensors.
#include "frontend/onnx/graph.h"
#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/sequence.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {

Item make_item(Sequence sequence) {
  Item item;
  item.sequence = std::make_shared<const Sequence>(std::move(sequence));
  return item;
}

Value* stack(Node& node, const Sequence& sequence) {
  Builder& b = node.builder();
  if (sequence.stacked) return sequence.stacked;
  if (sequence.elements.empty()) node.unsupported("an empty sequence has no element type and shape");
  std::vector<Value*> parts;
  for (Value* element : sequence.elements) {
    if (element->type() != sequence.elements[0]->type())
      node.unsupported("a sequence of {} and {}; only sequences of equal tensors are supported here",
                       sequence.elements[0]->type().str(), element->type().str());
    parts.push_back(b.reshape(element, with_ones(element->shape(), {0})));
  }
  return b.concat(parts, 0);
}

namespace {

/// A sequence that can be read.
Sequence read_sequence(Node& node, size_t i) {
  const Item item = node.item(i);
  if (!item.sequence) node.bad("input {} is no sequence", i);
  if (item.sequence->carried_by)
    node.unsupported("reading a sequence that a loop builds, inside that loop, is not supported");
  return *item.sequence;
}

/// The position as a number, counted from the front; nothing when it is known at run time only.
std::optional<int64_t> known_position(Node& node, size_t i, int64_t length, bool at_end_too) {
  const auto known = node.known_tensor(i);
  if (!known || known->count() != 1) return std::nullopt;
  const int64_t given = known->integer(0), at = given < 0 ? given + length : given;
  if (at < 0 || at >= length + (at_end_too ? 1 : 0)) node.bad("position {} in a sequence of {}", given, length);
  return at;
}

void import_sequence_empty(Node& node) {
  Sequence sequence;
  sequence.type = element_type(static_cast<int>(node.integer("dtype", onnx::TensorProto::FLOAT)), node.where());
  node.set_output(0, make_item(std::move(sequence)));
}

void import_sequence_construct(Node& node) {
  Sequence sequence;
  sequence.elements = node.inputs_from();
  if (sequence.elements.empty()) node.bad("it has no input");
  sequence.type = sequence.elements[0]->dtype();
  node.set_output(0, make_item(std::move(sequence)));
}

void import_sequence_length(Node& node) {
  const Sequence sequence = read_sequence(node, 0);
  node.set_output(0, Contents{DType::i64, {}, {sequence.length()}});
}

void import_sequence_at(Node& node) {
  Builder& b = node.builder();
  const Sequence sequence = read_sequence(node, 0);
  const Dim length = sequence.length();
  if (length.is_constant()) {
    if (const auto at = known_position(node, 1, length.constant(), false)) {
      node.set_output(0, sequence.stacked ? b.select_axis(sequence.stacked, 0, Dim(*at))
                                          : sequence.elements[static_cast<size_t>(*at)]);
      return;
    }
  }
  Value* position = as_scalar(node, node.input(1, "position"), "position");
  node.set_output(0, b.emit(Opcode::Gather, {stack(node, sequence), position}, ir::AxisAttr{0}));
}

void import_sequence_insert(Node& node) {
  Builder& b = node.builder();
  const Item item = node.item(0);
  if (!item.sequence) node.bad("input 0 is no sequence");
  Sequence sequence = *item.sequence;
  Value* tensor = node.input(1, "tensor");
  if (sequence.carried_by || sequence.stacked) {
    if (node.has_input(2))
      node.unsupported("inserting at a position of this sequence is not supported, only at its end");
    if (sequence.stacked)
      sequence.stacked = b.concat({sequence.stacked, b.reshape(tensor, with_ones(tensor->shape(), {0}))}, 0);
    else
      sequence.elements.push_back(tensor);
  } else {
    const auto length = static_cast<int64_t>(sequence.elements.size());
    const auto at = node.has_input(2) ? known_position(node, 2, length, true) : length;
    if (!at) node.unsupported("a position known at run time only is not supported");
    sequence.elements.insert(sequence.elements.begin() + *at, tensor);
  }
  node.set_output(0, make_item(std::move(sequence)));
}

void import_sequence_erase(Node& node) {
  Sequence sequence = read_sequence(node, 0);
  if (sequence.stacked) node.unsupported("erasing from this sequence is not supported");
  const auto length = static_cast<int64_t>(sequence.elements.size());
  const auto at = node.has_input(1) ? known_position(node, 1, length, false) : length - 1;
  if (!at) node.unsupported("a position known at run time only is not supported");
  if (*at < 0) node.bad("erasing from an empty sequence");
  sequence.elements.erase(sequence.elements.begin() + *at);
  node.set_output(0, make_item(std::move(sequence)));
}

/// Single steps along an axis, stacked; `keep` leaves the axis with size 1 in each element.
Value* stacked_steps(Builder& b, Value* x, int64_t axis, bool keep) {
  std::vector<int64_t> perm = axis_range(0, x->rank());
  perm.erase(perm.begin() + axis);
  perm.insert(perm.begin(), axis);
  Value* steps = b.transpose(x, perm);
  return keep ? b.reshape(steps, with_ones(steps->shape(), {axis + 1})) : steps;
}

void import_split_to_sequence(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "input");
  const int64_t axis = node.axis(node.integer("axis", 0), x->rank());
  const bool keep = node.integer("keepdims", 1) != 0;
  const Dim total = x->shape()[axis];
  Sequence sequence;
  sequence.type = x->dtype();
  Shape sizes;
  if (node.has_input(1)) {
    sizes = node.required_dims(1, "split");
    if (node.input_type(1).rank() == 0) {  // one size for all, a smaller rest at the end
      const Dim size = sizes.at(0);
      if (size.is_constant() && size.constant() < 1) node.bad("split is {}, expected 1 or more", size.str());
      sizes.clear();
      if (!(size == Dim(1))) {
        if (!size.is_constant() || !total.is_constant())
          node.needs_dims(symbols(Shape{size, total}), fmt::format("parts of {} out of {}", size.str(), total.str()));
        for (int64_t at = 0; at < total.constant(); at += size.constant())
          sizes.emplace_back(std::min(size.constant(), total.constant() - at));
      }
    }
  }
  if (sizes.empty()) {
    // The specification ignores keepdims when split is given, but exporters of unbind() give both and mean it.
    sequence.stacked = stacked_steps(b, x, axis, keep);
  } else {
    Dim start(0);
    for (const Dim& size : sizes) {
      sequence.elements.push_back(b.slice_axis(x, axis, start, size));
      start = start + size;
    }
    node.require_equal(start, total, "the sum of split");
  }
  node.set_output(0, make_item(std::move(sequence)));
}

void import_concat_from_sequence(Node& node) {
  Builder& b = node.builder();
  const Sequence sequence = read_sequence(node, 0);
  const bool new_axis = node.integer("new_axis", 0) != 0;
  const int64_t given = node.required_integer("axis");
  if (!sequence.stacked && !sequence.elements.empty() && !new_axis) {
    node.set_output(0, b.concat(sequence.elements, node.axis(given, sequence.elements[0]->rank())));
    return;
  }
  Value* stacked = stack(node, sequence);  // [length, ...]
  const int64_t rank = stacked->rank() - (new_axis ? 0 : 1), axis = node.axis(given, rank);
  std::vector<int64_t> perm = axis_range(1, stacked->rank());
  perm.insert(perm.begin() + axis, 0);
  Value* result = b.transpose(stacked, perm);
  if (!new_axis) {  // [..., length, size, ...] -> [..., length * size, ...]
    Shape shape = result->shape();
    shape[axis + 1] = shape[axis] * shape[axis + 1];
    shape.erase(shape.begin() + axis);
    result = b.reshape(result, shape);
  }
  node.set_output(0, result);
}

constexpr OperatorEntry kOperators[] = {
    {"ConcatFromSequence", import_concat_from_sequence, 11},
    {"SequenceAt", import_sequence_at, 11},
    {"SequenceConstruct", import_sequence_construct, 11},
    {"SequenceEmpty", import_sequence_empty, 11},
    {"SequenceErase", import_sequence_erase, 11},
    {"SequenceInsert", import_sequence_insert, 11},
    {"SequenceLength", import_sequence_length, 11},
    {"SplitToSequence", import_split_to_sequence, 11},
};

}  // namespace

std::span<const OperatorEntry> sequence_operators() { return kOperators; }

}  // namespace seqc::frontend
