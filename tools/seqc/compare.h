/// Whether two tensors are equal within a tolerance.
#pragma once

#include <string>

#include "ir/tensor.h"

namespace seqc::tools {

/// |got - want| <= absolute + relative * |want|; integers and bools must be equal.
struct Tolerance {
  double relative = 1e-3, absolute = 1e-5;
};

/// Empty when `got` is as wanted, else one line: the first element that is not, how many, and the largest error.
std::string difference(const ir::Tensor& got, const ir::Tensor& want, const Tolerance& tolerance);

}  // namespace seqc::tools
