/// Bounds for gradients, applied within the step before the optimiser sees them.
#pragma once

#include <string>

namespace seqc::training {

struct Clip {
  enum class Kind { None, Value, Norm, GlobalNorm } kind = Kind::None;
  double bound = 0;

  std::string str() const;
};

/// Every element to [-bound, bound].
Clip by_value(double bound);
/// The gradient of each parameter to a Euclidean norm of no more than `bound`.
Clip by_norm(double bound);
/// All gradients together to a norm of no more than `bound` (Pascanu, Mikolov and Bengio 2013).
Clip by_global_norm(double bound);

}  // namespace seqc::training
