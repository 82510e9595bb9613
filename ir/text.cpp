#include "ir/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace seqc::ir {

bool is_plain_name(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) || name[0] == '.') return false;
  for (const unsigned char c : name)
    if (c >= 0x80 || (!std::isalnum(c) && c != '_' && c != '.')) return false;
  return true;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      (out += '\\') += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string name_text(std::string_view name) { return is_plain_name(name) ? std::string(name) : quoted(name); }

namespace {

uint64_t element_bits(const Tensor& tensor, int64_t i) {
  const size_t size = size_of(tensor.dtype());
  uint64_t bits = 0;
  std::memcpy(&bits, tensor.bytes() + static_cast<size_t>(i) * size, size);
  return bits;
}

void set_element_bits(Tensor& tensor, int64_t i, uint64_t bits) {
  const size_t size = size_of(tensor.dtype());
  std::memcpy(tensor.mutable_bytes() + static_cast<size_t>(i) * size, &bits, size);
}

/// The NaN that arithmetic gives on most machines (positive, quiet, no payload) is the one printed as plain `nan`.
uint64_t plain_nan(DType type) {
  switch (type) {
    case DType::f16: return 0x7e00;
    case DType::bf16: return 0x7fc0;
    case DType::f32: return 0x7fc00000;
    default: return 0x7ff8000000000000;
  }
}

template <class T>
bool read_number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

/// The fewest digits that set_real turns back into the same 16 bits; 5 are always enough for both formats.
std::string half_text(const Tensor& tensor, int64_t i) {
  Tensor probe(tensor.dtype(), {});
  const double value = tensor.real(i);
  for (int digits = 1; digits < 6; ++digits) {
    std::string text = fmt::format("{:.{}g}", value, digits);
    if (parse_element(text, probe, 0) && element_bits(probe, 0) == element_bits(tensor, i))
      return fmt::format("{}", std::strtod(text.c_str(), nullptr));  // 65500, not 6.55e+04
  }
  return fmt::format("{}", value);
}

bool parse_nan(std::string_view text, Tensor& tensor, int64_t i) {
  if (text == "nan") {
    set_element_bits(tensor, i, plain_nan(tensor.dtype()));
    return true;
  }
  if (!text.starts_with("nan(0x") || !text.ends_with(")")) return false;
  text = text.substr(6, text.size() - 7);
  uint64_t bits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits, 16);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  if (size_of(tensor.dtype()) < 8 && bits >> (8 * size_of(tensor.dtype())) != 0) return false;
  set_element_bits(tensor, i, bits);
  return std::isnan(tensor.real(i));
}

bool parse_float(std::string_view text, Tensor& tensor, int64_t i) {
  if (text.starts_with("nan")) return parse_nan(text, tensor, i);
  if (text == "inf" || text == "-inf") {
    tensor.set_real(i, text == "inf" ? INFINITY : -INFINITY);
    return true;
  }
  if (text.find_first_not_of("+-.0123456789eE") != std::string_view::npos) return false;
  if (tensor.dtype() == DType::f32) {
    // Not through double: that would round twice.
    float value = 0;
    if (!read_number(text, value)) return false;
    tensor.mutable_data<float>()[static_cast<size_t>(i)] = value;
    return true;
  }
  double value = 0;
  if (!read_number(text, value)) return false;
  tensor.set_real(i, value);
  return std::isfinite(tensor.real(i));
}

template <class T>
bool parse_integer(std::string_view text, Tensor& tensor, int64_t i) {
  T value = 0;
  if (!read_number(text, value)) return false;
  tensor.mutable_data<T>()[static_cast<size_t>(i)] = value;
  return true;
}

}  // namespace

std::string element_text(const Tensor& tensor, int64_t i) {
  const DType type = tensor.dtype();
  if (type == DType::string) return quoted(tensor.text(i));
  if (type == DType::boolean) {
    const uint64_t bits = element_bits(tensor, i);
    return bits == 0 ? "false" : bits == 1 ? "true" : std::to_string(bits);
  }
  if (is_signed_integer(type)) return std::to_string(tensor.integer(i));
  if (is_unsigned_integer(type)) return std::to_string(element_bits(tensor, i));
  if (std::isnan(tensor.real(i))) {
    const uint64_t bits = element_bits(tensor, i);
    return bits == plain_nan(type) ? "nan" : fmt::format("nan({:#x})", bits);
  }
  if (type == DType::f32) return fmt::format("{}", tensor.data<float>()[static_cast<size_t>(i)]);
  return type == DType::f64 ? fmt::format("{}", tensor.real(i)) : half_text(tensor, i);
}

bool parse_element(std::string_view text, Tensor& tensor, int64_t i) {
  switch (tensor.dtype()) {
    case DType::f16:
    case DType::bf16:
    case DType::f32:
    case DType::f64: return parse_float(text, tensor, i);
    case DType::i8: return parse_integer<int8_t>(text, tensor, i);
    case DType::i16: return parse_integer<int16_t>(text, tensor, i);
    case DType::i32: return parse_integer<int32_t>(text, tensor, i);
    case DType::i64: return parse_integer<int64_t>(text, tensor, i);
    case DType::u8: return parse_integer<uint8_t>(text, tensor, i);
    case DType::u16: return parse_integer<uint16_t>(text, tensor, i);
    case DType::u32: return parse_integer<uint32_t>(text, tensor, i);
    case DType::u64: return parse_integer<uint64_t>(text, tensor, i);
    case DType::boolean:
      if (text != "true" && text != "false") return parse_integer<uint8_t>(text, tensor, i);
      set_element_bits(tensor, i, text == "true");
      return true;
    case DType::string: break;
  }
  return false;
}

bool is_splat(const Tensor& tensor) {
  if (tensor.count() < 2 || tensor.byte_size() > static_cast<size_t>(kMaxSplatBytes)) return false;
  if (tensor.dtype() == DType::string) {
    for (int64_t i = 1; i < tensor.count(); ++i)
      if (tensor.text(i) != tensor.text(0)) return false;
    return true;
  }
  const std::byte* bytes = tensor.bytes();
  return std::equal(bytes + size_of(tensor.dtype()), bytes + tensor.byte_size(), bytes);
}

bool is_inline(const Tensor& tensor, int64_t max_elements) {
  return tensor.rank() == 0 || tensor.count() <= max_elements || is_splat(tensor);
}

}  // namespace seqc::ir
