#include <cmath>

#include "tests/ir/interpreter_support.h"

using namespace seqc;
using namespace seqc::ir;

namespace {

ConvAttr conv_attr(size_t spatial) {
  const Index ones(spatial, 1), zeros(spatial, 0);
  return {ones, ones, ones, zeros, zeros, 1};
}

/// A random number of [low, high].
int64_t draw(std::mt19937& generator, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(generator() % static_cast<uint64_t>(high - low + 1));
}

/// Convolution the other way round: each input element is added to the outputs whose windows it meets.
Tensor scattered_conv(const Tensor& x, const Tensor& w, const ConvAttr& attr, const Index& shape) {
  Tensor result(x.dtype(), shape);
  const size_t spatial = attr.strides.size();
  const int64_t group_maps = w.shape()[0] / attr.groups, group_channels = w.shape()[1];
  for_each_index(x.shape(), [&](const Index& input) {
    for_each_index(w.shape(), [&](const Index& tap) {
      if (input[1] / group_channels != tap[0] / group_maps || input[1] % group_channels != tap[1]) return;
      Index output = {input[0], tap[0]};
      for (size_t i = 0; i < spatial; ++i) {
        const int64_t place = input[2 + i] * attr.input_dilations[i] + attr.pads_lo[i] - tap[2 + i] * attr.dilations[i];
        if (place < 0 || place % attr.strides[i] != 0 || place / attr.strides[i] >= shape[2 + i]) return;
        output.push_back(place / attr.strides[i]);
      }
      const int64_t position = at(shape, output);
      result.set_integer(position,
                         result.integer(position) + x.integer(at(x.shape(), input)) * w.integer(at(w.shape(), tap)));
    });
  });
  return result;
}

}  // namespace

