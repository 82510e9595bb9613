#include "ir/interpret_element.h"

#include <bit>
#include <cmath>

namespace seqc::ir::interp {
namespace {

/// The float next to `value` towards 0, its last bit set when inexact: rounding it again rounds `value` once.
float round_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  if (std::isnan(value) || static_cast<double>(nearest) == value) return nearest;
  auto pattern = std::bit_cast<uint32_t>(nearest);
  if (std::abs(static_cast<double>(nearest)) > std::abs(value)) --pattern;
  return std::bit_cast<float>(pattern | 1);
}

}  // namespace

uint16_t to_16_bit_float(DType type, double value) {
  const float odd = round_to_odd(value);
  return type == DType::f16 ? float_to_f16(odd) : float_to_bf16(odd);
}

Tensor widened(const Tensor& x) {
  if (x.dtype() != DType::f16 && x.dtype() != DType::bf16) return x;
  Tensor result(DType::f32, x.shape());
  const auto from = x.data<uint16_t>();
  const auto to = result.mutable_data<float>();
  const auto convert = x.dtype() == DType::f16 ? f16_to_float : bf16_to_float;
  for (size_t i = 0; i < from.size(); ++i) to[i] = convert(from[i]);
  return result;
}

Tensor narrowed(const Tensor& x, DType type) {
  if ((type != DType::f16 && type != DType::bf16) || x.dtype() != DType::f32) return x;
  Tensor result(type, x.shape());
  const auto from = x.data<float>();
  const auto to = result.mutable_data<uint16_t>();
  const auto convert = type == DType::f16 ? float_to_f16 : float_to_bf16;
  for (size_t i = 0; i < from.size(); ++i) to[i] = convert(from[i]);
  return result;
}

}  // namespace seqc::ir::interp
