/// IR text and what changed in it, for pages.
#pragma once

#include <string>
#include <vector>

#include "tools/seqc/text_diff.h"

namespace seqc::tools {

/// Rules for <ins> and <del> within pre.ir.
extern const char* const kIrStyle;

/// A folded block with all lines.
std::string ir_html(const std::string& title, const std::string& text);

/// Changed lines with some around them; long differences come in folded parts. Longer stretches without a change are folded,
/// too, or with `brief` only counted: they stand in the whole text.
std::string ir_difference_html(const std::vector<DiffLine>& lines, bool brief);

}  // namespace seqc::tools
