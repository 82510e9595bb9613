// Pools over regions of interest: RoiAlign samples them, MaxRoiPool takes whole elements.
#include <algorithm>
#include <limits>

#include "frontend/onnx/graph.h"
#include "frontend/onnx/ops_resample.h"
#include "frontend/onnx/sample.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// Checks rois [R, columns] against X [N, C, H, W].
void require_rois(Node& node, const Value* x, const Value* rois, int64_t columns) {
  node.require_rank(x, 4, "X");
  node.require_rank(rois, 2, "rois");
  node.require_equal(rois->shape()[1], Dim(columns), "dim 1 of rois");
  if (!ir::is_float(x->dtype()) || rois->dtype() != x->dtype())
    node.bad("X is {} and rois {}, expected floats of one type", x->type().str(), rois->type().str());
}

int64_t positive(Node& node, const char* name, int64_t otherwise) {
  const int64_t value = node.integer(name, otherwise);
  if (value < 1 || value > INT32_MAX) node.bad("attribute {} is {}, expected 1 or more", name, value);
  return value;
}

struct RoiAlign {
  bool half_pixel = false;  ///< regions are moved by half a pixel, and may be smaller than one
  double spatial_scale = 1;
  int64_t sampling_ratio = 0;
};

/// Regions along one spatial dim; `first` is the column of their start in rois.
class RoiAxis {
 public:
  RoiAxis(Builder& b, const RoiAlign& align, Value* rois, int64_t first, const Dim& size, int64_t bins)
      : size_(dim_scalar(b, size, rois->dtype())), bins_(bins) {
    const auto bound = [&](int64_t column) {
      Value* scaled = b.mul(b.select_axis(rois, 1, Dim(column)), align.spatial_scale);
      return align.half_pixel ? b.sub(scaled, b.scalar_like(rois, 0.5)) : scaled;
    };
    start_ = bound(first);
    Value* extent = b.sub(bound(first + 2), start_);
    if (!align.half_pixel) extent = b.max(extent, b.scalar_like(rois, 1));
    bin_ = b.div(extent, b.scalar_like(rois, static_cast<double>(bins)));
    samples_ = align.sampling_ratio > 0
                   ? b.broadcast(b.scalar_like(rois, static_cast<double>(align.sampling_ratio)), bin_->shape())
                   : b.emit(Opcode::Ceil, {bin_});
  }

  /// Samples in each bin of each region, [R].
  Value* samples() const { return samples_; }

  struct Taps {
    Value *index, *weight;  ///< [2 * S, R, bins]: the two neighbours of each sample
  };
  /// Of the samples with these numbers, [S]. Positions beyond one element outside count as 0, those nearer as the border.
  /// Regions without such a sample repeat their last one, or have weights of 0 for it.
  Taps taps(Builder& b, Value* numbers, bool repeat_last) const {
    const Dim regions = bin_->shape()[0];
    const auto real = [&](double value) { return b.scalar_like(bin_, value); };
    const auto each_region = [&](Value* v) { return b.reshape(v, {regions, Dim(1)}); };
    Value* sample = b.reshape(numbers, {numbers->shape()[0], Dim(1), Dim(1)});
    if (repeat_last) sample = b.max(b.min(sample, b.sub(each_region(samples_), real(1))), real(0));
    Value* in_bin = b.div(b.mul(b.add(sample, 0.5), each_region(bin_)), each_region(samples_));
    Value* bin_start = b.mul(b.iota(Dim(bins_), bin_->dtype()), each_region(bin_));
    Value* x = b.add(b.add(each_region(start_), bin_start), in_bin);  // [most, R, bins]
    Value* valid = b.emit(Opcode::And, {b.ge(x, real(-1)), b.le(x, size_)});
    valid = b.emit(Opcode::And, {valid, b.lt(sample, each_region(samples_))});
    Value* last = b.sub(size_, real(1));
    x = b.max(b.min(x, last), real(0));
    Value* low = b.emit(Opcode::Floor, {x});
    Value* high = b.min(b.add(low, 1), last);
    Value* fraction = b.sub(x, low);
    const auto weight = [&](Value* w) { return b.select(valid, w, real(0)); };
    return {b.cast(b.concat({low, high}, 0), DType::i64),
            b.concat({weight(b.sub(real(1), fraction)), weight(fraction)}, 0)};
  }

 private:
  Value* size_;
  int64_t bins_;
  Value *start_ = nullptr, *bin_ = nullptr, *samples_ = nullptr;
};

constexpr int64_t kMostSamples = 4096;  // in a bin, along one dim; more say that a region is no region

/// The largest number of samples along an axis: given, or what the regions ask for; nothing if a run decides it.
std::optional<int64_t> known_samples(Node& node, const RoiAlign& align, const RoiAxis& axis) {
  if (align.sampling_ratio > 0) return align.sampling_ratio;
  const auto counts = node.graph().model().evaluate(axis.samples());
  if (!counts) return std::nullopt;
  double most = 1;
  for (int64_t i = 0; i < counts->count(); ++i) most = std::max(most, counts->real(i));
  if (!(most <= kMostSamples)) node.bad("a region takes {} samples in a bin", most);
  return static_cast<int64_t>(most);
}

