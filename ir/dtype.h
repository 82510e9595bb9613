/// Element types of tensors: names, sizes and classes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace seqc::ir {

enum class DType : uint8_t { f16, bf16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64, boolean, string };

inline constexpr int kDTypeCount = 14;

/// The name used in IR text: "f32", "i64", "bool", "string", ...
std::string_view name(DType type);
std::optional<DType> parse_dtype(std::string_view text);

/// Bytes of one element; bool takes one byte holding 0 or 1, string a pointer to text that ends in NUL.
size_t size_of(DType type);

bool is_float(DType type);
bool is_signed_integer(DType type);
bool is_unsigned_integer(DType type);
/// Numbers and bools: what ops compute with. Strings are only moved.
inline bool is_arithmetic(DType type) { return type != DType::string; }
inline bool is_integer(DType type) { return is_signed_integer(type) || is_unsigned_integer(type); }

/// Conversions of the 16-bit float formats (bit patterns), rounding to nearest even.
float f16_to_float(uint16_t bits);
uint16_t float_to_f16(float value);
float bf16_to_float(uint16_t bits);
uint16_t float_to_bf16(float value);

}  // namespace seqc::ir
