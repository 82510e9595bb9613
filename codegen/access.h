/// Which element of a buffer a kernel reads, as a function of its loop variables.
#pragma once

#include <optional>
#include <vector>

#include "ir/ir.h"

namespace llvm {
class Value;
}

namespace seqc::codegen {

/// An index: offset + coefficient * x, where x is a loop variable, or a computed i64 (one, or one a lane), or 0.
struct Coordinate {
  ir::Dim offset;
  int variable = -1;
  ir::Dim coefficient = 1;
  llvm::Value* computed = nullptr;

  bool operator==(const Coordinate&) const = default;
};

/// One coordinate a dim.
using Coordinates = std::vector<Coordinate>;

/// Loop variable i for dim i.
Coordinates identity_coordinates(size_t rank);

/// Coordinates of an operand of shape `operand`, broadcast NumPy-fashion to a result of shape `result` at `at`.
Coordinates broadcast_coordinates(const Coordinates& at, const ir::Shape& result, const ir::Shape& operand);

/// Coordinates of the operand of an affine index op (transpose, broadcast, slice) for its result at `at`.
Coordinates operand_coordinates(const ir::Op& op, const Coordinates& at);

/// A linear address into a row-major buffer: offset + sum of strides[v] * variable v, in elements.
struct Access {
  const ir::Value* buffer;
  ir::Dim offset;
  std::vector<ir::Dim> strides;

  bool operator==(const Access&) const = default;
};

/// Follows `value` through the affine index ops of `kernel`'s region to a buffer outside of it; null when another op
/// stands between. `variables` is the number of loop variables.
std::optional<Access> buffer_access(const ir::Value* value, const Coordinates& at, const ir::Block& kernel,
                                    size_t variables);

/// Row-major strides of a shape.
std::vector<ir::Dim> row_major_strides(const ir::Shape& shape);

}  // namespace seqc::codegen
