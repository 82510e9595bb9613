/// Whether two tensors are equal within a tolerance, as one line for people.
#pragma once

#include <string>

#include "runtime/difference.h"

namespace seqc::tools {

using runtime::index_text;
using runtime::shown_element;
using runtime::Tolerance;

/// Empty when `got` is as wanted, else one line: the first element that is not, how many, and the largest error.
inline std::string difference_text(const ir::Tensor& got, const ir::Tensor& want, const Tolerance& tolerance) {
  const auto found = runtime::difference(got, want, tolerance);
  return found ? found->text() : "";
}

}  // namespace seqc::tools
