// RFC 3629: 1 to 4 bytes a code point, the first of which says how many.
#include "runtime/utf.h"

namespace seqc::runtime {
namespace {

constexpr uint32_t kLast = 0x10ffff;

bool is_scalar(uint32_t point) { return point <= kLast && !(point >= 0xd800 && point < 0xe000); }

/// Bytes that follow the first one; -1 if it begins nothing.
int following(unsigned char first) {
  if (first < 0x80) return 0;
  if (first >= 0xc2 && first < 0xe0) return 1;
  if (first >= 0xe0 && first < 0xf0) return 2;
  if (first >= 0xf0 && first < 0xf5) return 3;
  return -1;
}

}  // namespace

std::optional<std::vector<uint32_t>> code_points(std::string_view utf8) {
  constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};  // below it, fewer bytes would do
  std::vector<uint32_t> points;
  for (size_t at = 0; at < utf8.size();) {
    const auto first = static_cast<unsigned char>(utf8[at++]);
    const int more = following(first);
    if (more < 0) return std::nullopt;
    uint32_t point = more == 0 ? first : first & (0x3fu >> more);
    for (int i = 0; i < more; ++i) {
      const auto next = at < utf8.size() ? static_cast<unsigned char>(utf8[at++]) : 0;
      if ((next & 0xc0) != 0x80) return std::nullopt;
      point = point << 6 | (next & 0x3fu);
    }
    if (point < kLeast[more] || !is_scalar(point)) return std::nullopt;
    points.push_back(point);
  }
  return points;
}

std::optional<std::string> utf8(std::span<const uint32_t> code_points) {
  std::string text;
  for (const uint32_t point : code_points) {
    if (!is_scalar(point)) return std::nullopt;
    const int more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    constexpr uint32_t kMark[] = {0, 0xc0, 0xe0, 0xf0};
    text += static_cast<char>(kMark[more] | point >> (6 * more));
    for (int i = more; i-- > 0;) text += static_cast<char>(0x80 | (point >> (6 * i) & 0x3f));
  }
  return text;
}

}  // namespace seqc::runtime
