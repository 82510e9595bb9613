/// A strong hash of bytes: it names compiled code in caches and finds damaged files.
#pragma once

#include <string>
#include <string_view>

namespace seqc::codegen {

/// BLAKE3, its first 256 bits, in 64 hexadecimal digits.
std::string digest(std::string_view bytes);

}  // namespace seqc::codegen
