/// A function as a picture: one box for each node of the source model, in layers from the inputs down to the outputs.
#pragma once

#include <string>

#include "ir/ir.h"

namespace seqc::tools {

/// An <svg> element without scripts; each box has the full name and its ops as a tooltip. Empty for functions of more boxes
/// than a person looks at (see .cpp).
std::string graph_svg(const ir::Function& function);

}  // namespace seqc::tools
