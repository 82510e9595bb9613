// GridSample and AffineGrid: images sampled at positions that are known at run time.
#include <algorithm>

#include "frontend/onnx/ops_resample.h"
#include "frontend/onnx/sample.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {

namespace {

Sampler read_sampler(Node& node) {
  Sampler sampler;
  const bool first = node.opset() < 20;  // names that say two dims
  const std::string mode = node.text("mode", first ? "bilinear" : "linear");
  if (mode == "nearest")
    sampler.mode = SampleMode::Nearest;
  else if (mode == (first ? "bilinear" : "linear"))
    sampler.mode = SampleMode::Linear;
  else if (mode == (first ? "bicubic" : "cubic"))
    sampler.mode = SampleMode::Cubic;
  else
    node.unsupported("attribute mode is \"{}\", which opset {} does not know", mode, node.opset());
  const std::string padding = node.text("padding_mode", "zeros");
  if (padding == "border")
    sampler.padding = SamplePadding::Border;
  else if (padding == "reflection")
    sampler.padding = SamplePadding::Reflection;
  else if (padding != "zeros")
    node.unsupported("attribute padding_mode is \"{}\", expected zeros, border or reflection", padding);
  sampler.align_corners = node.integer("align_corners", 0) != 0;
  return sampler;
}

/// Normalised coordinates, -1 to 1 over `size` elements, as positions in elements.
Value* position(Builder& b, const Sampler& sampler, Value* coordinate, const Dim& size) {
  Value* count = dim_scalar(b, size, coordinate->dtype());
  Value* one = b.scalar_like(coordinate, 1);
  if (sampler.align_corners) return b.mul(b.mul(b.add(coordinate, 1), 0.5), b.sub(count, one));
  return b.mul(b.sub(b.mul(b.add(coordinate, 1), count), one), 0.5);
}

}  // namespace

void import_grid_sample(Node& node) {
  Builder& b = node.builder();
  Value *x = node.input(0, "X"), *grid = node.input(1, "grid");
  const Sampler sampler = read_sampler(node);
  const int64_t dims = x->rank() - 2;
  if (dims < 1 || (node.opset() < 20 && dims != 2))
    node.bad("X is {}, expected {}", x->type().str(), node.opset() < 20 ? "[N, C, H, W]" : "[N, C, D1, ...]");
  if (dims > 4) node.unsupported("{} spatial dims are not supported, only up to 4", dims);
  node.require_rank(grid, x->rank(), "grid");
  node.require_equal(grid->shape()[0], x->shape()[0], "dim 0 of grid");
  node.require_equal(grid->shape().back(), Dim(dims), "the last dim of grid");
  if (!ir::is_float(grid->dtype())) node.bad("grid is {}, expected floats", grid->type().str());
  // Positions and weights in f32 at least: 16 bits do not tell the elements of a larger image apart.
  const DType type = x->dtype();
  const bool wide =
      type == DType::f64 || grid->dtype() == DType::f64 || (ir::is_integer(type) && ir::size_of(type) > 2);
  const DType work = wide ? DType::f64 : DType::f32;
  grid = b.cast(grid, work);
  std::vector<Value*> positions;
  for (int64_t d = 0; d < dims; ++d) {  // coordinates are listed from the innermost dim to the outermost
    Value* coordinate = b.select_axis(grid, grid->rank() - 1, Dim(dims - 1 - d));
    positions.push_back(position(b, sampler, coordinate, x->shape()[static_cast<size_t>(d) + 2]));
  }
  const bool weighted = sampler.mode != SampleMode::Nearest;
  Value* y = sample_image(b, weighted ? b.cast(x, work) : x, sample_taps(b, sampler, positions, x->shape()), 1,
                          ir::ReduceKind::Sum);
  node.set_output(0, b.cast(y, type));  // integers are cut off, as the specification says
}

// theta applied to positions evenly spaced over -1 to 1: between the centres of the corner pixels, or between their
// outer edges.
void import_affine_grid(Node& node) {
  Builder& b = node.builder();
  Value* theta = node.input(0, "theta");
  const Shape size = required_shape(node, 1, "size");
  const bool align_corners = node.integer("align_corners", 0) != 0;
  const auto dims = static_cast<int64_t>(size.size()) - 2;
  if (dims != 2 && dims != 3) node.bad("size holds {} numbers, expected 4 or 5", size.size());
  for (const Dim& dim : size)
    if (dim.is_constant() && dim.constant() < 0) node.bad("size holds {}, expected no negative number", dim.str());
  if (!ir::is_float(theta->dtype())) node.bad("theta is {}, expected floats", theta->type().str());
  const DType type = theta->dtype(), work = type == DType::f64 ? type : DType::f32;
  node.require_rank(theta, 3, "theta");
  const Dim expected[] = {size[0], Dim(dims), Dim(dims + 1)};
  for (size_t i = 0; i < 3; ++i) node.require_equal(theta->shape()[i], expected[i], fmt::format("dim {} of theta", i));
  theta = b.cast(theta, work);
  const auto column = [&](int64_t j) {  // [N, 1..., dims]
    Shape shape(static_cast<size_t>(dims) + 2, Dim(1));
    shape[0] = size[0];
    shape.back() = Dim(dims);
    return b.reshape(b.select_axis(theta, 2, Dim(j)), shape);
  };
  Value* grid = column(dims);  // the translation
  for (int64_t j = 0; j < dims; ++j) {
    const Dim& count = size[static_cast<size_t>(size.size() - 1) - static_cast<size_t>(j)];  // x is the innermost dim
    Value *i = b.iota(count, work), *n = dim_scalar(b, count, work);
    Value* twice = b.mul(i, 2);
    Value* at = nullptr;
    if (align_corners) {  // a single pixel lies at -1
      at = b.sub(b.div(twice, b.max(b.sub(n, b.scalar(work, 1)), b.scalar(work, 1))), b.scalar(work, 1));
    } else {
      at = b.sub(b.div(b.add(twice, 1), n), b.scalar(work, 1));
    }
    Value* placed = along_axis(b, at, dims - j, dims + 2);  // behind [N], before [dims]
    grid = b.add(grid, b.mul(column(j), placed));
  }
  Shape shape = {size[0]};
  shape.insert(shape.end(), size.begin() + 2, size.end());
  shape.emplace_back(dims);
  node.set_output(0, b.cast(b.broadcast(grid, shape), type));
}

}  // namespace seqc::frontend
