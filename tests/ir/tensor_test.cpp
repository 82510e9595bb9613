#include "ir/tensor.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "ir/error.h"
#include "ir/text.h"

namespace seqc::ir {
namespace {

TEST_SUITE_BEGIN("ir");

TEST_CASE("element types have names and sizes") {
  size_t bytes = 0;
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto type = static_cast<DType>(i);
    CHECK(parse_dtype(name(type)) == type);
    CHECK(is_float(type) + is_integer(type) + (type == DType::boolean) + (type == DType::string) == 1);
    CHECK(is_arithmetic(type) == (type != DType::string));
    bytes += size_of(type);
  }
  CHECK(bytes == 2 + 2 + 4 + 8 + 2 * (1 + 2 + 4 + 8) + 1 + 8);
  CHECK_FALSE(parse_dtype("float").has_value());
}

/// An IEEE-like format of 16 bits as its definition reads.
double decode(uint16_t bits, int exponent_bits) {
  const int fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double fraction = (bits & ((1 << fraction_bits) - 1)) / std::ldexp(1, fraction_bits);
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return fraction == 0 ? sign * INFINITY : NAN;
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias));
}

TEST_CASE("f16 and bf16 widen exactly and narrow to the nearest, halves to even") {
  struct Format {
    int exponent_bits;
    float (*widen)(uint16_t);
    uint16_t (*narrow)(float);
  };
  for (const Format format : {Format{5, f16_to_float, float_to_f16}, Format{8, bf16_to_float, float_to_bf16}}) {
    CAPTURE(format.exponent_bits);
    for (int i = 0; i < 0x10000; ++i) {
      const auto bits = static_cast<uint16_t>(i);
      const double value = decode(bits, format.exponent_bits);
      const float wide = format.widen(bits);
      if (std::isnan(value)) {
        REQUIRE(std::isnan(wide));
        REQUIRE(std::isnan(format.widen(format.narrow(wide))));
        continue;
      }
      REQUIRE(static_cast<double>(wide) == value);
      REQUIRE(format.narrow(wide) == bits);
      const auto next = static_cast<uint16_t>(bits + 1);
      if ((bits & 0x7fff) == 0x7fff || !std::isfinite(value) || !std::isfinite(decode(next, format.exponent_bits)))
        continue;
      const auto middle = static_cast<float>((value + decode(next, format.exponent_bits)) / 2);
      REQUIRE(format.narrow(middle) == (bits % 2 == 0 ? bits : next));
      REQUIRE(format.narrow(std::nextafter(middle, static_cast<float>(value))) == bits);
      REQUIRE(format.narrow(std::nextafter(middle, wide + (wide >= 0 && !std::signbit(wide) ? 1e38f : -1e38f))) ==
              next);
    }
  }
  CHECK(float_to_f16(65520.0f) == 0x7c00);
  CHECK(float_to_f16(65519.0f) == 0x7bff);
  CHECK(float_to_bf16(std::numeric_limits<float>::max()) == 0x7f80);
}

TEST_CASE("tensors hold typed elements") {
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto type = static_cast<DType>(i);
    if (!is_arithmetic(type)) continue;
    Tensor tensor(type, {2, 3});
    CHECK(tensor.count() == 6);
    CHECK(tensor.byte_size() == 6 * size_of(type));
    CHECK(tensor.real(5) == 0);
    tensor.set_real(1, 1);
    tensor.set_integer(4, 1);
    CHECK(tensor.real(1) == 1);
    CHECK(tensor.integer(4) == 1);
    CHECK(tensor.real(0) + tensor.real(2) + tensor.real(3) + tensor.real(5) == 0);
    CHECK(tensor.type_str() == std::string(name(type)) + "[2,3]");
  }
  CHECK(Tensor::scalar(DType::f32, 0.1).real(0) == static_cast<double>(0.1f));
  CHECK(Tensor::scalar_int(DType::i64, INT64_MIN).integer(0) == INT64_MIN);
  CHECK(Tensor::scalar_int(DType::u8, 300).integer(0) == 44);
  CHECK(Tensor::scalar(DType::f16, 65519.9).real(0) == 65504);  // not rounded to f32 on the way
  CHECK(Tensor(DType::f32, {}).count() == 1);
  CHECK(Tensor(DType::f32, {int64_t{1} << 60, 0, int64_t{1} << 60}).count() == 0);
  CHECK_THROWS_AS(Tensor(DType::f32, {-1}), Error);
  CHECK_THROWS_AS(Tensor(DType::f32, {int64_t{1} << 40, int64_t{1} << 40}), Error);
  CHECK_THROWS_AS(Tensor(DType::f32, {1}).data<double>(), Error);
}

