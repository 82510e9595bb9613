/// Helpers shared by operator importers: shapes, axes and idioms that ONNX repeats.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

/// Axes from the attribute `axes` before opset `since`, from input `index` afterwards; nothing if neither is given.
/// Sorted, distinct, non-negative for `rank`.
std::optional<std::vector<int64_t>> read_axes(Node& node, int64_t since, size_t index, int64_t rank);
/// The same in the order given, negative ones untouched; for operators that pair them with other lists.
std::optional<std::vector<int64_t>> read_integers(Node& node, std::string_view name, int64_t since, size_t index);

/// Shape that Reshape asks for: 0 copies a dim, one -1 is inferred.
Shape reshape_target(Node& node, const Type& type);
/// `shape` with dims of size 1 put in at `axes` (of the result), sorted.
Shape with_ones(const Shape& shape, const std::vector<int64_t>& axes);
/// `shape` without the dims at `axes`, sorted.
Shape without(const Shape& shape, const std::vector<int64_t>& axes);

/// Reduces over sorted axes; `keep` leaves dims of size 1 behind.
Value* reduce(Builder& b, ir::ReduceKind kind, Value* x, const std::vector<int64_t>& axes, bool keep);
/// Mean over sorted axes, kept as dims of size 1.
Value* mean_keeping(Builder& b, Value* x, const std::vector<int64_t>& axes);
/// The number of elements that a reduction over `axes` takes together, as a scalar of type `type`.
Value* count_as(Builder& b, const Shape& shape, const std::vector<int64_t>& axes, DType type);
/// Softmax over all elements of `axes` together; with `log` its logarithm.
Value* softmax(Builder& b, Value* x, const std::vector<int64_t>& axes, bool log);
/// The axes first, first+1, ..., last-1.
std::vector<int64_t> axis_range(int64_t first, int64_t last);
/// A 1-D per-channel parameter shaped to broadcast against dim `axis` of a tensor of rank `rank`.
Value* along_axis(Builder& b, Value* parameter, int64_t axis, int64_t rank);
/// A dim as a scalar of any type: a constant, or `dims` when it has names.
Value* dim_scalar(Builder& b, const Dim& dim, DType type);
/// Scalar bool, i64, ... from a tensor with one element of any rank. Throws BadInput for others.
Value* as_scalar(Node& node, Value* value, std::string_view role);
/// Elements along an axis in reverse order.
Value* reverse_axis(Builder& b, Value* x, int64_t axis);
/// One op with two operands; the error for shapes that do not broadcast names the dims at fault.
Value* elementwise(Node& node, Opcode code, Value* a, Value* b);
/// NumPy's matmul: the last two dims multiply, those in front broadcast; vectors count as one row or one column.
Value* matmul(Node& node, Value* a, Value* b);
/// The product of two dims; refuses one that no memory can hold.
Dim times(Node& node, const Dim& a, const Dim& b);
/// required_dims for a shape: numbers that no memory can hold are refused.
Shape required_shape(Node& node, size_t i, std::string_view role);
/// round(x / scale) + zero_point, halves to even, saturated to `type`; everything broadcasts. `zero_point` may be null.
Value* quantize(Builder& b, Value* x, Value* scale, Value* zero_point, DType type);
/// The parameters of DynamicQuantizeLinear for all elements of x together: [min(x, 0), max(x, 0)] onto 0 to 255. A
/// scale of 0 (x is all zeros) becomes 1, as in ONNX Runtime.
struct DynamicScale {
  Value *scale, *zero_point;  ///< a float and a u8
};
DynamicScale dynamic_scale(Builder& b, Value* x);
/// (x - zero_point) * scale in the type of `scale`; everything broadcasts. `zero_point` may be null.
Value* dequantize(Builder& b, Value* x, Value* scale, Value* zero_point);
/// [N, spatial..., C] to [N, C, spatial...] (`to_front`) or back.
Value* move_channels(Builder& b, Value* x, bool to_front);
/// x as i32 without its zero point, which may be per row (`of_rows`) or per column when it is a vector, or null.
Value* without_zero_point(Node& node, Value* x, Value* zero_point, bool of_rows);

/// Runs the importer that ONNX's own operator has in an opset, on the inputs and attributes of this node. Gives its first
/// output, which is the node's until another is set.
Value* import_as(Node& node, std::string_view op, int64_t opset);

}  // namespace seqc::frontend
