// Derivatives of convolution and pooling: groups, strides, dilations, padding and cropping, one to three dims, named sizes.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/support/gradient_check.h"

namespace {

using namespace seqc;

constexpr double kBound = 1e-6;

struct ConvCase {
  const char *x, *w, *y, *attributes;
};

TEST_SUITE_BEGIN("passes");

TEST_CASE("differentiate: convolutions") {
  constexpr ConvCase kCases[] = {
      {"2,3,7", "5,3,3", "2,5,5", "strides=[1], dilations=[1], input_dilations=[1], pads_lo=[0], pads_hi=[0]"},
      {"2,3,8", "5,3,3", "2,5,4", "strides=[2], dilations=[1], input_dilations=[1], pads_lo=[1], pads_hi=[0]"},
      {"1,2,9", "3,2,2", "1,3,3", "strides=[3], dilations=[2], input_dilations=[1], pads_lo=[1], pads_hi=[0]"},
      {"2,4,5", "6,2,3", "2,6,9",
       "strides=[1], dilations=[1], input_dilations=[2], pads_lo=[1], pads_hi=[1], groups=2"},
      {"1,3,7", "3,1,3", "1,3,3",
       "strides=[2], dilations=[1], input_dilations=[1], pads_lo=[-1], pads_hi=[1], groups=3"},
      {"1,2,5,4", "3,2,3,2", "1,3,3,5",
       "strides=[2,1], dilations=[1,1], input_dilations=[1,1], pads_lo=[1,1], pads_hi=[1,1]"},
      {"1,2,3,4,3", "2,1,2,2,1", "1,2,2,2,3",
       "strides=[1,2,1], dilations=[1,1,1], input_dilations=[1,1,1], pads_lo=[0,0,0], pads_hi=[0,0,0], groups=2"},
      {"1,2,2", "3,2,5", "1,3,0", "strides=[2], dilations=[1], input_dilations=[1], pads_lo=[0], pads_hi=[0]"},
      // Inputs behind the last window that nothing reads.
      {"1,1,9", "2,1,3", "1,2,2", "strides=[5], dilations=[1], input_dilations=[1], pads_lo=[0], pads_hi=[0]"},
  };
  for (const ConvCase& c : kCases) {
    CAPTURE(c.attributes);
    const std::string text = test::gradient_text(
        fmt::format("%x: f64[{}], %w: f64[{}]", c.x, c.w),
        fmt::format("  %z = conv %x, %w {{{}}}\n  %y = mul %z, %z", c.attributes), fmt::format("f64[{}]", c.y));
    CHECK(test::worst_gradient(text) < kBound);
  }
}

TEST_CASE("differentiate: convolutions of named sizes") {
  // Strides leave 0 or 1 inputs over, kernels may be longer than the input.
  for (const char* attributes : {"strides=[2], dilations=[1], input_dilations=[1], pads_lo=[1], pads_hi=[0]",
                                 "strides=[1], dilations=[2], input_dilations=[1], pads_lo=[0], pads_hi=[0]",
                                 "strides=[3], dilations=[1], input_dilations=[2], pads_lo=[0], pads_hi=[1]"}) {
    CAPTURE(attributes);
    const std::string text = fmt::format(
        "func @f(%x: f64[N,2,T], %w: f64[3,2,3]) -> (y: f64[]) {{\n  %z = conv %x, %w {{{}}}\n  %q = mul %z, %z\n"
        "  %y = reduce %q {{kind=sum, axes=[0,1,2]}}\n  return %y\n}}\n",
        attributes);
    for (const int64_t steps : {1, 2, 5, 6, 7}) {
      CAPTURE(steps);
      test::GradientInputs inputs{.compiled = steps == 1 || steps == 6};
      inputs.given = {ir::Tensor(ir::DType::f64, {2, 2, steps}), ir::Tensor(ir::DType::f64, {3, 2, 3})};
      for (ir::Tensor& tensor : inputs.given)
        for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, 0.3 * static_cast<double>(i % 7) - 0.8);
      CHECK(test::worst_gradient(text, inputs) < kBound);
    }
  }
}

TEST_CASE("differentiate: pooling") {
  for (const char* kind : {"sum", "prod", "max", "min"}) {
    CAPTURE(kind);
    const auto check = [&](const char* x, const char* attributes, const char* y) {
      CAPTURE(attributes);
      CHECK(test::worst_gradient(test::gradient_text(
                fmt::format("%x: f64[{}]", x),
                fmt::format("  %z = reduce_window %x {{kind={}, {}}}\n  %y = mul %z, %z", kind, attributes),
                fmt::format("f64[{}]", y))) < kBound);
    };
    check("2,3,7", "window=[3], strides=[1], dilations=[1], pads_lo=[0], pads_hi=[0]", "2,3,5");
    check("1,7,6", "window=[3,2], strides=[2,1], dilations=[1,2], pads_lo=[1,0], pads_hi=[1,1]", "1,4,5");
    check("9", "window=[2], strides=[3], dilations=[2], pads_lo=[1], pads_hi=[0]", "3");
    check("2,3", "window=[5], strides=[1], dilations=[1], pads_lo=[0], pads_hi=[0]", "2,0");
  }
  CHECK(test::worst_gradient(
            "func @f(%x: f64[N,T]) -> (y: f64[]) {\n"
            "  %z = reduce_window %x {kind=max, window=[3], strides=[2], dilations=[1], pads_lo=[1], "
            "pads_hi=[1]}\n  %q = mul %z, %z\n  %y = reduce %q {kind=sum, axes=[0,1]}\n  return %y\n}\n") < kBound);
}

TEST_SUITE_END();

}  // namespace
