// Linear quantisation: q = saturate(round(x / scale) + zero_point).
#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {

Value* quantize(Builder& b, Value* x, Value* scale, Value* zero_point, DType type) {
  Value* y = b.emit(Opcode::Round, {b.div(x, scale)});
  if (ir::size_of(y->dtype()) < 4) y = b.cast(y, DType::f32);  // 16-bit floats do not hold all 16-bit integers
  if (zero_point) y = b.add(y, b.cast(zero_point, y->dtype()));
  return b.cast(y, type);  // casts to integers saturate
}

Value* dequantize(Builder& b, Value* x, Value* scale, Value* zero_point) {
  Value* wide = b.cast(x, DType::i32);
  if (zero_point) wide = b.sub(wide, b.cast(zero_point, DType::i32));
  return b.mul(b.cast(wide, scale->dtype()), scale);
}

// scale = (max(x, 0) - min(x, 0)) / 255, zero_point = saturate(round(-min / scale))
DynamicScale dynamic_scale(Builder& b, Value* x) {
  Value* zero = b.scalar_like(x, 0);
  const auto axes = axis_range(0, x->rank());
  Value* low = b.min(reduce(b, ir::ReduceKind::Min, x, axes, false), zero);
  Value* high = b.max(reduce(b, ir::ReduceKind::Max, x, axes, false), zero);
  Value* scale = b.div(b.sub(high, low), b.scalar_like(x, 255));
  scale = b.select(b.eq(scale, zero), b.scalar_like(x, 1), scale);
  return {scale, b.cast(b.emit(Opcode::Round, {b.div(b.sub(zero, low), scale)}), DType::u8)};
}

namespace {

/// Where scales and zero points stand; blocks share one along the axis.
struct Granularity {
  int64_t axis = 1, block = 0;
};

/// A parameter of blocks repeated to the size of x: [.., ceil(D / block), ..] becomes [.., D, ..].
Value* of_blocks(Node& node, Value* p, const Value* x, const Granularity& g, const char* role) {
  Builder& b = node.builder();
  node.require_rank(p, x->rank(), role);
  const int64_t axis = node.axis(g.axis, x->rank());
  const auto at = static_cast<size_t>(axis);
  for (size_t i = 0; i < p->shape().size(); ++i) {
    const Dim& dim = x->shape()[i];
    node.require_equal(p->shape()[i], i == at ? ceildiv(dim, Dim(g.block)) : dim, fmt::format("dim {} of {}", i, role));
  }
  Shape spread = p->shape(), repeated = p->shape();
  spread.insert(spread.begin() + axis + 1, Dim(1));
  Value* column = b.reshape(p, spread);
  spread[at + 1] = Dim(g.block);
  repeated[at] = repeated[at] * Dim(g.block);
  return b.slice_axis(b.reshape(b.broadcast(column, spread), repeated), axis, Dim(0), x->shape()[at]);
}

/// Scale or zero point shaped to broadcast against x: one number, one for each index of an axis, or one a block.
Value* parameter(Node& node, Value* p, const Value* x, const Granularity& g, const char* role) {
  Builder& b = node.builder();
  if (g.block > 0) return of_blocks(node, p, x, g, role);
  if (p->rank() == 0) return p;
  if (p->rank() > 1) node.bad("{} is {}, expected rank 0 or 1 without block_size", role, p->type().str());
  if (p->shape()[0] == Dim(1)) return b.reshape(p, {});
  const int64_t axis = node.axis(g.axis, x->rank());
  node.require_equal(p->shape()[0], x->shape()[axis], fmt::format("the length of {}", role));
  return along_axis(b, p, axis, x->rank());
}

Granularity read_granularity(Node& node) {
  Granularity g;
  if (node.opset() >= 13) g.axis = node.integer("axis", 1);
  if (node.opset() >= 21) g.block = node.integer("block_size", 0);
  if (g.block < 0 || g.block > INT32_MAX) node.bad("attribute block_size is {}, expected no negative number", g.block);
  return g;
}

void import_quantize(Node& node) {
  Builder& b = node.builder();
  Value *x = node.input(0, "x"), *scale = node.input(1, "y_scale"),
        *zero_point = node.optional_input(2, "y_zero_point");
  const Granularity granularity = read_granularity(node);
  node.ignore_attribute("saturate");  // for 8-bit floats only
  DType type = zero_point ? zero_point->dtype() : DType::u8;
  if (const int64_t named = node.opset() < 21 ? 0 : node.integer("output_dtype", 0); named != 0) {
    const DType wanted = number_type(static_cast<int>(named), node.where());
    if (zero_point && wanted != type)
      node.bad("output_dtype is {}, expected {} as y_zero_point", ir::name(wanted), ir::name(type));
    type = wanted;
  }
  if (!ir::is_integer(type)) node.bad("y_zero_point is {}, expected integers", zero_point->type().str());
  scale = parameter(node, scale, x, granularity, "y_scale");
  if (zero_point) zero_point = parameter(node, zero_point, x, granularity, "y_zero_point");
  if (!ir::is_float(scale->dtype())) node.bad("y_scale is {}, expected floats", scale->type().str());
  node.set_output(0, quantize(b, b.cast(x, scale->dtype()), scale, zero_point, type));
}

void import_dequantize(Node& node) {
  Value *x = node.input(0, "x"), *scale = node.input(1, "x_scale"),
        *zero_point = node.optional_input(2, "x_zero_point");
  const Granularity granularity = read_granularity(node);
  scale = parameter(node, scale, x, granularity, "x_scale");
  if (zero_point) zero_point = parameter(node, zero_point, x, granularity, "x_zero_point");
  node.set_output(0, dequantize(node.builder(), x, scale, zero_point));
}

void import_dynamic_quantize(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "x");
  const DynamicScale found = dynamic_scale(b, x);
  node.set_output(0, quantize(b, x, found.scale, found.zero_point, DType::u8));
  node.set_output(1, found.scale);
  node.set_output(2, found.zero_point);
}

constexpr OperatorEntry kOperators[] = {
    {"DequantizeLinear", import_dequantize},
    {"DynamicQuantizeLinear", import_dynamic_quantize},
    {"QuantizeLinear", import_quantize},
};

}  // namespace

std::span<const OperatorEntry> quantize_operators() { return kOperators; }

}  // namespace seqc::frontend
