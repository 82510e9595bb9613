/// Whether two engines computed the same: a speed of wrong numbers is no result.
#pragma once

#include <vector>

#include "tools/bench/peers/engine.h"

namespace seqc::peers {

struct Agreement {
  double largest = 0;  ///< absolute difference over all outputs; infinite where one is NaN and the other is not
  double excess = 0;   ///< largest |got - want| / (atol + rtol * |want|): up to 1 is agreement
};

/// `got` may be the first ones of the outputs only. Throws std::runtime_error when types or shapes differ.
Agreement compare(const std::vector<Tensor>& got, const std::vector<Tensor>& want, double atol, double rtol);

}  // namespace seqc::peers
