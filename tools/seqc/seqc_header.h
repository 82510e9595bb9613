/// The texts of C headers in runtime/, which `seqc build` puts beside the headers that include them.
#pragma once

#include <string>
#include <string_view>

namespace seqc::tools {

std::string_view seqc_header();
/// The text of runtime/seqc_stream.h, which includes that one.
std::string seqc_stream_header();

}  // namespace seqc::tools
