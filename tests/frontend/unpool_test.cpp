// MaxPool with indices, MaxUnpool, Col2Im, pools of older and newer opsets, LRN, Det, CenterCropPad: plain loops.
#include <algorithm>
#include <limits>
#include <numeric>

#include "tests/frontend/node_case.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Ints = std::vector<int64_t>;
using Numbers = std::vector<double>;

struct Pool {
  Ints image, kernel, strides, dilations, lo, hi;
  bool ceil_mode = false;

  int64_t outputs(size_t i) const {
    const int64_t extent = (kernel[i] - 1) * dilations[i] + 1, room = image[i] + lo[i] + hi[i] - extent;
    int64_t count = room / strides[i] + 1;
    if (ceil_mode && room % strides[i] != 0 && count * strides[i] < image[i] + lo[i]) ++count;
    return count;
  }
};

Pool random_pool(Random& random, size_t dims) {
  Pool pool;
  for (size_t i = 0; i < dims; ++i) {
    pool.kernel.push_back(random.integer(1, 3));
    pool.dilations.push_back(random.integer(1, 2));
    pool.strides.push_back(random.integer(1, 3));
    pool.lo.push_back(random.integer(0, pool.kernel[i] - 1));
    pool.hi.push_back(random.integer(0, pool.kernel[i] - 1));
    pool.image.push_back((pool.kernel[i] - 1) * pool.dilations[i] + random.integer(1, 5));
  }
  pool.ceil_mode = random.integer(0, 1) == 1;
  return pool;
}

Ints pads_of(const Pool& pool) {
  Ints pads = pool.lo;
  pads.insert(pads.end(), pool.hi.begin(), pool.hi.end());
  return pads;
}

TEST_CASE("MaxPool with indices: first of equal elements, in rows or columns") {
  for (uint64_t seed = 0; seed < 24; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const size_t dims = 1 + seed % 3;
    const Pool pool = random_pool(random, dims);
    const bool by_columns = random.integer(0, 1) == 1;
    Ints shape = {2, 3}, result = shape;
    shape.insert(shape.end(), pool.image.begin(), pool.image.end());
    for (size_t i = 0; i < dims; ++i) result.push_back(pool.outputs(i));
    const bool small = seed % 4 == 3;
    Tensor x(small ? DType::i8 : DType::f32, shape);
    for (int64_t i = 0; i < x.count(); ++i) x.set_integer(i, random.integer(-2, 2));  // many equal ones
    Tensor values(x.dtype(), result), indices(DType::i64, result);
    for_each_index(result, [&](const Ints& at) {
      double best = -1e9;
      int64_t index = -1;
      for_each_index(pool.kernel, [&](const Ints& k) {
        Ints from = {at[0], at[1]};
        for (size_t i = 0; i < dims; ++i) {
          from.push_back(at[i + 2] * pool.strides[i] - pool.lo[i] + k[i] * pool.dilations[i]);
          if (from.back() < 0 || from.back() >= pool.image[i]) return;
        }
        const double value = x.real(flat_index(shape, from));
        if (value <= best) return;
        best = value;
        index = flat_index(shape, from);
        if (!by_columns) return;
        int64_t pixels = 1;
        for (const int64_t size : pool.image) pixels *= size;
        index = 0;
        for (size_t i = dims; i-- > 0;) index = index * pool.image[i] + from[i + 2];
        index += (at[0] * 3 + at[1]) * pixels;
      });
      values.set_real(flat_index(result, at), index < 0 ? -std::numeric_limits<double>::infinity() : best);
      indices.set_integer(flat_index(result, at), index);
    });
    bool empty_window = false;
    for (int64_t i = 0; i < indices.count(); ++i) empty_window = empty_window || indices.integer(i) < 0;
    if (empty_window) continue;  // a window in the padding alone; the specification says nothing
    NodeCase node{.opset = small ? 12 : 11, .op = "MaxPool", .inputs = {at_run_time(x)}, .outputs = 2};
    if (seed % 2 == 0 && !pool.ceil_mode) {
      ModelShape named = {"N", "C"};
      for (size_t i = 0; i < dims; ++i) named.emplace_back("S" + std::to_string(i));
      node.inputs = {at_run_time(x, named)};
    }
    node.attributes = [&](NodeRef& n) {
      n.ints("kernel_shape", pool.kernel).ints("strides", pool.strides).ints("dilations", pool.dilations);
      n.ints("pads", pads_of(pool)).attr("ceil_mode", pool.ceil_mode).attr("storage_order", by_columns);
    };
    const auto got = run_case(node);
    CHECK(find_difference(got[0], values, 0, 0) == "");
    CHECK(find_difference(got[1], indices, 0, 0) == "");
  }
}

