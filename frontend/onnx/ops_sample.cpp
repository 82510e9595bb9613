// GridSample and AffineGrid: images sampled at positions that are known at run time.
#include <algorithm>

#include "frontend/onnx/ops_resample.h"
#include "frontend/onnx/sample.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {

Value* sample_image(Builder& b, Value* x, const SampleTaps& taps, int64_t batch_axis, ir::ReduceKind kind) {
  const Shape& shape = x->shape();
  const Dim pixels = ir::element_count(Shape(shape.begin() + 2, shape.end()));
  // [C, N * pixels]: channels outside, so that one index serves all of them.
  Value* flat = b.transpose(b.reshape(x, {shape[0], shape[1], pixels}), {1, 0, 2});
  flat = b.reshape(flat, {shape[1], shape[0] * pixels});
  Value* values = b.emit(Opcode::Gather, {flat, taps.index}, ir::AxisAttr{1});
  if (taps.inside) values = b.select(taps.inside, values, b.scalar_like(values, 0));
  const auto axes = axis_range(1, 1 + taps.axes);
  // Without weights there is one tap. The result is [C, batch, points...].
  Value* y = taps.weight ? b.reduce(kind, b.mul(values, taps.weight), axes)
                         : b.reshape(values, without(values->shape(), axes));
  std::vector<int64_t> perm = axis_range(0, y->rank());
  std::swap(perm[0], perm[static_cast<size_t>(batch_axis)]);
  return b.transpose(y, perm);
}

namespace {

enum class SampleMode { Nearest, Linear, Cubic };
enum class Padding { Zeros, Border, Reflection };

struct Sampler {
  SampleMode mode = SampleMode::Linear;
  Padding padding = Padding::Zeros;
  bool align_corners = false;

  int64_t taps() const { return mode == SampleMode::Nearest ? 1 : mode == SampleMode::Linear ? 2 : 4; }
};

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
    sampler.padding = Padding::Border;
  else if (padding == "reflection")
    sampler.padding = Padding::Reflection;
  else if (padding != "zeros")
    node.unsupported("attribute padding_mode is \"{}\", expected zeros, border or reflection", padding);
  sampler.align_corners = node.integer("align_corners", 0) != 0;
  return sampler;
}

/// What one spatial dim adds: its taps stand along an axis of their own.
struct AxisTaps {
  Value* index;   ///< i64, within the dim
  Value* inside;  ///< bool, or null
  Value* weight;  ///< or null
};

class GridAxis {
 public:
  /// `grid` holds normalised coordinates, -1 to 1 over `size` elements.
  GridAxis(Builder& b, const Sampler& sampler, Value* grid, const Dim& size) : b_(b), sampler_(sampler), grid_(grid) {
    size_ = dim_scalar(b, size, grid->dtype());
    last_ = b.sub(size_, real(1));
    low_ = real(sampler.align_corners ? 0 : -0.5);
    high_ = sampler.align_corners ? last_ : b.sub(size_, real(0.5));
  }

  /// `taps_shape` gives the taps their axis: [.., taps, .., 1, 1...].
  AxisTaps taps(const Shape& taps_shape) {
    Value* x = position();
    if (sampler_.mode == SampleMode::Nearest) x = b_.emit(Opcode::Round, {x});
    Value* out = b_.emit(Opcode::Or, {b_.lt(x, low_), b_.gt(x, high_)});
    if (sampler_.padding == Padding::Border) x = b_.select(out, clamp(x, real(0), last_), x);
    if (sampler_.padding == Padding::Reflection) x = b_.select(out, reflect(x), x);
    if (sampler_.mode == SampleMode::Nearest) return place(x, nullptr);
    Value* base = b_.emit(Opcode::Floor, {x});
    const double first = sampler_.mode == SampleMode::Linear ? 0 : -1;
    Value* offset = b_.add(b_.reshape(b_.iota(Dim(sampler_.taps()), x->dtype()), taps_shape), first);
    return place(b_.add(base, offset), weight(b_.abs(b_.sub(b_.sub(x, base), offset))));
  }

 private:
  Value* real(double value) { return b_.scalar_like(grid_, value); }
  Value* clamp(Value* x, Value* low, Value* high) { return b_.max(b_.min(x, high), low); }

