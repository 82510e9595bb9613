/// Text in UTF-8 as code points and back, for files that hold those.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace seqc::runtime {

/// Nothing for bytes that are no UTF-8 (overlong forms, surrogates and numbers above 0x10ffff among them).
std::optional<std::vector<uint32_t>> code_points(std::string_view utf8);
/// Nothing when a number is no code point that UTF-8 has.
std::optional<std::string> utf8(std::span<const uint32_t> code_points);

}  // namespace seqc::runtime
