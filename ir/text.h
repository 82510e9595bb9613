/// Spelling of names, strings and numbers in IR text, shared by printer and parser.
#pragma once

#include <string>
#include <string_view>

#include "ir/tensor.h"

namespace seqc::ir {

/// Limits that keep malformed text from exhausting stack or memory. What is printed stays within them.
inline constexpr int kMaxRegionDepth = 64;
inline constexpr int64_t kMaxTextRank = 64;
/// `splat(x)` is for constants up to this size; larger ones go to the side file.
inline constexpr int64_t kMaxSplatBytes = int64_t{1} << 26;

/// [A-Za-z_][A-Za-z0-9_.]*: a name that needs no quotes.
bool is_plain_name(std::string_view name);
/// The text in double quotes, with \", \\, \n, \t and \xHH (control characters) escaped.
std::string quoted(std::string_view text);
/// The name as it is or, when it is not plain, quoted.
std::string name_text(std::string_view name);

/// Element i in the fewest digits that parse back to the same bits: `0.5`, `-inf`, `nan`, `nan(0x7fc00001)`, `-3`, `true`;
/// strings in quotes.
std::string element_text(const Tensor& tensor, int64_t i);
/// Stores what element_text printed (or any other decimal spelling) in element i. False when `text` is not a number of
/// the tensor's type or is out of its range. Strings are read by the parser as a whole.
bool parse_element(std::string_view text, Tensor& tensor, int64_t i);

/// True for two or more equal elements, when they fit kMaxSplatBytes.
bool is_splat(const Tensor& tensor);
/// True if the declaration of a constant spells its elements out, false if it gives a `#hash`.
bool is_inline(const Tensor& tensor, int64_t max_elements);

}  // namespace seqc::ir
