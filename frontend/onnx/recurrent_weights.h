/// Cuts the packed weights of ONNX recurrent operators into gates; constants are cut at once, others by slice ops.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

/// weights[direction, start : start + rows, ...] without the first dim.
Value* gate_rows(Builder& builder, Value* weights, int64_t direction, const Dim& start, const Dim& rows);

/// a + b of one shape and type.
Value* add_biases(Builder& builder, Value* a, Value* b);

}  // namespace seqc::frontend