TEST_CASE("MaxPool with indices finds NaN and -inf") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  NodeCase node{.opset = 8,
                .op = "MaxPool",
                .inputs = {at_run_time(Tensor::f32({1, 1, 6}, {1, nan, -inf, -inf, 3, nan}))},
                .attributes = [](NodeRef& n) { n.ints("kernel_shape", {2}).ints("strides", {2}); },
                .outputs = 2};
  const auto got = run_case(node);
  CHECK(numbers(got[1]) == Numbers{1, 2, 5});
}

TEST_CASE("MaxUnpool undoes MaxPool") {
  const Tensor x = Tensor::f32({1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const Tensor indices = Tensor::i64({1, 2, 2, 2}, {5, 7, 13, 15, 16, 18, 24, 31});
  Numbers want(32, 0);
  for (int64_t i = 0; i < 8; ++i) want[static_cast<size_t>(indices.integer(i))] = x.real(i);
  NodeCase node{.opset = 11,
                .op = "MaxUnpool",
                .inputs = {at_run_time(x, {"N", 2, "H", 2}), at_run_time(indices, {"N", 2, "H", 2})}};
  node.attributes = [](NodeRef& n) { n.ints("kernel_shape", {2, 2}).ints("strides", {2, 2}); };
  CHECK(numbers(run_case(node)[0]) == want);
  node.opset = 9;
  node.inputs = {at_run_time(x), at_run_time(indices), fixed(Tensor::i64({4}, {1, 2, 5, 4}))};
  Numbers taller;
  for (const size_t channel : {0, 1}) {
    taller.insert(taller.end(), want.begin() + static_cast<ptrdiff_t>(16 * channel),
                  want.begin() + static_cast<ptrdiff_t>(16 * channel) + 16);
    taller.insert(taller.end(), 4, 0);
  }
  CHECK(numbers(run_case(node)[0]) == taller);
  node.inputs[2] = fixed(Tensor::i64({4}, {1, 2, 3, 4}));
  CHECK_THROWS_AS(run_case(node), const Error&);
  node.inputs.pop_back();
  node.attributes = [](NodeRef& n) {
    n.ints("kernel_shape", {3, 2}).ints("strides", {2, 2}).ints("pads", {1, 0, 0, 0});
  };
  CHECK(run_case(node)[0].shape() == Ints{1, 2, 4, 4});
}

TEST_CASE("Col2Im adds overlapping blocks") {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const size_t dims = 1 + seed % 3;
    Pool pool = random_pool(random, dims);
    pool.ceil_mode = false;
    Ints blocks;
    int64_t offsets = 1, total = 1;
    for (size_t i = 0; i < dims; ++i) {
      blocks.push_back(pool.outputs(i));
      offsets *= pool.kernel[i];
      total *= blocks[i];
    }
    const DType type = seed % 2 == 0 ? DType::f32 : DType::i32;
    const Tensor x = random_tensor(type, {2, 3 * offsets, total}, random);
    Ints shape = {2, 3};
    shape.insert(shape.end(), pool.image.begin(), pool.image.end());
    Tensor want(type, shape);
    for (int64_t image = 0; image < 6; ++image)
      for_each_index(pool.kernel, [&](const Ints& k) {
        for_each_index(blocks, [&](const Ints& l) {
          Ints at = {image / 3, image % 3};
          for (size_t i = 0; i < dims; ++i) {
            at.push_back(l[i] * pool.strides[i] + k[i] * pool.dilations[i] - pool.lo[i]);
            if (at.back() < 0 || at.back() >= pool.image[i]) return;
          }
          const int64_t row = image * offsets + flat_index(pool.kernel, k), to = flat_index(shape, at);
          want.set_real(to, want.real(to) + x.real(row * total + flat_index(blocks, l)));
        });
      });
    const auto count = static_cast<int64_t>(dims);
    NodeCase node{.opset = 18,
                  .op = "Col2Im",
                  .inputs = {at_run_time(x, {"N", 3 * offsets, total}), fixed(Tensor::i64({count}, pool.image)),
                             fixed(Tensor::i64({count}, pool.kernel))}};
    node.attributes = [&](NodeRef& n) {
      n.ints("strides", pool.strides).ints("dilations", pool.dilations).ints("pads", pads_of(pool));
    };
    CHECK(find_difference(run_case(node)[0], want, 1e-6, 1e-6) == "");
  }
}

TEST_CASE("AveragePool and LpPool with dilations") {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const Pool pool = random_pool(random, 2);
    const bool lp = seed % 2 == 1, count_pads = !lp && seed % 4 == 0;
    const int64_t p = random.integer(1, 3);
    const Ints shape = {1, 2, pool.image[0], pool.image[1]}, result = {1, 2, pool.outputs(0), pool.outputs(1)};
    const Tensor x = random_tensor(DType::f64, shape, random);
    Tensor want(DType::f64, result);
    for_each_index(result, [&](const Ints& at) {
      double sum = 0, count = 0;
      for_each_index(pool.kernel, [&](const Ints& k) {
        Ints from = {at[0], at[1]};
        bool inside = true, padded = true;
        for (size_t i = 0; i < 2; ++i) {
          from.push_back(at[i + 2] * pool.strides[i] - pool.lo[i] + k[i] * pool.dilations[i]);
          inside = inside && from.back() >= 0 && from.back() < pool.image[i];
          padded = padded && from.back() < pool.image[i] + pool.hi[i];
        }
        if (inside || (count_pads && padded)) ++count;
        if (inside)
          sum += lp ? std::pow(std::fabs(x.real(flat_index(shape, from))), p) : x.real(flat_index(shape, from));
      });
      want.set_real(flat_index(result, at), lp ? std::pow(sum, 1.0 / static_cast<double>(p)) : sum / count);
    });
    NodeCase node{.opset = lp ? 18 : 19, .op = lp ? "LpPool" : "AveragePool", .inputs = {at_run_time(x)}};
    node.attributes = [&](NodeRef& n) {
      n.ints("kernel_shape", pool.kernel).ints("strides", pool.strides).ints("dilations", pool.dilations);
      n.ints("pads", pads_of(pool)).attr("ceil_mode", pool.ceil_mode);
      if (lp)
        n.attr("p", p);
      else
        n.attr("count_include_pad", count_pads);
    };
    CHECK(find_difference(run_case(node)[0], want, 1e-9, 1e-9) == "");
  }
  NodeCase old{.opset = 1, .op = "LpPool", .inputs = {at_run_time(Tensor::f32({1, 1, 3}, {3, -4, 0}))}};
  old.attributes = [](NodeRef& n) { n.ints("kernel_shape", {2}).attr("p", 2.0); };
  CHECK(numbers(run_case(old)[0]) == Numbers{5, 4});
  old.op = "GlobalLpPool";
  old.attributes = [](NodeRef& n) { n.attr("p", 1.0); };
  CHECK(numbers(run_case(old)[0]) == Numbers{7});
}

