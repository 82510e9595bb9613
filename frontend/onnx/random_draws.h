/// Random numbers as a function of a seed and of each element's position, out of integer ops of the IR.
///
/// Nothing is carried from one draw to the next: number i of a stream is SplitMix64's (Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", 2014), mix(key + (i+1) * 0x9e3779b97f4a7c15), and the key is a hash of
/// seed and stream. So a seed gives the same numbers on every run, for every number of threads, interpreted or compiled.
/// Inside of loops the number of the step enters the key as well: every step draws other numbers.
#pragma once

#include <cstdint>

#include "frontend/onnx/node.h"

namespace seqc::frontend {

/// The bijection of 64-bit numbers at the end of SplitMix64 (its constants are Stafford's variant 13).
uint64_t mix_bits(uint64_t z);

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
