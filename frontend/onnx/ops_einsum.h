/// Einstein sums of any number of operands as a chain of `contract`, `reduce` and `transpose`.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

/// Labels are letters, one a dim; operands may have size 1 where others have more. Labels that the result lacks are
/// summed over.
Value* einsum(Node& node, std::vector<std::string> labels, const std::string& result, std::vector<Value*> operands);

/// The same from ONNX's text: ellipses, repeated labels (diagonals) and implied results included.
Value* einsum(Node& node, const std::string& equation, std::vector<Value*> operands);

}  // namespace seqc::frontend
