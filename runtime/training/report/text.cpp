#include "runtime/training/report/text.h"

#include <utf8proc.h>

#include <iterator>

namespace seqc::training {
namespace {

constexpr utf8proc_int32_t kInvalid = 0xfffd;

/// Calls `use` with each code point and its bytes until it says false; bytes that are no UTF-8 come as U+FFFD one by one.
template <class Use>
void each_point(std::string_view text, Use use) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (size_t at = 0; at < text.size();) {
    utf8proc_int32_t point = 0;
    utf8proc_ssize_t used = utf8proc_iterate(bytes + at, static_cast<utf8proc_ssize_t>(text.size() - at), &point);
    if (used <= 0) {
      used = 1;
      point = kInvalid;
    }
    if (!use(point, text.substr(at, static_cast<size_t>(used)))) return;
    at += static_cast<size_t>(used);
  }
}

bool is_control(utf8proc_int32_t point) { return point < 0x20 || (point >= 0x7f && point < 0xa0); }

}  // namespace

std::string grouped(int64_t value) {
  std::string text = std::to_string(value);
  for (auto at = std::ssize(text) - 3; at > (value < 0); at -= 3) text.insert(static_cast<size_t>(at), 1, ',');
  return text;
}

int terminal_width(std::string_view text) {
  int width = 0;
  each_point(text, [&](utf8proc_int32_t point, std::string_view) {
    if (!is_control(point)) width += utf8proc_charwidth(point);
    return true;
  });
  return width;
}

std::string cut_to_width(std::string_view text, int columns) {
  std::string result;
  int width = 0;
  each_point(text, [&](utf8proc_int32_t point, std::string_view bytes) {
    if (is_control(point)) return true;
    width += utf8proc_charwidth(point);
    if (width > columns) return false;
    result += bytes;
    return true;
  });
  return result;
}

double pixel_width(std::string_view text, double font_size) {
  double width = 0;
  each_point(text, [&](utf8proc_int32_t point, std::string_view) {
    const bool thin =
        point < 0x80 && std::string_view("ijlIft.,:;!|'()[] ").find(static_cast<char>(point)) != std::string_view::npos;
    const bool broad =
        point < 0x80 && std::string_view("mwMW%@").find(static_cast<char>(point)) != std::string_view::npos;
    width += utf8proc_charwidth(point) == 2 ? 1.0
             : thin                         ? 0.32
             : broad                        ? 0.88
             : point >= 'A' && point <= 'Z' ? 0.68
                                            : 0.57;
    return true;
  });
  return width * font_size;
}

std::string escaped(std::string_view text) {
  std::string result;
  each_point(text, [&](utf8proc_int32_t point, std::string_view bytes) {
    switch (point) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\t':
      case '\n': result += bytes; break;
      default:
        result += is_control(point) || point == kInvalid || point == 0xfffe || point == 0xffff ? "\xef\xbf\xbd"
                                                                                               : std::string(bytes);
    }
    return true;
  });
  return result;
}

}  // namespace seqc::training
