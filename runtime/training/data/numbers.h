/// Checks and conversions of the numbers in a data set.
#pragma once

#include <string>
#include <vector>

#include "ir/tensor.h"

namespace seqc::training {

/// Refuses floats that are NaN or infinite, naming the first one's place.
void check_finite(const std::string& input, const ir::Tensor& values);

/// A tensor full of one number; refuses a number that the type cannot hold.
ir::Tensor filled(ir::DType type, const std::vector<int64_t>& shape, double value, const std::string& input);

}  // namespace seqc::training
