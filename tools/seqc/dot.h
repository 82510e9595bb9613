/// A function as a graph for Graphviz.
#pragma once

#include <string>

#include "ir/ir.h"

namespace seqc::tools {

/// One box an op, one edge a value, one frame a region. Small constants stand in the boxes, large ones only by type.
std::string dot(const ir::Function& function);

}  // namespace seqc::tools
