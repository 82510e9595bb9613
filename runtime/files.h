/// Files, read whole and written whole or not at all.
#pragma once

#include <string>
#include <string_view>

namespace seqc::runtime {

/// Throws Error(BadInput) naming the file.
std::string read_file(const std::string& path);

/// The file appears under its name only once it is complete. Throws Error(BadInput) naming it.
void write_file(const std::string& path, std::string_view bytes);

}  // namespace seqc::runtime