TEST_SUITE("ir") {
  TEST_CASE("interpreter: small convolutions by hand") {
    const Tensor x = ramp(DType::f32, {1, 1, 5}, 1);
    const auto conv = [&](const std::vector<double>& kernel, const ConvAttr& attr) {
      return integers_of(
          apply(Opcode::Conv, {x, reals(DType::f32, {1, 1, static_cast<int64_t>(kernel.size())}, kernel)}, attr));
    };
    CHECK(conv({1}, conv_attr(1)) == Index{1, 2, 3, 4, 5});
    CHECK(conv({1, 0, -1}, conv_attr(1)) == Index{-2, -2, -2});
    ConvAttr attr = conv_attr(1);
    attr.pads_lo = {1};
    attr.pads_hi = {1};
    CHECK(conv({0, 0, 1}, attr) == Index{2, 3, 4, 5, 0});
    CHECK(conv({1, 0, 0}, attr) == Index{0, 1, 2, 3, 4});
    attr.pads_lo = {-1};  // crops
    attr.pads_hi = {-1};
    CHECK(conv({1, 1}, attr) == Index{5, 7});
    attr = conv_attr(1);
    attr.strides = {2};
    CHECK(conv({1, 10}, attr) == Index{21, 43});
    attr = conv_attr(1);
    attr.dilations = {3};
    CHECK(conv({1, 10}, attr) == Index{41, 52});
    attr = conv_attr(1);  // a transposed convolution with stride 2
    attr.input_dilations = {2};
    attr.pads_lo = attr.pads_hi = {1};
    CHECK(conv({100, 10}, attr) == Index{10, 100, 20, 200, 30, 300, 40, 400, 50, 500});
    CHECK(conv({1, 1, 1, 1, 1, 1}, conv_attr(1)).empty());
  }

  TEST_CASE("interpreter: convolutions with random attributes against scattered ones") {
    std::mt19937 generator(3);
    int not_empty = 0;
    for (int round = 0; round < 150; ++round) {
      const auto spatial = static_cast<size_t>(draw(generator, 1, 3));
      ConvAttr attr = conv_attr(spatial);
      attr.groups = draw(generator, 1, 3);
      const int64_t channels = draw(generator, 1, 2);
      Index x_shape = {round % 10 == 0 ? 0 : draw(generator, 1, 2), channels * attr.groups},
            w_shape = {attr.groups * draw(generator, 1, 2), channels};
      for (size_t i = 0; i < spatial; ++i) {
        x_shape.push_back(draw(generator, 1, 6));
        w_shape.push_back(draw(generator, 1, 3));
        attr.strides[i] = draw(generator, 1, 3);
        attr.dilations[i] = draw(generator, 1, 3);
        attr.input_dilations[i] = draw(generator, 1, 3);
        attr.pads_lo[i] = draw(generator, -1, 4);
        attr.pads_hi[i] = draw(generator, -1, 4);
      }
      const Tensor x = random_tensor(DType::i64, x_shape, 2 * round),
                   w = random_tensor(DType::i64, w_shape, 2 * round + 1);
      const Tensor got = apply(Opcode::Conv, {x, w}, attr);
      CHECK(got.identical(scattered_conv(x, w, attr, got.shape())));
      not_empty += got.count() > 0;
      const Tensor real =
          apply(Opcode::Conv,
                {apply(Opcode::Cast, {x}, CastAttr{DType::f32}), apply(Opcode::Cast, {w}, CastAttr{DType::f32})}, attr);
      CHECK(integers_of(real) == integers_of(got));
    }
    CHECK(not_empty > 75);
  }

  TEST_CASE("interpreter: pooling") {
    const Tensor x = reals(DType::f32, {1, 2, 5}, {1, 5, 2, 4, 3, -1, -5, -2, -4, -3});
    const auto pool = [&](WindowAttr attr) { return reals_of(apply(Opcode::ReduceWindow, {x}, attr)); };
    using Reals = std::vector<double>;
    CHECK(pool({ReduceKind::Max, {2}, {1}, {1}, {0}, {0}}) == Reals{5, 5, 4, 4, -1, -2, -2, -3});
    CHECK(pool({ReduceKind::Min, {2}, {2}, {1}, {0}, {1}}) == Reals{1, 2, 3, -5, -4, -3});
    CHECK(pool({ReduceKind::Sum, {3}, {1}, {1}, {1}, {1}}) == Reals{6, 8, 11, 9, 7, -6, -8, -11, -9, -7});
    CHECK(pool({ReduceKind::Prod, {2}, {3}, {3}, {0}, {0}}) == Reals{4, 4});
    CHECK(pool({ReduceKind::Max, {2}, {1}, {4}, {0}, {0}}) == Reals{3, -1});
    CHECK(pool({ReduceKind::Max, {1}, {4}, {1}, {2}, {2}}) == Reals{-kInf, 2, -kInf, -kInf, -2, -kInf});
    CHECK(pool({ReduceKind::Sum, {7}, {1}, {1}, {0}, {0}}).empty());

    const Tensor plane = ramp(DType::i16, {3, 4});
    const WindowAttr square{ReduceKind::Max, {2, 3}, {1, 1}, {1, 1}, {1, 0}, {0, 0}};
    CHECK(integers_of(apply(Opcode::ReduceWindow, {plane}, square)) == Index{2, 3, 6, 7, 10, 11});
    const WindowAttr cube{ReduceKind::Sum, {2, 2, 2}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {0, 0, 0}};
    CHECK(integers_of(apply(Opcode::ReduceWindow, {ramp(DType::u64, {2, 2, 3})}, cube)) == Index{40, 48});
    CHECK(
        apply(Opcode::ReduceWindow, {Tensor(DType::f32, {0, 4})}, WindowAttr{ReduceKind::Max, {2}, {1}, {1}, {0}, {0}})
            .shape() == Index{0, 3});
    const Tensor nan = reals(DType::f32, {3}, {1, kNan, 0});
    CHECK(std::isnan(apply(Opcode::ReduceWindow, {nan}, WindowAttr{ReduceKind::Max, {2}, {1}, {1}, {0}, {0}}).real(1)));
    const Tensor many = apply(Opcode::Broadcast, {ramp(DType::f16, {}, 1)}, ShapeAttr{{Dim(2050)}});
    CHECK(apply(Opcode::ReduceWindow, {many}, WindowAttr{ReduceKind::Sum, {2050}, {1}, {1}, {0}, {0}}).real(0) == 2050);
  }

  TEST_CASE("interpreter: windows over more than three spatial dims are refused by name") {
    const Index ones(4, 1), zeros(4, 0);
    const std::string message = error_of([&] {
      apply(Opcode::ReduceWindow, {Tensor(DType::f32, {1, 1, 1, 1})},
            WindowAttr{ReduceKind::Max, ones, ones, ones, zeros, zeros});
    });
    CHECK(contains(message, "reduce_window: windows over 4 spatial dims"));
  }
}
