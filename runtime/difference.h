/// Whether two tensors are equal within a tolerance, and where they first differ.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/tensor.h"

namespace seqc::runtime {

/// |got - want| <= absolute + relative * |want|; integers, bools and strings must be equal.
struct Tolerance {
  double relative = 1e-3, absolute = 1e-5;
};

struct Difference {
  std::string types;   ///< where types or shapes differ: "got f32[3], expected f32[4]"; the rest is not set then
  int64_t first = -1;  ///< the first element that differs, in row-major order
  int64_t wrong = 0, count = 0;  ///< elements that differ, and all
  double largest = 0;            ///< of |got - want| among those that differ
  std::string index, got, want;  ///< of the first: "[2,0,5]", "0.25", "0.5"

  /// "[2,0,5]: got 0.25, expected 0.5; 3 of 60 elements differ, by at most 0.31".
  std::string text() const;
};

std::optional<Difference> difference(const ir::Tensor& got, const ir::Tensor& want, const Tolerance& tolerance);

/// A row-major position as an index: `[2,0,5]`.
std::string index_text(const std::vector<int64_t>& shape, int64_t position);
/// Element i for people.
std::string shown_element(const ir::Tensor& tensor, int64_t i);

}  // namespace seqc::runtime
