/// The text of runtime/seqc.h, which `seqc build` puts beside the headers that include it.
#pragma once

#include <string_view>

namespace seqc::tools {

std::string_view seqc_header();

}  // namespace seqc::tools