  Value* position() {
    if (sampler_.align_corners) return b_.mul(b_.mul(b_.add(grid_, 1), 0.5), last_);
    return b_.mul(b_.sub(b_.mul(b_.add(grid_, 1), size_), real(1)), 0.5);
  }

  /// A triangular wave between low and high.
  Value* reflect(Value* x) {
    Value* range = b_.sub(high_, low_);
    Value* period = b_.max(b_.mul(range, 2), real(1));  // 0 for a single element
    Value* d = b_.sub(x, low_);
    Value* r = b_.sub(d, b_.mul(period, b_.emit(Opcode::Floor, {b_.div(d, period)})));
    return clamp(b_.add(b_.min(r, b_.sub(period, r)), low_), low_, high_);
  }

  // Linear: 1 - d. Cubic: Keys' convolution with a = -0.75, as PyTorch has it.
  Value* weight(Value* d) {
    if (sampler_.mode == SampleMode::Linear) return b_.sub(real(1), d);
    const double a = -0.75;
    Value* near = b_.add(b_.mul(b_.mul(b_.sub(b_.mul(d, a + 2), real(a + 3)), d), d), 1);
    Value* far = b_.sub(b_.mul(b_.add(b_.mul(b_.sub(b_.mul(d, a), real(5 * a)), d), 8 * a), d), real(4 * a));
    return b_.select(b_.le(d, real(1)), near, far);
  }

  /// Whole positions as indices; those outside are dropped, or taken from the border or from where they reflect to.
  AxisTaps place(Value* i, Value* weight) {
    Value* inside = nullptr;
    if (sampler_.padding == Padding::Zeros) inside = b_.emit(Opcode::And, {b_.ge(i, real(0)), b_.le(i, last_)});
    if (sampler_.padding == Padding::Reflection) i = reflect(i);
    return {b_.cast(clamp(i, real(0), last_), DType::i64), inside, weight};
  }

  Builder& b_;
  const Sampler& sampler_;
  Value *grid_, *size_, *last_, *low_, *high_;
};

/// The taps of all spatial dims together, [taps of each dim..., N, points...].
SampleTaps grid_taps(Builder& b, const Sampler& sampler, Value* grid, const Shape& image) {
  const auto dims = static_cast<int64_t>(image.size()) - 2;
  const Shape points(grid->shape().begin(), grid->shape().end() - 1);
  SampleTaps taps{.index = nullptr, .inside = nullptr, .weight = nullptr, .axes = dims};
  const auto combine = [&](Opcode code, Value*& into, Value* part) {
    if (part) into = into ? b.emit(code, {into, part}) : part;
  };
  for (int64_t d = 0; d < dims; ++d) {
    // Coordinates are listed from the innermost dim to the outermost.
    Value* coordinate = b.select_axis(grid, grid->rank() - 1, Dim(dims - 1 - d));
    Shape shape(static_cast<size_t>(dims) + points.size(), Dim(1));
    std::copy(points.begin(), points.end(), shape.begin() + dims);
    coordinate = b.reshape(coordinate, shape);
    Shape taps_shape(shape.size(), Dim(1));
    taps_shape[static_cast<size_t>(d)] = Dim(sampler.taps());
    const Dim& size = image[static_cast<size_t>(d) + 2];
    const AxisTaps axis = GridAxis(b, sampler, coordinate, size).taps(taps_shape);
    if (taps.index) taps.index = b.mul(taps.index, dim_scalar(b, size, DType::i64));
    combine(Opcode::Add, taps.index, axis.index);
    combine(Opcode::And, taps.inside, axis.inside);
    combine(Opcode::Mul, taps.weight, axis.weight);
  }
  const Dim pixels = ir::element_count(Shape(image.begin() + 2, image.end()));
  Value* image_start = b.mul(b.iota(image[0]), dim_scalar(b, pixels, DType::i64));
  taps.index = b.add(taps.index, along_axis(b, image_start, dims, taps.index->rank()));
  return taps;
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
  const bool weighted = sampler.mode != SampleMode::Nearest;
  Value* y =
      sample_image(b, weighted ? b.cast(x, work) : x, grid_taps(b, sampler, grid, x->shape()), 1, ir::ReduceKind::Sum);
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
