/// Inputs made of random numbers, the same on every machine for the same seed.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/ports.h"

namespace seqc::tools {

/// One tensor for each port: floats uniform in [-1, 1), integers in [0, 3], bools. Names in the ports' shapes take their
/// values from `dims`; what is not in there is 1 and added to it. Throws Error(BadInput) for sizes beyond this
/// machine's memory.
std::vector<ir::Tensor> random_inputs(const std::vector<runtime::Port>& ports, ir::DimBindings& dims, uint64_t seed);

}  // namespace seqc::tools
