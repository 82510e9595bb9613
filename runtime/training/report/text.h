/// Text for people: numbers, the room that text takes, what HTML wants.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace seqc::training {

/// "1,234,567".
std::string grouped(int64_t value);
/// Columns of a terminal: 2 for wide letters, 0 for combining marks. Bytes that are no UTF-8 count 1 each.
int terminal_width(std::string_view text);
/// As much of the text as fits; control characters are left out.
std::string cut_to_width(std::string_view text, int columns);
/// About how many pixels a text takes in a sans-serif font of that size.
double pixel_width(std::string_view text, double font_size);
/// As text of HTML and SVG: what means something there is escaped, what must not stand there becomes U+FFFD.
std::string escaped(std::string_view text);

}  // namespace seqc::training