/// The same at run time.
Value* most_samples(Builder& b, const RoiAxis& axis) {
  Value* most = b.reduce(ir::ReduceKind::Max, axis.samples(), {0});
  most = b.min(b.max(most, b.scalar_like(most, 0)), b.scalar_like(most, kMostSamples));
  return b.cast(most, DType::i64);
}

/// What all regions have in common; rows and columns of samples are pooled together.
struct RoiPool {
  Value *x, *batch;
  RoiAxis rows, columns;
  int64_t height, width;
  bool average;

  /// Sums (or takes the largest) of samples with these numbers, [R,C,height,width].
  Value* pool(Builder& b, Value* row_numbers, Value* column_numbers) const {
    const Shape& image = x->shape();
    const auto down = rows.taps(b, row_numbers, !average), across = columns.taps(b, column_numbers, !average);
    const Dim regions = batch->shape()[0], vertical = down.index->shape()[0], horizontal = across.index->shape()[0];
    const Shape of_rows = {vertical, Dim(1), regions, Dim(height), Dim(1)},
                of_columns = {horizontal, regions, Dim(1), Dim(width)};
    Value* start = b.mul(b.cast(batch, DType::i64), dim_scalar(b, image[2], DType::i64));
    Value* row = b.add(b.reshape(down.index, of_rows), b.reshape(start, {regions, Dim(1), Dim(1)}));
    Value* index = b.add(b.mul(row, dim_scalar(b, image[3], DType::i64)), b.reshape(across.index, of_columns));
    Value* weight = b.mul(b.reshape(down.weight, of_rows), b.reshape(across.weight, of_columns));
    const SampleTaps taps{.index = index, .inside = nullptr, .weight = weight, .axes = 2};
    return sample_image(b, x, taps, 1, average ? ir::ReduceKind::Sum : ir::ReduceKind::Max);
  }

  /// All samples, one after the other: as many as the region with most of them has.
  Value* pool_adaptively(Builder& b) const {
    Value *down = most_samples(b, rows), *across = most_samples(b, columns);
    Value* trips = b.mul(down, across);
    const Shape shape = {batch->shape()[0], x->shape()[1], Dim(height), Dim(width)};
    const double neutral = average ? 0 : -std::numeric_limits<double>::infinity();
    Value* initial = b.broadcast(b.scalar_like(x, neutral), shape);
    const auto body = [&](Builder& in, const std::vector<Value*>& arguments) -> std::vector<Value*> {
      Value* row = in.div(arguments[0], across);
      Value* column = in.sub(arguments[0], in.mul(row, across));
      const auto number = [&](Value* v) { return in.reshape(in.cast(v, x->dtype()), {Dim(1)}); };
      Value* here = pool(in, number(row), number(column));
      Value* all = average ? in.add(arguments[1], here) : in.max(arguments[1], here);
      return {in.constant(Tensor::scalar_int(DType::boolean, 1)), all};
    };
    Value* y = b.loop(trips, b.constant(Tensor::scalar_int(DType::boolean, 1)), {initial}, body)->result(0);
    return b.select(b.emit(Opcode::Gt, {trips, b.constant(Tensor::scalar_int(DType::i64, 0))}), y, b.scalar_like(y, 0));
  }
};

}  // namespace

/// Each bin is the mean of bilinear samples. "max" takes the largest of the weighted neighbours of all samples: that is
/// what ONNX's backend suite and other runtimes do, though one might expect the largest sample.
void import_roi_align(Node& node) {
  Builder& b = node.builder();
  Value *x = node.input(0, "X"), *rois = node.input(1, "rois"), *batch = node.input(2, "batch_indices");
  require_rois(node, x, rois, 4);
  node.require_rank(batch, 1, "batch_indices");
  node.require_equal(batch->shape()[0], rois->shape()[0], "the length of batch_indices");
  RoiAlign align;
  if (node.opset() >= 16) {
    const std::string mode = node.text("coordinate_transformation_mode", "half_pixel");
    if (mode != "half_pixel" && mode != "output_half_pixel")
      node.unsupported("attribute coordinate_transformation_mode is \"{}\"", mode);
    align.half_pixel = mode == "half_pixel";
  }
  align.spatial_scale = node.real("spatial_scale", 1);
  align.sampling_ratio = node.integer("sampling_ratio", 0);
  if (align.sampling_ratio < 0 || align.sampling_ratio > kMostSamples)
    node.bad("attribute sampling_ratio is {}", align.sampling_ratio);
  const std::string mode = node.text("mode", "avg");
  if (mode != "avg" && mode != "max") node.unsupported("attribute mode is \"{}\", expected avg or max", mode);
  const int64_t height = positive(node, "output_height", 1), width = positive(node, "output_width", 1);
  const DType type = x->dtype(), work = type == DType::f64 ? type : DType::f32;
  x = b.cast(x, work);
  rois = b.cast(rois, work);

  const Shape& image = x->shape();
  const RoiPool pool{.x = x,
                     .batch = batch,
                     .rows = RoiAxis(b, align, rois, 1, image[2], height),
                     .columns = RoiAxis(b, align, rois, 0, image[3], width),
                     .height = height,
                     .width = width,
                     .average = mode == "avg"};
  const auto down = known_samples(node, align, pool.rows), across = known_samples(node, align, pool.columns);
  Value* y =
      down && across ? pool.pool(b, b.iota(Dim(*down), work), b.iota(Dim(*across), work)) : pool.pool_adaptively(b);
  if (pool.average) {
    Value* count = b.max(b.mul(pool.rows.samples(), pool.columns.samples()), b.scalar(work, 1));
    y = b.div(y, b.reshape(count, {rois->shape()[0], Dim(1), Dim(1), Dim(1)}));
  }
  node.set_output(0, b.cast(y, type));
}

