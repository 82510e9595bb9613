/// Random numbers as a function of a seed and of each element's position, out of integer ops of the IR.
///
/// The generator is that of frontend/dsl/random.h; the key is a hash of seed and stream.
/// Inside of loops the number of the step enters the key as well: every step draws other numbers.
#pragma once

#include <cstdint>

#include "frontend/onnx/node.h"

namespace seqc::frontend {

/// The draws of one node.
class RandomDraws {
 public:
  /// Seeded by the node's attribute `seed`, a float or (`integer_seed`) an integer. Without it, by a hash of the node's
  /// name (its operator and first output, if it has none) and of how many nodes of that name came before.
  explicit RandomDraws(Node& node, bool integer_seed = false);

  /// Uniform in [0, 1): multiples of 2^-24 (f32; f16 and bf16 draw as f32) or of 2^-53 (f64). Streams are independent.
  Value* uniform(const Shape& shape, DType type, uint64_t stream = 0) const;
  /// Normal with mean 0 and variance 1, of f32 or f64; takes streams 0 and 1.
  Value* normal(const Shape& shape, DType type) const;
  /// The type that numbers of a type are computed in.
  static DType working_type(DType type) { return type == DType::f64 ? DType::f64 : DType::f32; }

 private:
  Node& node_;
  uint64_t key_;
};

}  // namespace seqc::frontend
