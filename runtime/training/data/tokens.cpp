#include "runtime/training/data/tokens.h"

#include <utf8proc.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "ir/error.h"
#include "runtime/training/data/text_files.h"
#include "runtime/utf.h"

namespace seqc::training {
namespace {

using Points = std::vector<uint32_t>;

Points points_of(std::string_view text) {
  check_utf8(text, "text");
  return runtime::code_points(text).value();
}

std::string text_of(const Points& points) {
  auto text = runtime::utf8(points);
  SEQC_CHECK(text.has_value(), "code points of a valid text");
  return *std::move(text);
}

bool is_blank(uint32_t point) {
  if (point < 0x80) return point == ' ' || (point >= '\t' && point <= '\r');
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(point));
  return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP ||
         point == 0x85;
}

/// What stands on the letter before it: accents, selectors of emoji.
bool is_combining(uint32_t point) {
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(point));
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_ME;
}

bool is_word(uint32_t point) {
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(point))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return true;
    default: return point == '_' || is_combining(point);
  }
}

uint32_t lower(uint32_t point) { return static_cast<uint32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point))); }

/// Length of the tag that begins at `at`, 0 if none does: `a < b` and `<3` are none.
size_t tag_length(const Points& text, size_t at) {
  if (text[at] != '<' || at + 1 == text.size()) return 0;
  const uint32_t first = text[at + 1];
  if (first != '/' && first != '!' && !(first < 0x80 && std::isalpha(static_cast<int>(first)))) return 0;
  for (size_t end = at + 2; end < text.size() && text[end] != '<'; ++end)
    if (text[end] == '>') return end + 1 - at;
  return 0;
}

struct Entity {
  uint32_t point = 0;
  size_t length = 0;  ///< 0: none
};

/// The entity that begins at `at`; names that are not known stay as they are.
Entity entity(const Points& text, size_t at) {
  constexpr size_t kLongest = 10;
  constexpr std::pair<std::string_view, uint32_t> kNames[] = {{"amp", '&'},  {"lt", '<'},    {"gt", '>'},
                                                              {"quot", '"'}, {"apos", '\''}, {"nbsp", ' '}};
  if (text[at] != '&') return {};
  std::string name;
  for (size_t i = at + 1; i < text.size() && text[i] != ';' && text[i] < 0x80; ++i) name += static_cast<char>(text[i]);
  const size_t length = name.size() + 2;
  if (name.empty() || length > kLongest || at + length > text.size() || text[at + length - 1] != ';') return {};
  for (const auto& [known, point] : kNames)
    if (name == known) return {point, length};
  if (name[0] != '#' || name.size() < 2) return {};
  const bool hexadecimal = name[1] == 'x' || name[1] == 'X';
  const char *begin = name.data() + (hexadecimal ? 2 : 1), *end = name.data() + name.size();
  uint32_t point = 0;
  const auto [stop, code] = std::from_chars(begin, end, point, hexadecimal ? 16 : 10);
  if (code != std::errc() || stop != end || point == 0 || !runtime::utf8({&point, 1})) return {};
  return {point, length};
}

Points without_html(const Points& text) {
  Points result;
  for (size_t at = 0; at < text.size();) {
    if (const size_t tag = tag_length(text, at)) {
      result.push_back(' ');
      at += tag;
    } else if (const Entity found = entity(text, at); found.length > 0) {
      result.push_back(found.point);
      at += found.length;
    } else {
      result.push_back(text[at++]);
    }
  }
  return result;
}

Points with_joined_blanks(const Points& text) {
  Points result;
  for (const uint32_t point : text)
    if (!is_blank(point))
      result.push_back(point);
    else if (!result.empty() && result.back() != ' ')
      result.push_back(' ');
  if (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

/// Marks, with what combines with them, go or become blanks.
Points without_marks(const Points& text, bool blanks) {
  Points result;
  bool gone = false;
  for (const uint32_t point : text) {
    if (gone && is_combining(point)) continue;
    gone = !is_word(point) && !is_blank(point);
    if (!gone)
      result.push_back(point);
    else if (blanks)
      result.push_back(' ');
  }
  return result;
}

}  // namespace

std::string clean(std::string_view text, const Cleaning& rules) {
  Points points = points_of(text);
  if (rules.html) points = without_html(points);
  if (rules.lower_case) std::transform(points.begin(), points.end(), points.begin(), lower);
  if (rules.marks != Cleaning::Marks::Keep) points = without_marks(points, rules.marks == Cleaning::Marks::Blank);
  if (rules.join_blanks) points = with_joined_blanks(points);
  return text_of(points);
}

std::vector<std::string> characters(std::string_view text) {
  std::vector<std::string> result;
  for (const uint32_t point : points_of(text)) result.push_back(text_of({point}));
  return result;
}

std::vector<std::string> words(std::string_view text, const Words& rules) {
  const Points points = points_of(text), joiners = points_of(rules.joiners);
  const auto joins = [&](size_t at) {
    return std::find(joiners.begin(), joiners.end(), points[at]) != joiners.end() && at + 1 < points.size() &&
           is_word(points[at + 1]);
  };
  std::vector<std::string> result;
  for (size_t at = 0; at < points.size();) {
    const size_t begin = at;
    while (at < points.size() && (is_word(points[at]) || (at > begin && joins(at)))) ++at;
    const bool word = at > begin;
    if (!word) ++at;
    while (!word && !is_blank(points[begin]) && at < points.size() && is_combining(points[at])) ++at;
    const uint32_t first = points[begin];
    if (word || (is_blank(first) ? rules.line_ends && first == '\n' : rules.marks))
      result.push_back(
          text_of(Points(points.begin() + static_cast<int64_t>(begin), points.begin() + static_cast<int64_t>(at))));
  }
  return result;
}

std::string join_words(const std::vector<std::string>& tokens) {
  const auto one_of = [](const std::string& token, std::string_view marks) {
    return token.size() == 1 && marks.find(token[0]) != std::string_view::npos;
  };
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && !one_of(tokens[i], ",.;:!?)]}\n") && !one_of(tokens[i - 1], "([{\n")) text += ' ';
    text += tokens[i];
  }
  return text;
}

std::vector<int64_t> cut(const std::vector<int64_t>& tokens, int64_t length, Side side) {
  if (length < 0) fail(ErrorKind::BadInput, "texts of {} tokens, expected 0 or more", length);
  const int64_t over = std::max<int64_t>(0, std::ssize(tokens) - length);
  return side == Side::Back ? std::vector<int64_t>(tokens.begin(), tokens.end() - over)
                            : std::vector<int64_t>(tokens.begin() + over, tokens.end());
}

ir::Tensor fitted(const std::vector<std::vector<int64_t>>& sequences, const Fitting& fitting) {
  std::vector<int64_t> all;
  for (const std::vector<int64_t>& sequence : sequences) {
    const std::vector<int64_t> kept = cut(sequence, fitting.length, fitting.cut);
    const size_t short_by = static_cast<size_t>(fitting.length) - kept.size();
    if (fitting.pad == Side::Front) all.insert(all.end(), short_by, fitting.padding);
    all.insert(all.end(), kept.begin(), kept.end());
    if (fitting.pad == Side::Back) all.insert(all.end(), short_by, fitting.padding);
  }
  return ir::Tensor::i64({static_cast<int64_t>(sequences.size()), fitting.length}, all);
}

}  // namespace seqc::training
