/// Picking elements by a mask: how many there are is known at run time only, and becomes a named dim.
#pragma once

#include <string>

#include "frontend/onnx/node.h"

namespace seqc::frontend {

struct Selection {
  Dim count;         ///< a dim that the run binds
  Value* positions;  ///< i64[count], ascending
};
/// Where `mask` (bool[n]) is true; `hint` names the new dim. `at_most` is a bound smaller than n, if there is one.
Selection select_true(Builder& b, Value* mask, const std::string& hint, std::optional<Dim> at_most = std::nullopt);

/// Sum of the elements before and at each position of a 1-D tensor.
Value* running_sum(Builder& b, Value* x);

}  // namespace seqc::frontend