TEST_CASE("LRN sums squares of neighbouring channels, with an even size one more behind") {
  Random random(11);
  for (const int64_t size : {1, 2, 3, 4, 9})
    for (const Ints& shape : {Ints{2, 5, 3, 2}, Ints{1, 7}, Ints{3, 1, 4}}) {
      const Tensor x = random_tensor(DType::f32, shape, random);
      NodeCase node{.opset = size == 3 ? 1 : 13, .op = "LRN", .inputs = {at_run_time(x)}};
      if (size == 4) node.inputs = {at_run_time(x, ModelShape(shape.size(), ModelDim("")))};
      node.attributes = [&](NodeRef& n) {
        n.attr("size", size).attr("alpha", 0.3).attr("beta", 0.6).attr("bias", 1.5);
      };
      Tensor want(DType::f32, shape);
      for_each_index(shape, [&](const Ints& at) {
        double sum = 0;
        for (int64_t c = std::max<int64_t>(0, at[1] - (size - 1) / 2); c <= std::min(shape[1] - 1, at[1] + size / 2);
             ++c) {
          Ints from = at;
          from[1] = c;
          sum += std::pow(x.real(flat_index(shape, from)), 2);
        }
        const int64_t i = flat_index(shape, at);
        want.set_real(i, x.real(i) / std::pow(1.5 + 0.3F / static_cast<double>(size) * sum, 0.6F));
      });
      CHECK(find_difference(run_case(node)[0], want, 1e-5, 1e-6) == "");
    }
}

