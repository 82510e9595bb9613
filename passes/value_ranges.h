/// Between which numbers the elements of a value lie, as far as the ops that compute it tell.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "ir/ir.h"

namespace seqc::passes {

/// A closed interval. NaN may occur whatever it says.
struct Range {
  double least = -std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::infinity();

  /// The largest magnitude; infinite if there is none.
  double magnitude() const { return std::max(std::abs(least), std::abs(most)); }
};

/// Finds the ranges of floats of one function, each once. They hold up to the rounding of the ops.
class ValueRanges {
 public:
  Range of(const ir::Value* value);

 private:
  Range computed(const ir::Op& op, int result);
  Range of_argument(const ir::Value* argument);
  Range of_carry(const ir::Op& scan, int carry);

  std::map<const ir::Value*, Range> known_;  // without bounds while it is being found: then nothing follows from itself
};

}  // namespace seqc::passes
