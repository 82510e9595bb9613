/// Shape arithmetic: operators on small tensors whose elements are known as expressions over named dims.
#pragma once

#include "frontend/onnx/graph.h"

namespace seqc::frontend {

/// Sets the output of an operator from known contents; false (with no output set) when they are not known.
struct ContentsRule {
  std::string_view name;
  bool (*import)(Node&);
};
std::span<const ContentsRule> arithmetic_rules();  // contents_arithmetic.cpp
std::span<const ContentsRule> movement_rules();    // contents_movement.cpp

/// Numbers and coefficients that products of two cannot take out of 64 bits, and few terms: arithmetic on others is
/// left to run time.
bool tame(const Dim& dim);
/// True if the number can be an element of that type; expressions are taken to fit.
bool fits(const Dim& dim, DType type);
/// The product; more than kMaxContents if it is large.
int64_t count_of(const std::vector<int64_t>& shape);
/// The sizes, for numeric shapes of few elements only.
std::optional<std::vector<int64_t>> small_shape(const Shape& shape);

inline constexpr int64_t kMaxContents = 256;  ///< elements

}  // namespace seqc::frontend