TEST_CASE("bf16 is rounded once from double") {
  // Just above the middle of two bf16 numbers, by less than f32 resolves: rounding to f32 first would hit the middle.
  CHECK(Tensor::scalar(DType::bf16, 1 + 0x1p-8 + 0x1p-40).real(0) == 1 + 0x1p-7);
  CHECK(Tensor::scalar(DType::bf16, 1 + 0x1p-8).real(0) == 1);
}

TEST_CASE("copies of a tensor share bytes until one is written") {
  Tensor a = Tensor::f32({2}, {1, 2});
  Tensor b = a;
  CHECK(a.bytes() == b.bytes());
  b.mutable_data<float>()[0] = 5;
  CHECK(a.real(0) == 1);
  CHECK(b.real(0) == 5);
  const Tensor c = a.reshaped({1, 2});
  CHECK(c.shape() == std::vector<int64_t>{1, 2});
  CHECK(c.bytes() == a.bytes());
  CHECK_THROWS_AS(a.reshaped({3}), Error);
}

TEST_CASE("identity and hash look at type, shape and bits") {
  const Tensor a = Tensor::f32({2}, {1, 2});
  CHECK(a.identical(Tensor::f32({2}, {1, 2})));
  CHECK(a.hash() == Tensor::f32({2}, {1, 2}).hash());
  Tensor as_int(DType::i32, {2});
  as_int.mutable_data<int32_t>()[0] = std::bit_cast<int32_t>(1.0f);
  as_int.mutable_data<int32_t>()[1] = std::bit_cast<int32_t>(2.0f);
  for (const Tensor& other :
       {Tensor::f32({2}, {2, 1}), Tensor::f32({2, 1}, {1, 2}), Tensor::f32({1, 2}, {1, 2}), as_int}) {
    CHECK_FALSE(a.identical(other));
    CHECK(a.hash() != other.hash());
  }
  CHECK_FALSE(Tensor::f32({1}, {0.0f}).identical(Tensor::f32({1}, {-0.0f})));
  CHECK(Tensor(DType::f32, {0, 2}).identical(Tensor(DType::f32, {0, 2})));
}

TEST_CASE("every f16 and bf16, and many f32 and f64, survive their text") {
  const auto survives = [](const Tensor& tensor) {
    Tensor back(tensor.dtype(), {});
    return parse_element(element_text(tensor, 0), back, 0) && back.identical(tensor);
  };
  for (int i = 0; i < 0x10000; ++i)
    for (const DType type : {DType::f16, DType::bf16}) {
      Tensor tensor(type, {});
      tensor.mutable_data<uint16_t>()[0] = static_cast<uint16_t>(i);
      if (!survives(tensor)) FAIL(element_text(tensor, 0) << " for bits " << i);
    }
  uint64_t bits = 1;
  for (int i = 0; i < 100000; ++i) {
    bits = bits * 6364136223846793005 + 1442695040888963407;
    Tensor narrow(DType::f32, {}), wide(DType::f64, {});
    narrow.mutable_data<float>()[0] = std::bit_cast<float>(static_cast<uint32_t>(bits >> 32));
    wide.mutable_data<double>()[0] = std::bit_cast<double>(bits);
    if (!survives(narrow) || !survives(wide)) FAIL(element_text(narrow, 0) << " or " << element_text(wide, 0));
  }
}

TEST_SUITE_END();

}  // namespace
}  // namespace seqc::ir
