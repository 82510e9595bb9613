#include "ir/dtype.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace seqc::ir {
namespace {

struct Row {
  std::string_view name;
  size_t size;
};

constexpr std::array<Row, kDTypeCount> kRows = {{{"f16", 2},
                                                 {"bf16", 2},
                                                 {"f32", 4},
                                                 {"f64", 8},
                                                 {"i8", 1},
                                                 {"i16", 2},
                                                 {"i32", 4},
                                                 {"i64", 8},
                                                 {"u8", 1},
                                                 {"u16", 2},
                                                 {"u32", 4},
                                                 {"u64", 8},
                                                 {"bool", 1},
                                                 {"string", sizeof(const char*)}}};
static_assert(sizeof(const char*) == 8, "strings are moved as elements of 8 bytes");

}  // namespace

std::string_view name(DType type) { return kRows[static_cast<size_t>(type)].name; }

std::optional<DType> parse_dtype(std::string_view text) {
  for (int i = 0; i < kDTypeCount; ++i)
    if (kRows[i].name == text) return static_cast<DType>(i);
  return std::nullopt;
}

size_t size_of(DType type) { return kRows[static_cast<size_t>(type)].size; }

bool is_float(DType type) { return type <= DType::f64; }
bool is_signed_integer(DType type) { return type >= DType::i8 && type <= DType::i64; }
bool is_unsigned_integer(DType type) { return type >= DType::u8 && type <= DType::u64; }

float f16_to_float(uint16_t bits) {
  _Float16 half;
  std::memcpy(&half, &bits, sizeof half);
  return static_cast<float>(half);
}

uint16_t float_to_f16(float value) {
  const auto half = static_cast<_Float16>(value);
  return std::bit_cast<uint16_t>(half);
}

float bf16_to_float(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

uint16_t float_to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

}  // namespace seqc::ir
