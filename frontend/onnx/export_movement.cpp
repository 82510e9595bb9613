// Leaves and movement of data: shapes, slices, joins and padding.
#include <limits>

#include "frontend/onnx/export_graph_pb.h"

namespace seqc::frontend {

namespace {

void export_iota(GraphWriter& g, const Op& op) {
  const auto& attr = op.as<ir::IotaAttr>();
  if (attr.length.is_constant()) {
    Tensor numbers(attr.type, {attr.length.constant()});
    for (int64_t i = 0; i < numbers.count(); ++i) {
      if (ir::is_float(attr.type))
        numbers.set_real(i, static_cast<double>(i));
      else
        numbers.set_integer(i, i);
    }
    return g.define_as(op.result(), g.constant(numbers, "numbers"));
  }
  const Name limit = g.node("Reshape", {g.dim(attr.length), g.integers({}, "scalar")}, {}, "size");
  const Name range = g.node("Range", {g.scalar(DType::i64, 0), limit, g.scalar(DType::i64, 1)});
  g.define_as(op.result(), g.cast(range, DType::i64, attr.type));
}

/// starts, ends, axes and steps of the axes that are not taken whole.
void export_slice(GraphWriter& g, const Op& op) {
  const auto& attr = op.as<ir::SliceAttr>();
  const Shape& from = op.operand(0)->shape();
  Shape starts, ends;
  std::vector<int64_t> axes, steps;
  bool ends_open = false;  // an end in front of the first element, which only a run knows to be one
  for (size_t i = 0; i < from.size(); ++i) {
    const int64_t step = attr.steps[i];
    if (attr.starts[i] == Dim(0) && attr.sizes[i] == from[i] && step == 1) continue;
    Dim end = attr.starts[i] + attr.sizes[i] * Dim(step);
    if (attr.sizes[i] == Dim(0)) end = attr.starts[i];
    // A negative end counts from the last element; in front of the first one is the least number.
    if (step < 0 && end.is_constant() && end.constant() < 0) end = Dim(std::numeric_limits<int32_t>::min());
    if (step < 0 && !end.is_constant()) ends_open = true;
    starts.push_back(attr.starts[i]);
    ends.push_back(end);
    axes.push_back(static_cast<int64_t>(i));
    steps.push_back(step);
  }
  const Name x = g.name(op.operand(0));
  if (axes.empty()) return g.define_as(op.result(), x);
  Name last = g.dims(ends);
  if (ends_open) {
    const Name least = g.scalar(DType::i64, std::numeric_limits<int32_t>::min());
    last = g.node("Where", {g.node("Less", {last, g.scalar(DType::i64, 0)}), least, last}, {}, "ends");
  }
  g.define(op.result(), "Slice", {x, g.dims(starts), last, g.integers(axes, "axes"), g.integers(steps, "steps")});
}

std::string_view mode_name(ir::PadMode mode) {
  switch (mode) {
    case ir::PadMode::Constant: return "constant";
    case ir::PadMode::Reflect: return "reflect";
    case ir::PadMode::Edge: return "edge";
    case ir::PadMode::Wrap: return "wrap";
  }
  return "";
}

void export_pad(GraphWriter& g, const Op& op) {
  const auto& attr = op.as<ir::PadAttr>();
  if (attr.mode == ir::PadMode::Wrap && g.opset() < 19)
    g.unsupported(fmt::format("padding of mode wrap is younger than opset {}", g.opset()),
                  "export with opset 19 or later (--opset 19)");
  Shape pads = attr.lo;
  pads.insert(pads.end(), attr.hi.begin(), attr.hi.end());
  const DType type = op.operand(0)->dtype();
  const DType work = type == DType::i8 || type == DType::u8 || type == DType::u32 ? type : wide_type(type);
  const Name x = g.cast(g.name(op.operand(0)), type, work);
  Names inputs = {x, g.dims(pads)};
  if (attr.mode == ir::PadMode::Constant) inputs.push_back(g.cast(g.name(op.operand(1)), type, work));
  const Attribute mode("mode", mode_name(attr.mode));
  if (work == type) return g.define(op.result(), "Pad", inputs, {mode});
  g.define_as(op.result(), g.cast(g.node("Pad", inputs, {mode}), work, type));
}

/// The `bind_dim` of a length that is the number of true elements of the mask, or at most that.
const Op* bound_to_count(const GraphWriter& g, const Value* mask, const Dim& length) {
  if (!length.is_symbol()) return nullptr;
  const Op* binder = g.model().binder(length.symbol_name());
  const Op* count = binder ? binder->operand(0)->op() : nullptr;
  if (!count || count->code() != Opcode::Reduce || count->as<ir::ReduceAttr>().kind != ir::ReduceKind::Sum)
    return nullptr;
  const Op* cast = count->operand(0)->op();
  return cast && cast->code() == Opcode::Cast && cast->operand(0) == mask ? binder : nullptr;
}

// Where the mask is true, then zeros, cut to the length.
void export_positions(GraphWriter& g, const Op& op) {
  const Value* mask = op.operand(0);
  const Shape length = {op.as<ir::PositionsAttr>().length};
  const Op* binder = bound_to_count(g, mask, length[0]);
  const Name found = g.node("NonZero", {g.name(mask)}), axes = g.integers({0}, "axes");
  if (binder && binder->as<ir::BindDimAttr>().at_most == mask->shape()[0])
    return g.define(op.result(), "Squeeze", {found, axes});
  Name all = g.node("Squeeze", {found, axes});
  if (!binder) all = g.node("Concat", {all, g.expand(g.scalar(DType::i64, 0), length)}, {{"axis", 0}});
  g.define(op.result(), "Slice", {all, g.integers({0}, "starts"), g.dims(length), axes});
}

// The last element of the rows first, then stably by each one before it.
void export_arg_sort(GraphWriter& g, const Op& op) {
  const Value* x = op.operand(0);
  const int64_t rank = x->rank();
  const Dim &rows = x->shape()[rank - 2], &width = x->shape()[rank - 1];
  if (!width.is_constant())
    g.unsupported(fmt::format("rows of {} elements are compared", width.str()), "fix that dim when importing (--dim)");
  const DType work = x->dtype() == DType::u64 ? DType::u64 : wide_type(x->dtype());
  const Name keys = g.cast(g.name(x), x->dtype(), work);
  const Name count = g.dim(rows), axis = g.integers({rank - 1}, "axes");
  Name order;
  for (int64_t i = width.constant() - 1; i >= 0; --i) {
    Name key = g.node("Squeeze",
                      {g.node("Slice", {keys, g.integers({i}, "starts"), g.integers({i + 1}, "ends"), axis}), axis});
    if (!order.empty()) key = g.node("GatherElements", {key, order}, {{"axis", rank - 2}});
    const Name values = g.model().fresh("sorted"), indices = g.model().fresh("order");
    g.node_of("TopK", {key, count}, {values, indices},
              {{"axis", rank - 2}, {"largest", op.as<ir::ArgSortAttr>().descending ? 1 : 0}, {"sorted", 1}});
    order = order.empty() ? indices : g.node("GatherElements", {order, indices}, {{"axis", rank - 2}});
  }
  if (order.empty()) {  // rows of nothing are all equal
    const Name limit = g.node("Reshape", {count, g.integers({}, "scalar")}, {}, "size");
    order = g.expand(g.node("Range", {g.scalar(DType::i64, 0), limit, g.scalar(DType::i64, 1)}), op.result()->shape());
  }
  g.define_as(op.result(), order);
}

}  // namespace

void export_movement(GraphWriter& g, const Op& op) {
  const Value* result = op.result();
  switch (op.code()) {
    case Opcode::Iota: return export_iota(g, op);
    case Opcode::Dims: return g.define_as(result, g.dims(op.as<ir::DimsAttr>().value));
    case Opcode::Reshape: g.reshape(g.name(op.operand(0)), op.operand(0)->shape(), result->shape(), result); return;
    case Opcode::Broadcast:
      if (op.operand(0)->shape() == result->shape()) return g.define_as(result, g.name(op.operand(0)));
      return g.define(result, "Expand", {g.name(op.operand(0)), g.dims(result->shape())});
    case Opcode::Transpose:
      return g.define(result, "Transpose", {g.name(op.operand(0))}, {{"perm", op.as<ir::TransposeAttr>().perm}});
    case Opcode::Slice: return export_slice(g, op);
    case Opcode::Concat:
      return g.define(result, "Concat", g.names(op.operands()), {{"axis", op.as<ir::AxisAttr>().axis}});
    case Opcode::Pad: return export_pad(g, op);
    case Opcode::Positions: return export_positions(g, op);
    case Opcode::ArgSort: return export_arg_sort(g, op);
    default: SEQC_CHECK(false, "export: {} moves no data", op.info().mnemonic);
  }
}

}  // namespace seqc::frontend
