// Taps of positions between elements, and the sums over them.
#include "frontend/onnx/sample.h"

#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// What one spatial dim adds: its taps stand along an axis of their own.
struct AxisTaps {
  Value* index;   ///< i64, within the dim
  Value* inside;  ///< bool, or null
  Value* weight;  ///< or null
};

class TapsOfAxis {
 public:
  TapsOfAxis(Builder& b, const Sampler& sampler, Value* position, const Dim& size)
      : b_(b), sampler_(sampler), position_(position) {
    Value* count = dim_scalar(b, size, position->dtype());
    last_ = b.sub(count, real(1));
    low_ = real(sampler.align_corners ? 0 : -0.5);
    high_ = sampler.align_corners ? last_ : b.sub(count, real(0.5));
  }

  /// `taps_shape` gives the taps their axis: [.., taps, .., 1, 1...].
  AxisTaps taps(const Shape& taps_shape) {
    Value* x = position_;
    if (sampler_.mode == SampleMode::Nearest) x = b_.emit(Opcode::Round, {x});
    Value* out = b_.emit(Opcode::Or, {b_.lt(x, low_), b_.gt(x, high_)});
    if (sampler_.padding == SamplePadding::Border) x = b_.select(out, clamp(x, real(0), last_), x);
    if (sampler_.padding == SamplePadding::Reflection) x = b_.select(out, reflect(x), x);
    if (sampler_.mode == SampleMode::Nearest) return place(x, nullptr);
    Value* base = b_.emit(Opcode::Floor, {x});
    const double first = sampler_.mode == SampleMode::Linear ? 0 : -1;
    Value* offset = b_.add(b_.reshape(b_.iota(Dim(sampler_.taps()), x->dtype()), taps_shape), first);
    return place(b_.add(base, offset), weight(b_.abs(b_.sub(b_.sub(x, base), offset))));
  }

 private:
  Value* real(double value) { return b_.scalar_like(position_, value); }
  Value* clamp(Value* x, Value* low, Value* high) { return b_.max(b_.min(x, high), low); }

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
    if (sampler_.padding == SamplePadding::Zeros) inside = b_.emit(Opcode::And, {b_.ge(i, real(0)), b_.le(i, last_)});
    if (sampler_.padding == SamplePadding::Reflection) i = reflect(i);
    return {b_.cast(clamp(i, real(0), last_), DType::i64), inside, weight};
  }

  Builder& b_;
  const Sampler& sampler_;
  Value *position_, *last_, *low_, *high_;
};

}  // namespace

SampleTaps sample_taps(Builder& b, const Sampler& sampler, const std::vector<Value*>& positions, const Shape& image) {
  const auto dims = static_cast<int64_t>(positions.size());
  const Shape points = positions[0]->shape();
  SampleTaps taps{.index = nullptr, .inside = nullptr, .weight = nullptr, .axes = dims};
  const auto combine = [&](Opcode code, Value*& into, Value* part) {
    if (part) into = into ? b.emit(code, {into, part}) : part;
  };
  for (int64_t d = 0; d < dims; ++d) {
    Shape shape(static_cast<size_t>(dims), Dim(1));
    shape.insert(shape.end(), points.begin(), points.end());
    Shape taps_shape(shape.size(), Dim(1));
    taps_shape[static_cast<size_t>(d)] = Dim(sampler.taps());
    const Dim& size = image[static_cast<size_t>(d) + 2];
    Value* position = b.reshape(positions[static_cast<size_t>(d)], shape);
    const AxisTaps axis = TapsOfAxis(b, sampler, position, size).taps(taps_shape);
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

}  // namespace seqc::frontend
