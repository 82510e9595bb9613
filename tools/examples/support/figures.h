/// Figures of a run as text.
#pragma once

#include <string>

namespace seqc::examples {

/// A value as its name wants it: shares in percent, seconds, whole numbers in groups of three digits.
std::string figure_text(const std::string& name, double value);

/// The figure's name in summary.json: "test loss", or of a part "gru test loss".
std::string joined_name(const std::string& part, const std::string& name);

}  // namespace seqc::examples