namespace {

/// Which elements lie in each bin along one spatial dim, bool[R, bins, size]: those from floor(bin * width) up to
/// ceil((bin + 1) * width) of a region that spans whole elements, both ends included.
Value* elements_in_bins(Builder& b, Value* rois, int64_t first, double scale, const Dim& size, int64_t bins) {
  const Dim regions = rois->shape()[0];
  const auto real = [&](double value) { return b.scalar_like(rois, value); };
  const auto floor = [&](Value* v) { return b.emit(Opcode::Floor, {v}); };
  const auto bound = [&](int64_t column) {  // rounded, halves away from 0
    Value* v = b.mul(b.select_axis(rois, 1, Dim(column)), scale);
    Value* rounded = b.mul(b.emit(Opcode::Sign, {v}), floor(b.add(b.abs(v), 0.5)));
    return b.reshape(rounded, {regions, Dim(1)});
  };
  Value* start = bound(first);
  Value* extent = b.max(b.add(b.sub(bound(first + 2), start), 1), real(1));
  Value* width = b.div(extent, real(static_cast<double>(bins)));
  Value* bin = b.iota(Dim(bins), rois->dtype());
  const Shape shape = {regions, Dim(bins), Dim(1)};
  Value* from = b.reshape(b.add(start, floor(b.mul(bin, width))), shape);
  Value* to = b.reshape(b.add(start, b.emit(Opcode::Ceil, {b.mul(b.add(bin, 1), width)})), shape);
  Value* at = b.iota(size, rois->dtype());
  return b.emit(Opcode::And, {b.ge(at, from), b.lt(at, to)});
}

Value* any(Builder& b, Value* mask) {  // over the last dim
  return b.cast(b.reduce(ir::ReduceKind::Max, b.cast(mask, DType::u8), {mask->rank() - 1}), DType::boolean);
}

}  // namespace

void import_max_roi_pool(Node& node) {
  Builder& b = node.builder();
  Value *x = node.input(0, "X"), *rois = node.input(1, "rois");
  require_rois(node, x, rois, 5);
  const std::vector<int64_t> pooled = node.integers("pooled_shape");
  if (pooled.size() != 2 || pooled[0] < 1 || pooled[1] < 1) node.bad("pooled_shape must be two positive integers");
  const double scale = node.real("spatial_scale", 1);
  const DType type = x->dtype(), work = type == DType::f64 ? type : DType::f32;
  rois = b.cast(rois, work);
  const Dim regions = rois->shape()[0], channels = x->shape()[1], height = x->shape()[2], width = x->shape()[3];
  const Dim one(1), high(pooled[0]), wide(pooled[1]);
  Value* rows = elements_in_bins(b, rois, 2, scale, height, pooled[0]);
  Value* columns = elements_in_bins(b, rois, 1, scale, width, pooled[1]);
  Value* batch = b.cast(b.select_axis(rois, 1, Dim(0)), DType::i64);
  Value* images = b.emit(Opcode::Gather, {x, batch}, ir::AxisAttr{0});  // [R, C, H, W]
  Value* lowest = b.scalar_like(x, -std::numeric_limits<double>::infinity());
  const auto largest = [&](Value* mask, Value* values, int64_t axis) {
    return b.reduce(ir::ReduceKind::Max, b.select(mask, values, lowest), {axis});
  };
  Value* y = largest(b.reshape(rows, {regions, one, high, height, one}),
                     b.reshape(images, {regions, channels, one, height, width}), 3);
  y = largest(b.reshape(columns, {regions, one, one, wide, width}), b.reshape(y, {regions, channels, high, one, width}),
              4);
  // Bins without elements are 0.
  Value* filled = b.emit(Opcode::And, {b.reshape(any(b, rows), {regions, one, high, one}),
                                       b.reshape(any(b, columns), {regions, one, one, wide})});
  node.set_output(0, b.select(filled, y, b.scalar_like(y, 0)));
}

}  // namespace seqc::frontend
