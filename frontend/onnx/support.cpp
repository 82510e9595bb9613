#include "frontend/onnx/support.h"

#include <algorithm>
#include <numeric>

namespace seqc::frontend {

using ir::ReduceKind;

std::optional<std::vector<int64_t>> read_integers(Node& node, std::string_view name, int64_t since, size_t index) {
  if (node.opset() < since) {
    if (!node.has_attribute(name)) return std::nullopt;
    return node.integers(name);
  }
  if (!node.has_input(index)) return std::nullopt;
  return node.required_ints(index, name);
}

std::optional<std::vector<int64_t>> read_axes(Node& node, int64_t since, size_t index, int64_t rank) {
  auto axes = read_integers(node, "axes", since, index);
  if (!axes) return std::nullopt;
  for (int64_t& axis : *axes) axis = node.axis(axis, rank, "axes");
  std::sort(axes->begin(), axes->end());
  if (const auto twice = std::adjacent_find(axes->begin(), axes->end()); twice != axes->end())
    node.bad("axes names axis {} twice", *twice);
  return axes;
}

constexpr int64_t kMaxElements = int64_t{1} << 46;

Dim times(Node& node, const Dim& a, const Dim& b) {
  if (!a.is_constant() || !b.is_constant()) return a * b;
  int64_t product = 0;
  if (__builtin_mul_overflow(a.constant(), b.constant(), &product) || product > kMaxElements)
    node.bad("a result with {} times {} elements is more than fits in memory", a.str(), b.str());
  return Dim(product);
}

Shape required_shape(Node& node, size_t i, std::string_view role) {
  Shape shape = node.required_dims(i, role);
  for (const Dim& dim : shape)
    if (dim.is_constant() && (dim.constant() > kMaxElements || dim.constant() < -kMaxElements))
      node.bad("{} holds {}, more than fits in memory", role, dim.str());
  return shape;
}

Shape reshape_target(Node& node, const Type& type) {
  Shape target;
  if (node.opset() < 5)
    for (const int64_t size : node.integers("shape")) target.emplace_back(size);
  else
    target = required_shape(node, 1, "shape");
  node.ignore_attribute("consumed_inputs");
  const bool allow_zero = node.integer("allowzero", 0) != 0;
  // Dims that are copied stand on both sides: without them [0,T,-1] has an answer for T = 0 as well.
  std::optional<size_t> unknown;
  Dim given(1), rest(1);
  std::vector<bool> copied(type.shape.size(), false);
  for (size_t i = 0; i < target.size(); ++i) {
    if (target[i] == Dim(0) && !allow_zero) {
      if (i >= type.shape.size()) node.bad("shape copies dim {} of {}", i, type.str());
      target[i] = type.shape[i];
      copied[i] = true;
    } else if (target[i] == Dim(-1)) {
      if (unknown) node.bad("shape {} holds -1 twice", str(target));
      unknown = i;
    } else {
      if (target[i].is_constant() && target[i].constant() < 0) node.bad("shape {} holds a negative dim", str(target));
      given = times(node, given, target[i]);
    }
  }
  for (size_t i = 0; i < type.shape.size(); ++i)
    if (!copied[i]) rest = times(node, rest, type.shape[i]);
  const auto mismatch = [&] {
    const auto names = symbols(Shape{given, rest});
    if (!names.empty()) node.needs_dims(names, fmt::format("got {} reshaped to {}", type.str(), str(target)));
    node.bad("got {} reshaped to {}, expected equal counts of elements", type.str(), str(target));
  };
  if (!unknown) {
    if (!(given == rest)) mismatch();
    return target;
  }
  if (given == Dim(0)) {
    if (!(rest == Dim(0))) mismatch();
    target[*unknown] = Dim(0);
    return target;
  }
  const Dim quotient = floordiv(rest, given);
  if (!(quotient * given == rest)) mismatch();
  target[*unknown] = quotient;
  return target;
}

Shape with_ones(const Shape& shape, const std::vector<int64_t>& axes) {
  Shape result = shape;
  for (const int64_t axis : axes) result.insert(result.begin() + axis, Dim(1));
  return result;
}

Shape without(const Shape& shape, const std::vector<int64_t>& axes) {
  Shape result;
  for (size_t i = 0; i < shape.size(); ++i)
    if (!std::binary_search(axes.begin(), axes.end(), static_cast<int64_t>(i))) result.push_back(shape[i]);
  return result;
}

Value* reduce(Builder& b, ReduceKind kind, Value* x, const std::vector<int64_t>& axes, bool keep) {
  Value* result = axes.empty() ? x : b.reduce(kind, x, axes);
  return keep ? b.reshape(result, with_ones(without(x->shape(), axes), axes)) : result;
}

Value* dim_scalar(Builder& b, const Dim& dim, DType type) {
  if (dim.is_constant()) return b.constant(Tensor::scalar_int(type, dim.constant()));
  return b.cast(b.reshape(b.dims({dim}), {}), type);
}

Value* count_as(Builder& b, const Shape& shape, const std::vector<int64_t>& axes, DType type) {
  Dim count(1);
  for (const int64_t axis : axes) count = count * shape[static_cast<size_t>(axis)];
  return dim_scalar(b, count, type);
}

Value* mean_keeping(Builder& b, Value* x, const std::vector<int64_t>& axes) {
  return b.div(reduce(b, ReduceKind::Sum, x, axes, true), count_as(b, x->shape(), axes, x->dtype()));
}

Value* softmax(Builder& b, Value* x, const std::vector<int64_t>& axes, bool log) {
  Value* shifted = b.sub(x, reduce(b, ReduceKind::Max, x, axes, true));
  Value* exponentials = b.exp(shifted);
  Value* sum = reduce(b, ReduceKind::Sum, exponentials, axes, true);
  return log ? b.sub(shifted, b.log(sum)) : b.div(exponentials, sum);
}

std::vector<int64_t> axis_range(int64_t first, int64_t last) {
  std::vector<int64_t> axes(static_cast<size_t>(std::max<int64_t>(0, last - first)));
  std::iota(axes.begin(), axes.end(), first);
  return axes;
}

Value* along_axis(Builder& b, Value* parameter, int64_t axis, int64_t rank) {
  Shape shape(static_cast<size_t>(rank - axis), Dim(1));
  shape[0] = parameter->shape().at(0);
  return b.reshape(parameter, std::move(shape));
}

Value* as_scalar(Node& node, Value* value, std::string_view role) {
  for (const Dim& dim : value->shape())
    if (!(dim == Dim(1))) node.bad("{} is {}, expected one element", role, value->type().str());
  return node.builder().reshape(value, {});
}

Value* reverse_axis(Builder& b, Value* x, int64_t axis) {
  Shape starts(x->shape().size(), Dim(0));
  std::vector<int64_t> steps(x->shape().size(), 1);
  starts[static_cast<size_t>(axis)] = x->shape()[static_cast<size_t>(axis)] - Dim(1);
  steps[static_cast<size_t>(axis)] = -1;
  return b.slice(x, std::move(starts), x->shape(), std::move(steps));
}

Value* move_channels(Builder& b, Value* x, bool to_front) {
  std::vector<int64_t> perm = axis_range(0, x->rank());
  perm.erase(perm.begin() + (to_front ? x->rank() - 1 : 1));
  perm.insert(to_front ? perm.begin() + 1 : perm.end(), to_front ? x->rank() - 1 : 1);
  return b.transpose(x, perm);
}

Value* elementwise(Node& node, Opcode code, Value* a, Value* b) {
  node.broadcast(a->shape(), b->shape());  // for an error that names the dims
  if (a->dtype() != b->dtype()) node.bad("got {} and {}, expected one element type", a->type().str(), b->type().str());
  return node.builder().emit(code, {a, b});
}

}  // namespace seqc::frontend
