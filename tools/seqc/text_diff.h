/// What differs between two texts, line by line.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace seqc::tools {

struct DiffLine {
  char kind;  ///< ' ': in both; '-': in the old text alone; '+': in the new one alone
  std::string_view text;
};

std::vector<std::string_view> lines_of(std::string_view text);

/// The fewest lines that go and come. Lines are equal whose keys are; of such a pair the new one is shown. Texts that have little
/// in common are not taken apart: beyond some thousand changes what lies between the first and the last one is replaced
/// as a whole. The views are into both texts.
std::vector<DiffLine> diff_lines(std::string_view before, std::string_view after,
                                 const std::function<std::string(std::string_view)>& key);

/// A key of IR lines under which numbers of unnamed values and constants are alike: one more of them in front shifts all others.
std::string without_numbers(std::string_view line);

}  // namespace seqc::tools
