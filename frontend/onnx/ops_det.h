/// Determinants; listed in ops_matmul.cpp.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

void import_det(Node& node);

}  // namespace seqc::frontend
