// Tensors that come from nothing or from shapes alone: constants, ranges, masks.
#include <onnx/onnx_pb.h>

#include <cmath>

#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

Tensor strings(const Node& node, std::vector<int64_t> shape, const std::vector<std::string>& values) {
  try {
    return Tensor::strings(std::move(shape), values);
  } catch (const Error& error) {
    node.bad("{}", error.what());
  }
}

void import_constant(Node& node) {
  Builder& b = node.builder();
  std::vector<Tensor> forms;
  if (node.has_attribute("value")) forms.push_back(node.tensor("value"));
  if (node.has_attribute("value_int")) forms.push_back(Tensor::scalar_int(DType::i64, node.integer("value_int", 0)));
  if (node.has_attribute("value_float")) forms.push_back(Tensor::scalar(DType::f32, node.real("value_float", 0)));
  if (node.has_attribute("value_ints")) {
    const auto values = node.integers("value_ints");
    forms.push_back(Tensor::i64({static_cast<int64_t>(values.size())}, values));
  }
  if (node.has_attribute("value_floats")) {
    const auto values = node.reals("value_floats");
    forms.push_back(Tensor::f32({static_cast<int64_t>(values.size())}, values));
  }
  if (node.has_attribute("value_string")) forms.push_back(strings(node, {}, {node.text("value_string", "")}));
  if (node.has_attribute("value_strings")) {
    const auto values = node.texts("value_strings");
    forms.push_back(strings(node, {static_cast<int64_t>(values.size())}, values));
  }
  if (node.has_attribute("sparse_value")) node.unsupported("attribute sparse_value is not supported");
  if (forms.size() != 1) node.bad("got {} value attributes, expected one", forms.size());
  node.set_output(0, b.constant(std::move(forms[0]), node.output_name(0)));
}

void import_constant_of_shape(Node& node) {
  Builder& b = node.builder();
  const Tensor value = node.has_attribute("value") ? node.tensor("value") : Tensor(DType::f32, {1});
  if (value.count() != 1) node.bad("attribute value is {}, expected one element", value.type_str());
  if (!ir::is_arithmetic(value.dtype())) node.bad("attribute value is {}, expected a number", value.type_str());
  const Shape shape = required_shape(node, 0, "input");
  for (const Dim& dim : shape)
    if (dim.is_constant() && dim.constant() < 0) node.bad("the shape {} holds a negative dim", str(shape));
  node.set_output(0, b.broadcast(b.constant(value.reshaped({})), shape));
}

/// max(ceil((limit - start) / delta), 0) elements start + i*delta.
void import_range(Node& node) {
  Builder& b = node.builder();
  const DType type = node.input_type(0).dtype;
  Dim count(0);
  if (ir::is_integer(type)) {
    const auto scalar = [&](size_t i, const char* role) {
      const Shape values = required_shape(node, i, role);
      if (values.size() != 1) node.bad("{} holds {} numbers, expected one", role, values.size());
      return values[0];
    };
    const Dim start = scalar(0, "start"), limit = scalar(1, "limit"), delta = scalar(2, "delta");
    if (!delta.is_constant()) node.needs_dims(symbols(delta), fmt::format("delta is {}", delta.str()));
    if (delta == Dim(0)) node.bad("delta is 0, expected another number");
    const Dim length = delta.constant() > 0 ? limit - start : start - limit;
    count = ceildiv(length, Dim(std::abs(delta.constant())));
    if (count.is_constant()) count = Dim(std::max<int64_t>(0, count.constant()));
  } else {
    const double start = node.required_tensor(0, "start").real(0), limit = node.required_tensor(1, "limit").real(0);
    const double delta = node.required_tensor(2, "delta").real(0);
    if (delta == 0) node.bad("delta is 0, expected another number");
    const double length = std::ceil((limit - start) / delta);
    if (!(length < 1e15)) node.bad("the range from {} to {} by {} has no end", start, limit, delta);
    count = Dim(static_cast<int64_t>(std::max(0.0, length)));
  }
  Value* steps = b.iota(count, type);
  Value *start = as_scalar(node, node.input(0, "start"), "start"),
        *delta = as_scalar(node, node.input(2, "delta"), "delta");
  node.set_output(0, b.add(start, b.mul(steps, delta)));
}

/// column - row for the last two dims, i64[rows, columns].
Value* diagonal_number(Builder& b, const Shape& shape) {
  const Dim rows = shape[shape.size() - 2], columns = shape.back();
  return b.sub(b.iota(columns), b.reshape(b.iota(rows), {rows, Dim(1)}));
}

void import_eye_like(Node& node) {
  Builder& b = node.builder();
  const Type type = node.input_type(0);
  node.item(0);
  if (type.rank() != 2) node.bad("input is {}, expected rank 2", type.str());
  const DType result = node.has_attribute("dtype")
                           ? number_type(static_cast<int>(node.required_integer("dtype")), node.where())
                           : type.dtype;
  Value* on = b.eq(diagonal_number(b, type.shape), b.scalar(DType::i64, static_cast<double>(node.integer("k", 0))));
  node.set_output(0, b.cast(on, result));
}

void import_trilu(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "input");
  if (x->rank() < 2) node.bad("input is {}, expected two dims or more", x->type().str());
  const bool upper = node.integer("upper", 1) != 0;
  Value* k = node.has_input(1) ? as_scalar(node, node.input(1, "k"), "k") : b.scalar(DType::i64, 0);
  Value* number = diagonal_number(b, x->shape());
  Value* inside = upper ? b.ge(number, k) : b.le(number, k);
  node.set_output(0, b.select(inside, x, b.blank_like(x)));
}

/// on_value where the position along `axis` is the index, off_value elsewhere; negative indices count from the end.
void import_one_hot(Node& node) {
  Builder& b = node.builder();
  Value *indices = node.input(0, "indices"), *values = node.input(2, "values");
  const Tensor depth_tensor = ir::is_integer(node.input_type(1).dtype) ? Tensor() : node.required_tensor(1, "depth");
  Dim depth(0);
  if (ir::is_integer(node.input_type(1).dtype)) {
    const Shape depths = required_shape(node, 1, "depth");
    if (depths.size() != 1) node.bad("depth holds {} numbers, expected one", depths.size());
    depth = depths[0];
  } else if (depth_tensor.count() == 1) {
    depth = Dim(static_cast<int64_t>(depth_tensor.real(0)));
  } else {
    node.bad("depth is {}, expected one element", depth_tensor.type_str());
  }
  const int64_t rank = indices->rank() + 1, axis = node.axis(node.integer("axis", -1), rank);
  Value* number = b.cast(indices, DType::i64);
  number = b.select(b.lt(number, b.scalar(DType::i64, 0)), b.add(number, dim_scalar(b, depth, DType::i64)), number);
  number = b.reshape(number, with_ones(indices->shape(), {axis}));
  Value* hit = b.eq(number, along_axis(b, b.iota(depth), axis, rank));
  node.require_rank(values, 1, "values");
  node.require_equal(values->shape()[0], Dim(2), "the length of values");
  node.set_output(0, b.select(hit, b.select_axis(values, 0, Dim(1)), b.select_axis(values, 0, Dim(0))));
}

constexpr OperatorEntry kOperators[] = {
    {"Constant", import_constant}, {"ConstantOfShape", import_constant_of_shape},
    {"EyeLike", import_eye_like},  {"OneHot", import_one_hot},
    {"Range", import_range},       {"Trilu", import_trilu},
};

}  // namespace

std::span<const OperatorEntry> generator_operators() { return kOperators; }

}  // namespace seqc::frontend