/// Leibniz's sum over permutations.
double determinant(const Tensor& x, int64_t matrix, int64_t m) {
  Ints perm(static_cast<size_t>(m));
  std::iota(perm.begin(), perm.end(), 0);
  double sum = 0;
  do {
    double product = 1;
    for (size_t i = 0; i < perm.size(); ++i) {
      product *= x.real((matrix * m + static_cast<int64_t>(i)) * m + perm[i]);
      for (size_t j = 0; j < i; ++j)
        if (perm[j] > perm[i]) product = -product;
    }
    sum += product;
  } while (std::next_permutation(perm.begin(), perm.end()));
  return sum;
}

TEST_CASE("Det of batches, singular matrices, and those that need pivots") {
  Random random(2);
  for (const int64_t m : {0, 1, 2, 3, 4, 5, 7}) {
    CAPTURE(m);
    Tensor x = random_tensor(DType::f64, {3, 2, m, m}, random);
    if (m > 1)
      for (int64_t i = 0; i < m; ++i) {
        x.set_real(i * m, 0);                      // a column of zeros
        x.set_real(m * m + i, i + 1 < m ? 0 : 2);  // zeros on the diagonal
        for (int64_t j = 0; j < 2; ++j) x.set_real((2 * m + j) * m + i, static_cast<double>(i));  // two equal rows
      }
    Tensor want(DType::f64, {3, 2});
    for (int64_t i = 0; i < 6; ++i) want.set_real(i, determinant(x, i, m));
    NodeCase node{.opset = m == 4 ? 22 : 11, .op = "Det", .inputs = {at_run_time(x, {"A", 2, m, m})}};
    const Tensor got = run_case(node)[0];
    CHECK(find_difference(got, want, 1e-9, 1e-12) == "");
    if (m > 1) CHECK(got.real(0) == 0);
    if (m > 1) CHECK(got.real(2) == 0);
    if (m == 5) {
      node.inputs = {at_run_time(x, {"A", "B", "M", "M"})};
      CHECK(find_difference(run_case(node)[0], want, 1e-9, 1e-12) == "");
    }
  }
  Tensor broken(DType::f32, {4, 4});
  broken.set_real(5, std::numeric_limits<double>::quiet_NaN());
  for (int64_t i = 0; i < 4; ++i) broken.set_real(5 * i, i == 1 ? broken.real(5) : 1);
  CHECK(std::isnan(run_case({.opset = 11, .op = "Det", .inputs = {at_run_time(broken)}})[0].real(0)));
}

TEST_CASE("CenterCropPad cuts and surrounds") {
  const auto run = [](const Tensor& x, const Ints& shape, const Ints& axes, ModelShape declared = {}) {
    NodeCase node{.opset = 18,
                  .op = "CenterCropPad",
                  .inputs = {at_run_time(x, std::move(declared)),
                             fixed(Tensor::i64({static_cast<int64_t>(shape.size())}, shape))}};
    if (!axes.empty()) node.attributes = [&](NodeRef& n) { n.ints("axes", axes); };
    return run_case(node)[0];
  };
  const Tensor x = Tensor::f32({2, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(numbers(run(x, {5, 2}, {})) == Numbers{0, 0, 2, 3, 7, 8, 0, 0, 0, 0});
  CHECK(numbers(run(x, {8}, {-1}, {"N", 5})) == Numbers{0, 1, 2, 3, 4, 5, 0, 0, 0, 6, 7, 8, 9, 10, 0, 0});
  CHECK(numbers(run(x, {1, 3}, {1, 0})) == Numbers{3, 8, 0});
  CHECK(run(x, {0, 5}, {}).count() == 0);
  CHECK_THROWS_AS(run(x, {3}, {1}, {2, "T"}), const Error&);
  CHECK_THROWS_AS(run(x, {3, 3}, {1, 1}), const Error&);
}

TEST_CASE("LpNormalization leaves zeros as they are") {
  for (const int64_t p : {1, 2}) {
    NodeCase node{
        .opset = p == 1 ? 1 : 22, .op = "LpNormalization", .inputs = {at_run_time(Tensor::f32({2, 2}, {3, -4, 0, 0}))}};
    node.attributes = [&](NodeRef& n) { n.attr("p", p); };
    const Numbers got = numbers(run_case(node)[0]);
    CHECK(got[0] == doctest::Approx(p == 1 ? 3.0 / 7 : 0.6));
    CHECK(got[2] == 0);
  }
}

}  // namespace
