// Streaming: elementwise ops, contractions, and what moves elements without moving frames.
#include <algorithm>

#include "ir/error.h"
#include "ir/infer.h"
#include "passes/streaming/flow.h"

namespace seqc::passes::streaming {

using ir::Dim;
using ir::Op;
using ir::Opcode;
using ir::Shape;
using ir::Value;
using Kind = Flow::Kind;

namespace {

Dim product(const Shape& shape, int64_t from, int64_t to) {
  return ir::element_count(Shape(shape.begin() + from, shape.begin() + to));
}

/// Why two values cannot meet frame by frame.
std::string mismatch(const Flow& a, const Flow& b) {
  if (a.tail != b.tail)
    return fmt::format("looks ahead by {} frames: one operand needs later frames than the other",
                       std::max(a.tail, b.tail) - std::min(a.tail, b.tail));
  return "it brings frames together that are not of the same time";
}

/// One frame of a constant that has the same in all of them; nothing if they differ.
std::optional<ir::Tensor> one_frame(const ir::Tensor& tensor, int64_t axis) {
  std::vector<int64_t> shape = tensor.shape();
  const int64_t frames = shape[static_cast<size_t>(axis)];
  shape[static_cast<size_t>(axis)] = 1;
  if (frames == 0 || tensor.dtype() == ir::DType::string) return std::nullopt;
  ir::Tensor first(tensor.dtype(), shape);
  size_t bytes = ir::size_of(tensor.dtype()), blocks = 1;
  for (size_t i = 0; i < shape.size(); ++i)
    (static_cast<int64_t>(i) > axis ? bytes : blocks) *= static_cast<size_t>(shape[i]);
  for (size_t block = 0; block < blocks; ++block) {
    const std::byte* from = tensor.bytes() + block * static_cast<size_t>(frames) * bytes;
    for (int64_t i = 1; i < frames; ++i)
      if (!std::equal(from, from + bytes, from + static_cast<size_t>(i) * bytes)) return std::nullopt;
    std::copy(from, from + bytes, first.mutable_bytes() + block * bytes);
  }
  return first;
}

}  // namespace

Value* Rewriter::along_time(const Op* user, const Value* value, int64_t axis, const Dim& frames) {
  const auto at = static_cast<size_t>(axis);
  Shape shape = value->shape();
  shape[at] = frames;
  if (value->is_constant()) {
    const auto first = one_frame(value->constant(), axis);
    if (!first) refuse(user, fmt::format("a constant, {}, has something else for each frame", value->type().str()));
    return b_.broadcast(b_.constant(*first), shape);
  }
  const Op* op = value->op();
  if (!op)
    refuse(user, fmt::format("input \"{}\", {}, is as long as there are frames; is it time as well (INPUT:AXIS)?",
                             value->name(), value->type().str()));
  const auto fixed = [&](const Value* operand) {
    if (flow(operand).kind != Kind::Fixed) refuse(user, "what it reads depends on how many frames there are in all");
    return mapped(operand);
  };
  if (op->code() == Opcode::Broadcast || ir::is_elementwise(op->code())) {
    std::vector<Value*> operands;
    for (const Value* operand : op->operands()) {
      const int64_t own = axis - (value->rank() - operand->rank());
      const bool repeated = own < 0 || operand->shape()[static_cast<size_t>(own)] == Dim(1);
      operands.push_back(repeated ? fixed(operand) : along_time(user, operand, own, frames));
    }
    if (op->code() == Opcode::Broadcast) return b_.broadcast(operands[0], shape);
    return b_.create(op->code(), operands, op->attr())->result();
  }
  if (op->code() == Opcode::Transpose) {
    const auto& perm = op->as<ir::TransposeAttr>().perm;
    return b_.transpose(along_time(user, op->operand(0), perm[at], frames), perm);
  }
  if (op->code() == Opcode::Reshape) {
    const Shape &from = op->operand(0)->shape(), &to = value->shape();
    const Dim before = product(to, 0, axis), after = product(to, axis + 1, value->rank());
    for (int64_t i = 0; i < op->operand(0)->rank(); ++i)
      if (from[static_cast<size_t>(i)] == to[at] && product(from, 0, i) == before &&
          product(from, i + 1, op->operand(0)->rank()) == after)
        return b_.reshape(along_time(user, op->operand(0), i, frames), shape);
  }
  refuse(user, fmt::format("what it reads from {}{} depends on the position of a frame among all", op->info().mnemonic,
                           op->location().empty() ? "" : " of " + op->location()));
}

void Rewriter::elementwise(const Op* op) {
  const Value* result = op->result();
  std::optional<Flow> joined;
  for (const Value* operand : op->operands()) {
    Flow own = flow(operand);
    if (!own.is_frames()) continue;
    own.axis += result->rank() - operand->rank();
    if (joined && (joined->axis != own.axis || !joined->same_pace(own))) refuse(op, mismatch(*joined, own));
    if (!joined) joined = own;
  }
  need_no_lead(op, *joined);
  std::vector<Value*> operands;
  for (const Value* operand : op->operands()) {
    const int64_t axis = joined->axis - (result->rank() - operand->rank());
    if (flow(operand).is_frames()) {
      if (!(operand->shape()[static_cast<size_t>(axis)] == result->shape()[static_cast<size_t>(joined->axis)]))
        refuse(op, "it repeats the only frame that a model of one frame has");
      operands.push_back(mapped(operand));
    } else if (axis < 0 || operand->shape()[static_cast<size_t>(axis)] == Dim(1)) {
      if (flow(operand).kind == Kind::Lengths) refuse(op, "it reads how many frames there are in all");
      operands.push_back(mapped(operand));
    } else {
      operands.push_back(along_time(op, operand, axis, size(*joined)));
    }
  }
  emit(op, *joined, operands, op->attr());
}

void Rewriter::broadcast(const Op* op) {
  Flow own = flow(op->operand(0));
  need_no_lead(op, own);
  const int64_t before = own.axis;
  own.axis += op->result()->rank() - op->operand(0)->rank();
  Shape shape = op->as<ir::ShapeAttr>().shape;
  if (!(shape[static_cast<size_t>(own.axis)] == op->operand(0)->shape()[static_cast<size_t>(before)]))
    refuse(op, "it repeats the only frame that a model of one frame has");
  shape[static_cast<size_t>(own.axis)] = size(own);
  if (mentions_time(shape) && plan_.time != whole_time_) refuse(op, "its result has time along two axes");
  emit(op, own, {mapped(op->operand(0))}, ir::ShapeAttr{shape});
}

// Frames stay where as many elements lie before and behind them.
void Rewriter::reshape(const Op* op) {
  const Value* operand = op->operand(0);
  Flow own = flow(operand);
  const Dim frames = whole_frames(operand, own);
  const Dim before = product(operand->shape(), 0, own.axis) * own.outer;
  const Dim after = own.inner * product(operand->shape(), own.axis + 1, operand->rank());
  Shape shape = op->as<ir::ShapeAttr>().shape;
  std::vector<Flow> found;
  for (int64_t i = 0; i < static_cast<int64_t>(shape.size()); ++i) {
    const Dim in_front = product(shape, 0, i), behind = product(shape, i + 1, static_cast<int64_t>(shape.size()));
    if (in_front == Dim(0) || behind == Dim(0)) continue;
    Flow next = own;
    next.axis = i;
    next.outer = ir::floordiv(before, in_front);
    next.inner = ir::floordiv(after, behind);
    if (next.outer * in_front == before && next.inner * behind == after &&
        next.outer * frames * next.inner == shape[static_cast<size_t>(i)])
      found.push_back(next);
  }
  if (std::any_of(found.begin(), found.end(), [](const Flow& f) { return f.plain(); }))
    std::erase_if(found, [](const Flow& f) { return !f.plain(); });
  if (found.empty())
    refuse(op, fmt::format("it tears frames apart, {} to {}", operand->type().str(), op->result()->type().str()));
  if (found.size() > 1) {
    const bool stays = std::any_of(found.begin(), found.end(), [&](const Flow& f) { return f.axis == own.axis; });
    if (!stays || !(frames == Dim(1)))
      refuse(op, fmt::format("where frames are does not follow from {} to {}; a model with a named dim for time tells",
                             operand->type().str(), op->result()->type().str()));
    std::erase_if(found, [&](const Flow& f) { return f.axis != own.axis; });
  }
  own = found[0];
  shape[static_cast<size_t>(own.axis)] = size(own);
  emit(op, own, {mapped(operand)}, ir::ShapeAttr{shape});
}

void Rewriter::transpose(const Op* op) {
  Flow own = flow(op->operand(0));
  const auto& perm = op->as<ir::TransposeAttr>().perm;
  own.axis = std::find(perm.begin(), perm.end(), own.axis) - perm.begin();
  emit(op, own, {mapped(op->operand(0))}, op->attr());
}

void Rewriter::gather(const Op* op) {
  const int64_t axis = op->as<ir::AxisAttr>().axis;
  const Value *x = op->operand(0), *index = op->operand(1);
  Flow own = flow(x).is_frames() ? flow(x) : flow(index);
  if (flow(x).is_frames() && flow(index).is_frames())
    refuse(op, "it looks frames up by numbers that frames have: looks ahead");
  if (flow(x).kind == Kind::Lengths || flow(index).kind == Kind::Lengths)
    refuse(op, "it reads how many frames there are in all");
  if (!flow(x).is_frames())
    own.axis += axis;
  else if (own.axis == axis)
    refuse(op, "it looks frames up by their number: looks ahead");
  else if (own.axis > axis)
    own.axis += index->rank() - 1;
  need_no_lead(op, own);
  emit(op, own, {mapped(x), mapped(index)}, op->attr());
}

void Rewriter::arg_sort(const Op* op) {
  const Flow own = flow(op->operand(0));
  need_no_lead(op, own);
  if (own.axis >= op->operand(0)->rank() - 2) refuse(op, "it sorts frames: looks ahead");
  emit(op, own, {mapped(op->operand(0))}, op->attr());
}

void Rewriter::reduce(const Op* op) {
  Flow own = flow(op->operand(0));
  need_no_lead(op, own);
  const auto& attr = op->as<ir::ReduceAttr>();
  if (std::find(attr.axes.begin(), attr.axes.end(), own.axis) != attr.axes.end())
    refuse(op, fmt::format("it reduces over all frames (axis {} of {}): looks ahead", own.axis,
                           op->operand(0)->type().str()));
  own.axis -= std::count_if(attr.axes.begin(), attr.axes.end(), [&](int64_t axis) { return axis < own.axis; });
  emit(op, own, {mapped(op->operand(0))}, op->attr());
}

void Rewriter::contract(const Op* op) {
  const auto& attr = op->as<ir::ContractAttr>();
  if (attr.lanes != 0) refuse(op, "it is packed already");
  const auto spec = ir::parse_contract_spec(attr.spec);
  std::optional<Flow> joined;
  std::optional<char> label;
  for (size_t i = 0; i < op->operands().size(); ++i) {
    const Flow& own = flow(op->operand(i));
    if (!own.is_frames()) continue;
    const char mine = (i == 0 ? spec.lhs : spec.rhs)[static_cast<size_t>(own.axis)];
    if (spec.out.find(mine) == std::string::npos)
      refuse(op, fmt::format("it sums over all frames (axis {} of {}): looks ahead", own.axis,
                             op->operand(i)->type().str()));
    if (joined && *label != mine) refuse(op, "it multiplies each frame with every frame (attention): looks ahead");
    if (joined && !joined->same_pace(own)) refuse(op, mismatch(*joined, own));
    joined = own;
    label = mine;
  }
  need_no_lead(op, *joined);
  std::vector<Value*> operands;
  for (size_t i = 0; i < op->operands().size(); ++i) {
    const Value* operand = op->operand(i);
    const size_t at = (i == 0 ? spec.lhs : spec.rhs).find(*label);
    if (!flow(operand).is_frames() && at != std::string::npos)
      operands.push_back(along_time(op, operand, static_cast<int64_t>(at), size(*joined)));
    else if (flow(operand).kind == Kind::Lengths)
      refuse(op, "it reads how many frames there are in all");
    else
      operands.push_back(mapped(operand));
  }
  joined->axis = static_cast<int64_t>(spec.out.find(*label));
  emit(op, *joined, operands, op->attr());
}

}  // namespace seqc::passes::streaming
