/// Gradients in the form in which clipping and optimisers take them: whole, or only the rows that differ from zero.
#pragma once

#include "frontend/dsl/var.h"
#include "passes/differentiate.h"
#include "runtime/training/clip.h"
#include "runtime/training/optimizers.h"

namespace seqc::training {

/// The derivative by one parameter.
class ParameterGradient {
 public:
  ParameterGradient(dsl::Context& context, ir::Value* parameter, const passes::Gradient& gradient);

  bool is_sparse() const { return static_cast<bool>(indices_); }
  /// The sum of the squares of its elements, f64[].
  dsl::Var square() const;
  /// Replaces each element x by f(x); of 0 that must be 0.
  void apply(const std::function<dsl::Var(const dsl::Var&)>& f) { elements_ = f(elements_); }
  /// What the optimiser makes of it: the whole parameter, or the rows that have a gradient put into their places.
  Updated update(const Optimizer& optimizer, const dsl::Vars& states, const dsl::Var& rate, const dsl::Var& step) const;

 private:
  dsl::Var parameter_;
  dsl::Var elements_;  ///< [parameter's shape]; sparse: [K, ...], the sum of each row once, zeros where it is repeated
  dsl::Var indices_;   ///< i64[K], absent if dense
  dsl::Var place_;     ///< i64[K]: where in `elements_` each index has its sum
};

/// Bounds the gradients, and returns the norm of all of them before that, f64[].
dsl::Var clip_gradients(const Clip& clip, std::vector<ParameterGradient>& gradients, dsl::Context& context);

}  // namespace seqc::training
