/// Whether two tensors are equal within a tolerance.
#pragma once

#include <string>
#include <vector>

#include "ir/tensor.h"

namespace seqc::tools {

/// |got - want| <= absolute + relative * |want|; integers and bools must be equal.
struct Tolerance {
  double relative = 1e-3, absolute = 1e-5;
};

/// Empty when `got` is as wanted, else one line: the first element that is not, how many, and the largest error.
std::string difference(const ir::Tensor& got, const ir::Tensor& want, const Tolerance& tolerance);

/// A row-major position as an index: `[2,0,5]`.
std::string index_text(const std::vector<int64_t>& shape, int64_t position);
/// Element i for people.
std::string shown_element(const ir::Tensor& tensor, int64_t i);

}  // namespace seqc::tools
