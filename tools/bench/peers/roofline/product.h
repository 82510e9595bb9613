/// One matrix product of the roofline: packed weights, packed rows, and the tile shape that is the fastest for them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/bench/peers/engine.h"
#include "tools/limit/kernels.h"

namespace seqc::peers::roofline {

using limit::Kernel;
using limit::kernel;
using limit::kMaxColumns;
using limit::kMaxRows;
using limit::lanes_of;

struct Shape {
  int width = 0;            ///< see lanes_of
  int rows = 1;             ///< rows of a register tile, at most
  int columns = 1;          ///< its vectors, at most
  int chains = 1;           ///< partial sums
  int64_t chunk = 1 << 30;  ///< rows for which all weights are swept before the next rows
};
std::string to_string(const Shape& shape);

/// A share of a product: all of it, or the part-th of `parts` of its columns or rows.
struct Share {
  int part = 0, parts = 1;
  bool of_rows = false;
};

/// The calls of inner loops that make up a share of a product, worked out beforehand.
struct Sweep {
  struct Call {
    Kernel kernel;
    const float *panel, *rows;
  };
  int64_t k = 0;
  std::vector<Call> calls;

  /// `backward` runs through the weights from the last panel to the first.
  void run(bool backward) const;
};

/// [rows, k] times [k, columns].
class Product {
 public:
  Product(int64_t rows, int64_t k, int64_t columns);

  /// Multiplies the first `rows` rows. Holds addresses of this product's tensors, which moving it does not change.
  Sweep sweep(int64_t rows, const Share& share) const;
  /// Tries shapes for a share of `rows` rows, every other sweep backward, and keeps the fastest.
  void tune(int64_t rows, const Share& share);

  const Shape& shape() const { return shape_; }
  double multiply_adds() const { return static_cast<double>(k_) * static_cast<double>(columns_); }  ///< a row

 private:
  void add(Sweep& sweep, int64_t first_row, int64_t last_row, int64_t first, int64_t last) const;
  std::vector<Shape> candidates(int64_t rows, int64_t columns) const;
  void keep_fastest(const std::vector<Shape>& shapes, int64_t rows, const Share& share);

  int64_t k_, columns_;
  Tensor weights_, rows_;
  Shape shape_;
};

}  // namespace seqc::peers::roofline
