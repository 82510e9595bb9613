// Where the largest element of each pooling window lies.
#include <limits>

#include "frontend/onnx/ops_pool.h"
#include "frontend/onnx/spatial.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// The largest elements so far, and their positions among the spatial elements behind the current axis.
struct Largest {
  Value *value, *position;  ///< position is null before the first axis
};

Value* lowest(Builder& b, DType type) {
  if (ir::is_float(type)) return b.scalar(type, -std::numeric_limits<double>::infinity());
  const auto bits = 8 * ir::size_of(type);
  return b.constant(Tensor::scalar_int(type, ir::is_signed_integer(type) ? INT64_MIN >> (64 - bits) : 0));
}

/// Takes windows along one axis: of equal elements the first one wins. Behind it lie `stride_of_axis` elements.
Largest take_windows(Builder& b, Largest x, int64_t axis, const Dim& outputs, const Spatial& spatial, size_t i,
                     const Dim& stride_of_axis, Value* none) {
  const auto integer = [&](int64_t value) { return b.constant(Tensor::scalar_int(DType::i64, value)); };
  const Dim kernel(spatial.kernel[i]);
  const Dim size = x.value->shape()[static_cast<size_t>(axis)];
  Value* k = b.mul(b.reshape(b.iota(kernel), {kernel, Dim(1)}), integer(spatial.dilations[i]));
  Value* start = b.sub(b.mul(b.iota(outputs), integer(spatial.strides[i])), integer(spatial.pads_lo[i]));
  Value* at = b.add(k, start);  // [kernel, outputs]
  Value* last = dim_scalar(b, size - Dim(1), DType::i64);
  Shape shape = at->shape();
  shape.insert(shape.end(), static_cast<size_t>(x.value->rank() - axis - 1), Dim(1));
  const auto spread = [&](Value* v) { return b.reshape(v, shape); };
  Value* inside = spread(b.emit(Opcode::And, {b.ge(at, integer(0)), b.le(at, last)}));
  Value* index = b.max(b.min(at, last), integer(0));
  const auto gather = [&](Value* v) { return b.emit(Opcode::Gather, {v, index}, ir::AxisAttr{axis}); };

  Value* values = b.select(inside, gather(x.value), lowest(b, x.value->dtype()));
  Value* largest = b.reduce(ir::ReduceKind::Max, values, {axis});
  Shape kept = values->shape();
  kept[static_cast<size_t>(axis)] = Dim(1);
  Value* hit = b.eq(values, b.reshape(largest, kept));
  if (ir::is_float(values->dtype())) hit = b.emit(Opcode::Or, {hit, b.emit(Opcode::IsNan, {values})});
  Value* position = spread(b.mul(at, dim_scalar(b, stride_of_axis, DType::i64)));
  if (x.position) position = b.add(position, gather(x.position));
  position = b.select(b.emit(Opcode::And, {hit, inside}), position, none);
  return {largest, b.reduce(ir::ReduceKind::Min, position, {axis})};
}

/// Row-major positions as column-major ones: h * W + w becomes h + w * H.
Value* column_major(Builder& b, Value* position, const Shape& dims) {
  Value* result = nullptr;
  Dim behind = ir::element_count(dims), before(1);
  for (const Dim& dim : dims) {
    behind = floordiv(behind, dim);
    Value* rest = dim_scalar(b, behind, DType::i64);
    Value* at = b.div(position, rest);
    position = b.sub(position, b.mul(at, rest));
    at = b.mul(at, dim_scalar(b, before, DType::i64));
    result = result ? b.add(result, at) : at;
    before = before * dim;
  }
  return result;
}

}  // namespace

Value* max_pool_indices(Builder& b, Value* x, const Shape& result, const Spatial& spatial, bool by_columns) {
  const Shape dims(x->shape().begin() + 2, x->shape().end());
  const Dim count = ir::element_count(dims);
  Value* none = dim_scalar(b, count, DType::i64);
  Largest largest{x, nullptr};
  Dim stride(1);
  for (size_t i = dims.size();
       i-- > 0;) {  // the innermost axis first: the first row then wins, and in it the first column
    largest = take_windows(b, largest, static_cast<int64_t>(i) + 2, result[i + 2], spatial, i, stride, none);
    stride = stride * dims[i];
  }
  Value* position = by_columns ? column_major(b, largest.position, dims) : largest.position;
  const Dim images = result[0] * result[1];
  Value* image = b.mul(b.iota(images), dim_scalar(b, count, DType::i64));
  Shape leading(result.size(), Dim(1));
  leading[0] = result[0];
  leading[1] = result[1];
  return b.add(position, b.reshape(image, leading));
}

}  // namespace seqc::frontend
