/// Strings are moved and never computed with: which operators do no more than that.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

/// True for operators that move, select, shape or count elements whatever they are.
bool moves_strings(std::string_view domain, std::string_view name);

/// Refuses an operator that would compute with a string tensor, or a sequence of them, among its inputs.
void require_moved_strings(const Node& node, std::string_view domain);

}  // namespace seqc::frontend
