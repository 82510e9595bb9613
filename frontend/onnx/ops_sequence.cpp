// Operators on sequences of tensors.
#include "frontend/onnx/graph.h"
#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/sequence.h"
#include "frontend/onnx/support.h"
#include "ir/named_dims.h"

namespace seqc::frontend {
namespace {

/// A position as a dim counted from the front, in a list as a number; nothing when it is known at run time only.
/// `slack` is 1 if the end is a position too. Throws BadInput for one that lies outside.
std::optional<Dim> known_position(Node& node, size_t i, const Sequence& sequence, int64_t slack) {
  const Dim length = sequence.length();
  const auto binders = ir::dim_binders(node.graph().model().function);
  for (const std::string& name : symbols(length))
    if (binders.contains(name)) return std::nullopt;  // nobody can refuse a run with too few elements
  const Type type = node.input_type(i);
  if (!ir::is_integer(type.dtype) || !(element_count(type.shape) == Dim(1)))
    node.bad("position is {}, expected one integer", type.str());
  const auto known = node.known_contents(i);
  if (!known) return std::nullopt;
  const Dim& given = known->values.at(0);
  if (!given.is_constant()) {
    const bool inside = provably_nonnegative(given) && provably_le(given, length + (slack - 1));
    return inside && sequence.stacked ? std::optional(given) : std::nullopt;
  }
  const Dim at = given.constant() < 0 ? given + length : given;
  if (length.is_constant() && (at.constant() < 0 || at.constant() >= length.constant() + slack))
    node.bad("position {} in a sequence of {}", given.str(), length.str());
  return at;
}

/// The same at run time, as i64[]; positions outside are moved to the nearest one inside, 0 to `last`.
Value* run_time_position(Node& node, size_t i, const Dim& length, const Dim& last) {
  Builder& b = node.builder();
  const auto number = [&](const Dim& dim) { return dim_scalar(b, dim, DType::i64); };
  Value* at = b.cast(as_scalar(node, node.input(i, "position"), "position"), DType::i64);
  at = b.select(b.lt(at, number(Dim(0))), b.add(at, number(length)), at);
  return b.min(b.max(at, number(Dim(0))), number(last));
}

/// The elements as rows of one tensor, to pick from at the run-time position of input `i`. Where that cannot be done, the
/// position must be known.
Value* rows_to_pick(Node& node, const Sequence& sequence, size_t i) {
  if (!is_uniform(sequence)) node.refuse_unknown(i, "position, in a sequence whose elements are not all alike,");
  return stack(node, node.builder(), sequence);
}

Sequence stacked_sequence(Value* stacked) { return {.type = stacked->dtype(), .elements = {}, .stacked = stacked}; }

/// Rows of a stack, picked by their numbers.
Sequence picked(Builder& b, Value* rows, Value* numbers) {
  return stacked_sequence(b.emit(Opcode::Gather, {rows, numbers}, ir::AxisAttr{0}));
}

/// Rows [start, start+count) of a stack.
Value* row_range(Builder& b, Value* rows, const Dim& start, const Dim& count) {
  return b.slice_axis(rows, 0, start, count);
}

void import_sequence_empty(Node& node) {
  Sequence sequence;
  sequence.type = element_type(static_cast<int>(node.integer("dtype", onnx::TensorProto::FLOAT)), node.where());
  node.set_output(0, make_item(std::move(sequence)));
}

void import_sequence_construct(Node& node) {
  Sequence sequence;
  if (node.input_count() == 0) node.bad("it has no input");
  sequence.type = node.input_type(0).dtype;
  for (size_t i = 0; i < node.input_count(); ++i) {
    if (const Type type = node.input_type(i); type.dtype != sequence.type)
      node.bad("input {} is {}, expected elements of {} as in input 0", i, type.str(), ir::name(sequence.type));
    sequence.elements.push_back(node.item(i));
  }
  node.set_output(0, make_item(std::move(sequence)));
}

void import_sequence_length(Node& node) {
  const Sequence sequence = read_sequence(node, 0);
  node.set_output(0, Contents{DType::i64, {}, {sequence.length()}});
}

void import_sequence_at(Node& node) {
  Builder& b = node.builder();
  const Sequence sequence = read_sequence(node, 0);
  if (sequence.length() == Dim(0)) node.bad("reading an element of an empty sequence");
  if (const auto at = known_position(node, 1, sequence, 0)) return node.set_output(0, element_at(b, sequence, *at));
  Value* rows = rows_to_pick(node, sequence, 1);
  Value* position = as_scalar(node, node.input(1, "position"), "position");
  node.set_output(0, b.emit(Opcode::Gather, {rows, position}, ir::AxisAttr{0}));
}

/// `rows` with `row` put in at a position that counts from the front; null: where input 2 says at run time.
Sequence with_row(Node& node, Value* rows, Value* row, const std::optional<Dim>& at) {
  Builder& b = node.builder();
  const Dim length = rows->shape()[0];
  row = b.reshape(row, with_ones(row->shape(), {0}));
  if (at && *at == length) return stacked_sequence(b.concat({rows, row}, 0));
  if (at)
    return stacked_sequence(b.concat({row_range(b, rows, Dim(0), *at), row, row_range(b, rows, *at, length - *at)}, 0));
  // Row i comes from i in front of the position, from i-1 behind it, and from the end at the position.
  Value* all = b.concat({rows, row}, 0);
  Value *i = b.iota(length + 1), *position = run_time_position(node, 2, length, length);
  Value* behind = b.sub(i, b.scalar(DType::i64, 1));
  Value* last = dim_scalar(b, length, DType::i64);
  return picked(b, all, b.select(b.lt(i, position), i, b.select(b.eq(i, position), last, behind)));
}

void import_sequence_insert(Node& node) {
  Builder& b = node.builder();
  const Item given = node.item(0);
  if (!given.sequence) node.bad("input 0 is no sequence");
  Sequence sequence = *given.sequence;
  const Type type = node.input_type(1);
  if (type.dtype != sequence.type)
    node.bad("tensor is {}, expected elements of {} as in the sequence", type.str(), ir::name(sequence.type));
  const Item tensor = node.item(1);
  if (sequence.carried_by && node.has_input(2))
    node.unsupported("inserting at a position of a sequence that a loop builds is not supported, only at its end");
  const auto at = node.has_input(2) ? known_position(node, 2, sequence, 1) : sequence.length();
  if (!sequence.stacked && at) {
    sequence.elements.insert(sequence.elements.begin() + at->constant(), tensor);
    return node.set_output(0, make_item(std::move(sequence)));
  }
  Value* rows = at ? sequence.stacked : rows_to_pick(node, sequence, 2);
  const Type row{rows->dtype(), Shape(rows->shape().begin() + 1, rows->shape().end())};
  if (type == row) {
    sequence = with_row(node, rows, node.input(1, "tensor"), at);
  } else if (at && sequence.length().is_constant()) {  // the elements are no longer alike
    sequence = {.type = sequence.type, .elements = elements_of(node, b, sequence)};
    sequence.elements.insert(sequence.elements.begin() + at->constant(), tensor);
  } else if (at) {
    node.unsupported("inserting {} into a sequence of {} {}; only equal tensors are supported here", type.str(),
                     sequence.length().str(), row.str());
  } else {
    node.refuse_unknown(2, "position, in a sequence whose elements are not all alike,");
  }
  node.set_output(0, make_item(std::move(sequence)));
}

void import_sequence_erase(Node& node) {
  Builder& b = node.builder();
  Sequence sequence = read_sequence(node, 0);
  const Dim length = sequence.length();
  if (length == Dim(0)) node.bad("erasing from an empty sequence");
  const Dim last = provably_nonnegative(length - 1) ? length - 1 : ir::max(length - 1, Dim(0));
  const auto at = node.has_input(1) ? known_position(node, 1, sequence, 0) : last;
  if (!sequence.stacked && at) {
    sequence.elements.erase(sequence.elements.begin() + at->constant());
    return node.set_output(0, make_item(std::move(sequence)));
  }
  Value* rows = at ? sequence.stacked : rows_to_pick(node, sequence, 1);
  if (at && *at == last) {
    sequence = stacked_sequence(row_range(b, rows, Dim(0), last));
  } else if (at) {
    sequence =
        stacked_sequence(b.concat({row_range(b, rows, Dim(0), *at), row_range(b, rows, *at + 1, length - *at - 1)}, 0));
  } else {
    Value *i = b.iota(last), *position = run_time_position(node, 1, length, last);
    sequence = picked(b, rows, b.add(i, b.cast(b.ge(i, position), DType::i64)));
  }
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

/// The sizes of the parts when all have one size and the last one takes what is left.
Shape equal_parts(Node& node, const Dim& size, const Dim& total) {
  if (!size.is_constant() || !total.is_constant())
    node.needs_dims(symbols(Shape{size, total}), fmt::format("parts of {} out of {}", size.str(), total.str()));
  if (total.constant() / size.constant() >= kMaxElements)
    node.unsupported("parts of {} out of {}; at most {} parts are supported", size.str(), total.str(), kMaxElements);
  Shape sizes;
  for (int64_t at = 0; at < total.constant(); at += size.constant())
    sizes.emplace_back(std::min(size.constant(), total.constant() - at));
  return sizes;
}

void import_split_to_sequence(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "input");
  const int64_t axis = node.axis(node.integer("axis", 0), x->rank());
  const bool keep = node.integer("keepdims", 1) != 0;
  const Dim total = x->shape()[axis];
  std::optional<Shape> sizes;  // nothing: single steps
  if (node.has_input(1)) {
    sizes = node.required_dims(1, "split");
    const bool one_for_all = node.input_type(1).rank() == 0;
    for (const Dim& size : *sizes)
      if (size.is_constant() && size.constant() < (one_for_all ? 1 : 0))
        node.bad("split holds {}, expected {} or more", size.str(), one_for_all ? 1 : 0);
    // The specification ignores keepdims when split is given, but exporters of unbind() give both and mean it.
    if (one_for_all && sizes->at(0) == Dim(1))
      sizes.reset();
    else if (one_for_all)
      sizes = equal_parts(node, sizes->at(0), total);
  }
  Sequence sequence;
  sequence.type = x->dtype();
  if (!sizes) {
    sequence.stacked = stacked_steps(b, x, axis, keep);
  } else {
    Dim start(0);
    for (const Dim& size : *sizes) start = start + size;
    node.require_equal(start, total, "the sum of split");
    start = Dim(0);
    for (const Dim& size : *sizes) {
      sequence.elements.push_back(make_item(b.slice_axis(x, axis, start, size)));
      start = start + size;
    }
  }
  node.set_output(0, make_item(std::move(sequence)));
}

void import_concat_from_sequence(Node& node) {
  Builder& b = node.builder();
  const Sequence sequence = read_sequence(node, 0);
  const bool new_axis = node.integer("new_axis", 0) != 0;
  const int64_t given = node.required_integer("axis");
  if (!sequence.stacked && !sequence.elements.empty() && !new_axis) {
    std::vector<Value*> parts;
    for (Item element : sequence.elements) parts.push_back(node.graph().model().materialize(element, b.location()));
    node.set_output(0, b.concat(parts, node.axis(given, parts[0]->rank())));
    return;
  }
  Value* stacked = stack(node, b, sequence);  // [length, ...]
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
