/// Types of tensors: element type, and a shape whose dims may be names.
#pragma once

#include <string>

#include "ir/dim.h"
#include "ir/dtype.h"

namespace seqc::ir {

/// A tensor type: element type and shape of numeric or named dims.
struct Type {
  DType dtype = DType::f32;
  Shape shape;

  int64_t rank() const { return static_cast<int64_t>(shape.size()); }
  std::string str() const;  ///< "f32[T,N,28]"
  bool operator==(const Type&) const = default;
};

}  // namespace seqc::ir
