// GridSample, AffineGrid, RoiAlign and MaxRoiPool against plain loops in f64.
#include <algorithm>

#include "tests/frontend/node_case.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Ints = std::vector<int64_t>;

Tensor random_reals(DType type, Ints shape, double low, double high, Random& random) {
  Tensor tensor(type, std::move(shape));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, random.uniform(low, high));
  return tensor;
}

struct GridCase {
  std::string mode, padding;
  bool align = false;
};

double reflected(double x, double low, double high) {
  if (high <= low) return low;
  while (x < low || x > high) x = x < low ? 2 * low - x : 2 * high - x;
  return x;
}

double grid_weight(const std::string& mode, double d) {
  d = std::fabs(d);
  if (mode.ends_with("linear")) return std::max(0.0, 1 - d);
  const double a = -0.75;
  if (d <= 1) return (a + 2) * d * d * d - (a + 3) * d * d + 1;
  return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

/// The value of one image at real positions, dims from `dim` on; `pixel` holds the whole ones chosen so far.
double sample(const GridCase& c, const Tensor& x, const std::vector<double>& at, Ints pixel) {
  const size_t dim = pixel.size();
  if (dim == x.shape().size()) return x.real(flat_index(x.shape(), pixel));
  const auto size = static_cast<double>(x.shape()[dim]);
  const double low = c.align ? 0 : -0.5, high = c.align ? size - 1 : size - 0.5;
  double p = at[dim - 2];
  if (c.mode == "nearest") p = std::nearbyint(p);
  if (p < low || p > high) {
    if (c.padding == "border") p = std::clamp(p, 0.0, size - 1);
    if (c.padding == "reflection") p = reflected(p, low, high);
  }
  double sum = 0;
  const auto add = [&](double whole, double weight) {
    if (c.padding == "zeros" && (whole < 0 || whole >= size)) return;
    if (c.padding == "reflection") whole = reflected(whole, low, high);
    Ints next = pixel;
    next.push_back(static_cast<int64_t>(std::clamp(whole, 0.0, size - 1)));
    sum += weight * sample(c, x, at, next);
  };
  if (c.mode == "nearest") {
    add(p, 1);
    return sum;
  }
  for (double whole = std::floor(p) - 1; whole <= std::floor(p) + 2; ++whole)
    if (const double weight = grid_weight(c.mode, p - whole); weight != 0) add(whole, weight);
  return sum;
}

Tensor grid_sample(const GridCase& c, const Tensor& x, const Tensor& grid) {
  const size_t dims = x.shape().size() - 2;
  Ints shape = x.shape();
  std::copy(grid.shape().begin() + 1, grid.shape().end() - 1, shape.begin() + 2);
  Tensor y(x.dtype(), shape);
  for_each_index(shape, [&](const Ints& at) {
    std::vector<double> position;
    for (size_t d = 0; d < dims; ++d) {
      Ints from = at;
      from.erase(from.begin() + 1);
      from.push_back(static_cast<int64_t>(dims - 1 - d));
      const double g = grid.real(flat_index(grid.shape(), from)), size = static_cast<double>(x.shape()[d + 2]);
      position.push_back(c.align ? (g + 1) / 2 * (size - 1) : ((g + 1) * size - 1) / 2);
    }
    double value = sample(c, x, position, {at[0], at[1]});
    if (ir::is_integer(x.dtype())) value = std::trunc(value);
    y.set_real(flat_index(shape, at), value);
  });
  return y;
}

TEST_CASE("GridSample: every mode, padding and alignment, one to three dims") {
  uint64_t seed = 0;
  for (const char* mode : {"nearest", "linear", "cubic"})
    for (const char* padding : {"zeros", "border", "reflection"})
      for (const bool align : {false, true})
        for (const int64_t dims : {1, 2, 3}) {
          Random random(++seed);
          if (dims != 2 && align != (padding[0] == 'b')) continue;
          const GridCase c{mode, padding, align};
          CAPTURE(mode);
          CAPTURE(padding);
          CAPTURE(align);
          CAPTURE(dims);
          const int64_t batch = random.integer(1, 3), channels = random.integer(1, 3);
          Ints image = {batch, channels}, points = {batch};
          for (int64_t d = 0; d < dims; ++d) {
            image.push_back(random.integer(1, 5));
            points.push_back(random.integer(1, 4));
          }
          points.push_back(dims);
          // In f64, as a position near a border may fall on either side in f32.
          const Tensor x = random_reals(DType::f64, image, -1, 1, random);
          const Tensor grid = random_reals(DType::f64, points, -2.5, 2.5, random);
          NodeCase node{.opset = dims == 2 && seed % 2 == 0 ? 16 : 20, .op = "GridSample", .inputs = {at_run_time(x)}};
          const bool first = node.opset == 16;
          if (seed % 3 == 0) {  // named dims
            ModelShape named = {"N", "C"};
            for (int64_t d = 0; d < dims; ++d) named.emplace_back("S" + std::to_string(d));
            node.inputs = {at_run_time(x, named)};
            named = {"N"};
            for (int64_t d = 0; d < dims; ++d) named.emplace_back("P" + std::to_string(d));
            named.emplace_back(dims);
            node.inputs.push_back(at_run_time(grid, named));
          } else {
            node.inputs.push_back(at_run_time(grid));
          }
          node.attributes = [&](NodeRef& n) {
            const std::string name = !first || c.mode == "nearest" ? c.mode : "bi" + c.mode;
            n.attr("mode", name).attr("padding_mode", c.padding).attr("align_corners", c.align);
          };
          CHECK(find_difference(run_case(node)[0], grid_sample(c, x, grid), 1e-9, 1e-9) == "");
        }
}

TEST_CASE("GridSample: defaults, other types, positions between elements and far away") {
  const auto run = [](int64_t opset, const Tensor& x, const Tensor& grid, const char* mode) {
    NodeCase node{.opset = opset, .op = "GridSample", .inputs = {at_run_time(x), at_run_time(grid)}};
    if (mode) node.attributes = [=](NodeRef& n) { n.attr("mode", mode); };
    return run_case(node)[0];
  };
  Tensor x(DType::i32, {1, 1, 2, 3});
  for (int64_t i = 0; i < 6; ++i) x.set_integer(i, 10 * (i + 1));
  const Tensor grid = Tensor::f32({1, 1, 4, 2}, {0, 0, 1.0F / 3, 0.5, -9, 9, -2.0F / 3, 0});
  CHECK(find_difference(run(16, x, grid, nullptr), grid_sample({"linear", "zeros"}, x, grid), 0, 0) == "");
  CHECK(run(20, x, grid, nullptr).identical(run(16, x, grid, nullptr)));
  // halfway between rows 0 and 1, and between columns: to the even one
  CHECK(numbers(run(20, x, grid, "nearest")) == std::vector<double>{20, 60, 0, 10});
  for (const char* mode : {"bilinear", "bicubic"}) CHECK_THROWS_AS(run(20, x, grid, mode), const Error&);
  for (const char* mode : {"linear", "cubic"}) CHECK_THROWS_AS(run(16, x, grid, mode), const Error&);
  const Tensor small(DType::f16, {1, 1, 2, 3}), none(DType::f32, {1, 0, 4, 2});
  CHECK(run(16, small, grid, nullptr).dtype() == DType::f16);
  CHECK(run(16, x, none, nullptr).shape() == Ints{1, 1, 0, 4});
}

TEST_CASE("AffineGrid in two and three dims") {
  Random random(7);
  for (const int64_t dims : {2, 3})
    for (const bool align : {false, true})
      for (const DType type : {DType::f32, DType::f64}) {
        const Ints size = dims == 2 ? Ints{3, 1, 4, 5} : Ints{2, 3, 1, 3, 4};
        const Tensor theta = random_reals(type, {size[0], dims, dims + 1}, -2, 2, random);
        NodeCase node{
            .opset = 20, .op = "AffineGrid", .inputs = {at_run_time(theta), fixed(Tensor::i64({dims + 2}, size))}};
        node.attributes = [&](NodeRef& n) { n.attr("align_corners", align); };
        Ints shape = {size[0]};
        shape.insert(shape.end(), size.begin() + 2, size.end());
        shape.push_back(dims);
        Tensor want(type, shape);
        for_each_index(shape, [&](const Ints& at) {
          const int64_t row = at.back();
          double sum = theta.real(flat_index(theta.shape(), {at[0], row, dims}));
          for (int64_t j = 0; j < dims; ++j) {
            const auto i = static_cast<double>(at[static_cast<size_t>(dims - j)]);
            const auto n = static_cast<double>(shape[static_cast<size_t>(dims - j)]);
            const double place = !align ? (2 * i + 1) / n - 1 : n > 1 ? 2 * i / (n - 1) - 1 : -1;
            sum += place * theta.real(flat_index(theta.shape(), {at[0], row, j}));
          }
          want.set_real(flat_index(shape, at), sum);
        });
        CHECK(find_difference(run_case(node)[0], want, 1e-5, 1e-6) == "");
      }
}

struct RoiCase {
  bool half_pixel, average;
  int64_t ratio, height, width;
  double scale;
};

Tensor roi_align(const RoiCase& c, const Tensor& x, const Tensor& rois, const Tensor& batch) {
  const Ints shape = {rois.shape()[0], x.shape()[1], c.height, c.width};
  const auto rows = static_cast<double>(x.shape()[2]), columns = static_cast<double>(x.shape()[3]);
  Tensor y(x.dtype(), shape);
  for_each_index(shape, [&](const Ints& at) {
    const auto bound = [&](int64_t column) {
      return rois.real(4 * at[0] + column) * c.scale - (c.half_pixel ? 0.5 : 0);
    };
    double high = bound(3) - bound(1), wide = bound(2) - bound(0);
    if (!c.half_pixel) high = std::max(high, 1.0), wide = std::max(wide, 1.0);
    high /= static_cast<double>(c.height), wide /= static_cast<double>(c.width);
    const auto down = c.ratio > 0 ? static_cast<double>(c.ratio) : std::ceil(high);
    const auto across = c.ratio > 0 ? static_cast<double>(c.ratio) : std::ceil(wide);
    double sum = 0, largest = -1e300;
    for (double i = 0; i < down; ++i)
      for (double j = 0; j < across; ++j) {
        double p = bound(1) + (static_cast<double>(at[2]) + (i + 0.5) / down) * high;
        double q = bound(0) + (static_cast<double>(at[3]) + (j + 0.5) / across) * wide;
        if (p < -1 || p > rows || q < -1 || q > columns) {
          largest = std::max(largest, 0.0);
          continue;
        }
        p = std::clamp(p, 0.0, rows - 1), q = std::clamp(q, 0.0, columns - 1);
        for (int k = 0; k < 4; ++k) {
          const double r = std::min(std::floor(p) + k / 2, rows - 1), s = std::min(std::floor(q) + k % 2, columns - 1);
          const double fp = p - std::floor(p), fq = q - std::floor(q);
          const double weight = (k / 2 == 1 ? fp : 1 - fp) * (k % 2 == 1 ? fq : 1 - fq);
          const double part =
              weight * x.real(flat_index(
                           x.shape(), {batch.integer(at[0]), at[1], static_cast<int64_t>(r), static_cast<int64_t>(s)}));
          sum += part;
          largest = std::max(largest, part);
        }
      }
    const double count = std::max(1.0, down * across);
    y.set_real(flat_index(shape, at), c.average ? sum / count : largest == -1e300 ? 0 : largest);
  });
  return y;
}

TEST_CASE("RoiAlign: both poolings and alignments, fixed and adaptive numbers of samples") {
  Random random(3);
  for (const bool half_pixel : {false, true})
    for (const bool average : {false, true})
      for (const int64_t ratio : {0, 1, 3}) {
        const RoiCase c{half_pixel, average, ratio, 3, 2, 0.5};
        CAPTURE(half_pixel);
        CAPTURE(average);
        CAPTURE(ratio);
        const Tensor x = random_reals(DType::f64, {2, 3, 7, 5}, -1, -0.1, random);
        // one region inside, one over the border, one upside down, one small
        Tensor rois(DType::f64, {4, 4});
        const double corners[] = {1, 2, 8.3, 11.7, -9, -3, 4, 20, 6, 5, 2, 1, 3, 3, 3.2, 3.4};
        for (int64_t i = 0; i < 16; ++i) rois.set_real(i, corners[i]);
        const Tensor batch = Tensor::i64({4}, {1, 0, 1, 0});
        NodeCase node{
            .opset = half_pixel ? 16 : 10,
            .op = "RoiAlign",
            .inputs = {at_run_time(x, {"N", 3, "H", "W"}), ratio == 0 ? fixed(rois) : at_run_time(rois, {"R", 4}),
                       ratio == 0 ? at_run_time(batch) : at_run_time(batch, {"R"})}};
        node.attributes = [&](NodeRef& n) {
          n.attr("output_height", 3).attr("output_width", 2).attr("sampling_ratio", ratio).attr("spatial_scale", 0.5);
          n.attr("mode", average ? "avg" : "max");
        };
        const Tensor want = roi_align(c, x, rois, batch);
        CHECK(find_difference(run_case(node)[0], want, 1e-9, 1e-9) == "");
        if (ratio > 0) continue;
        node.inputs[1] = at_run_time(rois);
        CHECK(find_difference(run_case(node)[0], want, 1e-9, 1e-9) == "");
      }
  // no regions at all
  NodeCase none{
      .opset = 16,
      .op = "RoiAlign",
      .inputs = {at_run_time(Tensor(DType::f32, {1, 2, 4, 4})), at_run_time(Tensor(DType::f32, {0, 4}), {"R", 4}),
                 at_run_time(Tensor(DType::i64, {0}), {"R"})}};
  CHECK(run_case(none)[0].shape() == Ints{0, 2, 1, 1});
}

TEST_CASE("MaxRoiPool takes whole elements, and 0 where there are none") {
  Random random(5);
  const Tensor x = random_reals(DType::f32, {2, 3, 6, 7}, -2, -1, random);
  const Tensor rois = Tensor::f32({4, 5}, {1, 2, 2, 11, 9, 0, -4, 0, 6, 3, 1, 5, 5, 5, 5, 0, 12, 4, 30, 20});
  NodeCase node{
      .opset = 8, .op = "MaxRoiPool", .inputs = {at_run_time(x, {"N", 3, "H", "W"}), at_run_time(rois, {"R", 5})}};
  node.attributes = [](NodeRef& n) { n.ints("pooled_shape", {3, 2}).attr("spatial_scale", 0.5); };
  const Ints shape = {4, 3, 3, 2};
  Tensor want(DType::f32, shape);
  for_each_index(shape, [&](const Ints& at) {
    const auto bound = [&](int64_t column) { return std::round(rois.real(5 * at[0] + column) * 0.5); };
    const double high = std::max(1.0, bound(4) - bound(2) + 1) / 3, wide = std::max(1.0, bound(3) - bound(1) + 1) / 2;
    const auto image = static_cast<int64_t>(rois.real(5 * at[0]));
    double best = -100;
    for (int64_t r = 0; r < 6; ++r)
      for (int64_t q = 0; q < 7; ++q) {
        const auto inside = [](double p, double start, double bin, int64_t number) {
          const auto n = static_cast<double>(number);
          return p >= start + std::floor(n * bin) && p < start + std::ceil((n + 1) * bin);
        };
        if (inside(static_cast<double>(r), bound(2), high, at[2]) &&
            inside(static_cast<double>(q), bound(1), wide, at[3]))
          best = std::max(best, x.real(flat_index(x.shape(), {image, at[1], r, q})));
      }
    want.set_real(flat_index(shape, at), best == -100 ? 0 : best);
  });
  CHECK(find_difference(run_case(node)[0], want, 0, 0) == "");
}

}  // namespace
