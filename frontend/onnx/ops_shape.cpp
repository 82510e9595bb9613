// Operators that change a shape and move nothing, and those that repeat elements.
#include <cmath>

#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

void import_reshape(Node& node) {
  Value* x = node.input(0, "data");
  node.set_output(0, node.builder().reshape(x, reshape_target(node, x->type())));
}

void import_flatten(Node& node) {
  Value* x = node.input(0, "input");
  const int64_t given = node.integer("axis", 1);
  const int64_t axis = given == x->rank() ? given : node.axis(given, x->rank());
  const Shape& shape = x->shape();
  const Dim rows = element_count(Shape(shape.begin(), shape.begin() + axis));
  const Dim columns = element_count(Shape(shape.begin() + axis, shape.end()));
  node.set_output(0, node.builder().reshape(x, {rows, columns}));
}

void import_squeeze(Node& node) {
  Value* x = node.input(0, "data");
  auto axes = read_axes(node, 13, 1, x->rank());
  if (!axes) {
    axes.emplace();
    for (int64_t i = 0; i < x->rank(); ++i) {
      const Dim& dim = x->shape()[i];
      if (dim.has_symbols())
        node.needs_dims(symbols(dim), fmt::format("without axes it removes dims of size 1 from {}", x->type().str()));
      if (dim == Dim(1)) axes->push_back(i);
    }
  }
  for (const int64_t axis : *axes)
    node.require_equal(x->shape()[axis], Dim(1), fmt::format("dim {} of {}", axis, x->type().str()));
  node.set_output(0, node.builder().reshape(x, without(x->shape(), *axes)));
}

void import_unsqueeze(Node& node) {
  Value* x = node.input(0, "data");
  const auto given = read_integers(node, "axes", 13, 1);
  if (!given) node.bad("axes are missing");
  const auto axes = read_axes(node, 13, 1, x->rank() + static_cast<int64_t>(given->size()));
  node.set_output(0, node.builder().reshape(x, with_ones(x->shape(), *axes)));
}

void import_expand(Node& node) {
  Value* x = node.input(0, "input");
  const Shape target = required_shape(node, 1, "shape");
  for (const Dim& dim : target)
    if (dim.is_constant() && dim.constant() < 0) node.bad("shape {} holds a negative dim", str(target));
  node.set_output(0, node.builder().broadcast(x, node.broadcast(x->shape(), target)));
}

/// One number a dim; before opset 6 a number and the axis that it belongs to.
Shape tile_repeats(Node& node, const Value* x) {
  if (node.opset() >= 6) return required_shape(node, 1, "repeats");
  const auto number = [&](size_t i, const char* role) {
    const Tensor tensor = node.required_tensor(i, role);
    if (tensor.count() != 1 || !(std::fabs(tensor.real(0)) < 1e12))
      node.bad("{} is {}, expected one number", role, tensor.type_str());
    return static_cast<int64_t>(tensor.real(0));
  };
  const int64_t tiles = number(1, "tiles"), axis = node.axis(number(2, "axis"), x->rank());
  Shape repeats(x->shape().size(), Dim(1));
  repeats[static_cast<size_t>(axis)] = Dim(tiles);
  return repeats;
}

/// Each repeated dim gets a neighbour of that size, over which x is broadcast.
void import_tile(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "input");
  const Shape repeats = tile_repeats(node, x);
  if (repeats.size() != x->shape().size())
    node.bad("repeats holds {} numbers, expected {} for {}", repeats.size(), x->rank(), x->type().str());
  Shape spread, repeated, result;
  Dim count(1);
  for (size_t i = 0; i < repeats.size(); ++i) {
    if (repeats[i].is_constant() && repeats[i].constant() < 0) node.bad("repeats holds {}", repeats[i].str());
    if (!(repeats[i] == Dim(1))) {
      spread.emplace_back(1);
      repeated.push_back(repeats[i]);
    }
    spread.push_back(x->shape()[i]);
    repeated.push_back(x->shape()[i]);
    result.push_back(times(node, repeats[i], x->shape()[i]));
    count = times(node, count, result.back());
  }
  node.set_output(0, b.reshape(b.broadcast(b.reshape(x, spread), repeated), result));
}

constexpr OperatorEntry kOperators[] = {
    {"Expand", import_expand},   {"Flatten", import_flatten}, {"Reshape", import_reshape},
    {"Squeeze", import_squeeze}, {"Tile", import_tile},       {"Unsqueeze", import_unsqueeze},
};

}  // namespace

std::span<const OperatorEntry> shape_operators() { return kOperators; }

}  // namespace seqc::frontend
