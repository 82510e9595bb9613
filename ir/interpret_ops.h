/// The interpreter's parts: one function an op or a class of ops, on tensors. Shapes come from the operands; names in
/// attributes are evaluated with `dims`. They throw Error(BadInput) with "got ..., expected ..." and no place.
#pragma once

#include "ir/interpret_view.h"
#include "ir/interpreter.h"

namespace seqc::ir::interp {

using Tensors = std::vector<Tensor>;

/// The numbers of a shape.
Sizes evaluate_shape(const Shape& shape, const DimBindings& dims);

// elementwise (interpret_unary.cpp, interpret_binary.cpp)
Tensor unary(Opcode code, const Tensor& a);
Tensor cast(const Tensor& a, DType to);
Tensor binary(Opcode code, const Tensor& a, const Tensor& b);
Tensor ternary(Opcode code, const Tensor& a, const Tensor& b, const Tensor& c);

// data movement (interpret_movement.cpp, interpret_gather.cpp, interpret_order.cpp)
Tensor iota(int64_t length, DType type);
Tensor reshape(const Tensor& x, const Sizes& shape);
Tensor transpose(const Tensor& x, const TransposeAttr& attr);
Tensor slice(const Tensor& x, const Sizes& starts, const Sizes& sizes, const Sizes& steps);
Tensor concat(const Tensors& parts, int64_t axis);
Tensor pad(const Tensor& x, const Tensor& fill, const Sizes& lo, const Sizes& hi, PadMode mode);
Tensor gather(const Tensor& x, const Tensor& index, int64_t axis);
Tensor gather_elements(const Tensor& x, const Tensor& index, int64_t axis);
Tensor gather_nd(const Tensor& x, const Tensor& index, int64_t batch_dims);
Tensor scatter_nd(const Tensor& x, const Tensor& index, const Tensor& updates, ScatterKind kind);
Tensor positions(const Tensor& mask, int64_t length);
Tensor arg_sort(const Tensor& x, bool descending);

// reductions (interpret_reduce.cpp, interpret_contract.cpp, interpret_window.cpp)
Tensor reduce(const Tensor& x, const ReduceAttr& attr);
Tensors contract(const Tensors& operands, const ContractAttr& attr, const DimBindings& dims);
Tensor pack(const Tensors& weights, const ContractAttr& attr);
Tensor conv(const Tensor& x, const Tensor& w, const ConvAttr& attr);
Tensor reduce_window(const Tensor& x, const WindowAttr& attr);

/// Evaluates a function's body, regions included (interpret_control.cpp).
Tensors run_function(const Function& function, const Tensors& inputs, const DimBindings& dims,
                     const Observer* observer = nullptr);

}  // namespace seqc::ir::interp
