/// Element types for the interpreter: from a tensor's DType to a C++ type, and to f32 for the 16-bit floats.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include "ir/error.h"
#include "ir/tensor.h"

namespace seqc::ir::interp {

/// C++ types that elements are computed in: float, double, the eight integers and bool.
template <class T>
concept Float = std::floating_point<T>;
template <class T>
concept Bool = std::same_as<T, bool>;
template <class T>
concept Integer = std::integral<T> && !Bool<T>;

/// What a tensor holds for elements of T: bools are bytes, of which any but 0 means true.
template <class T>
using Storage = std::conditional_t<Bool<T>, uint8_t, T>;

/// Calls f.operator()<T>() with the C++ type of `type`; f16 and bf16 have none and must be `widened` before, and nothing
/// is computed of strings.
template <class F>
decltype(auto) with_element(DType type, F&& f) {
  switch (type) {
    case DType::f16:
    case DType::bf16:
    case DType::string: break;
    case DType::f32: return f.template operator()<float>();
    case DType::f64: return f.template operator()<double>();
    case DType::i8: return f.template operator()<int8_t>();
    case DType::i16: return f.template operator()<int16_t>();
    case DType::i32: return f.template operator()<int32_t>();
    case DType::i64: return f.template operator()<int64_t>();
    case DType::u8: return f.template operator()<uint8_t>();
    case DType::u16: return f.template operator()<uint16_t>();
    case DType::u32: return f.template operator()<uint32_t>();
    case DType::u64: return f.template operator()<uint64_t>();
    case DType::boolean: return f.template operator()<bool>();
  }
  internal_error(__FILE__, __LINE__, "dtype",
                 "interpreter: a 16-bit float was not widened, or a string is computed with");
}

/// Calls f.operator()<U>() with the unsigned integer of the same size; for ops that only move elements.
template <class F>
decltype(auto) with_width(DType type, F&& f) {
  switch (size_of(type)) {
    case 1: return f.template operator()<uint8_t>();
    case 2: return f.template operator()<uint16_t>();
    case 4: return f.template operator()<uint32_t>();
    case 8: return f.template operator()<uint64_t>();
  }
  internal_error(__FILE__, __LINE__, "dtype", "interpreter: an element size without an integer");
}

/// f16 and bf16 as f32; any other tensor itself.
Tensor widened(const Tensor& x);
/// f32 rounded to `type` when that is f16 or bf16; otherwise x itself (the bools of comparisons among them).
Tensor narrowed(const Tensor& x, DType type);
/// An element of any type rounded once to the bits of f16 or bf16 (integers pass through f32).
uint16_t to_16_bit_float(DType type, double value);

/// Integer arithmetic is done in uint64_t and cut: the same bits as wrapping in T, without undefined behaviour.
template <Integer T>
uint64_t bits(T x) {
  return static_cast<uint64_t>(x);
}
template <Integer T>
T wrap(uint64_t x) {
  return static_cast<T>(x);
}

/// Overloads of several lambdas, one for each kind of element.
template <class... F>
struct Cases : F... {
  using F::operator()...;
};
template <class... F>
Cases(F...) -> Cases<F...>;

}  // namespace seqc::ir::interp
