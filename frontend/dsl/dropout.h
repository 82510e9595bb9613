/// Dropout: noise that keeps a model from relying on single features while it trains, and is not there in use.
#pragma once

#include <string>
#include <vector>

#include "frontend/dsl/model.h"

namespace seqc::dsl {

/// In training each element is 0 with probability `rate` and else divided by 1 - rate (Srivastava et al. 2014); in use
/// nothing happens. Which ones are kept is a function of the model's seed, the name, the training step, the steps of
/// the scans around it and the element's position: the same for every number of threads, and after a resumption.
///
///   dsl::Dropout drop(model, "drop", 0.5);
///   drop(x)                    each element by itself; inside a cell, other ones at every step
///   drop(x, {0})               elements along axis 0 together: whole channels of x[N,C,W] with {2}, or one mask for all
///                              steps of x[T,N,I] with {0}
///   cell.recurrent = drop.same_at_every_step();   one mask for a state, see RnnCell (Gal and Ghahramani 2016)
class Dropout {
 public:
  /// Throws Error(BadInput) for a rate outside of [0, 1), and for a second one of that name.
  Dropout(Model& model, const std::string& name, double rate);

  Var operator()(const Var& x, const std::vector<int64_t>& shared_axes = {}) const;

  /// The same, but inside of cells with one mask for all steps.
  Dropout same_at_every_step() const;

 private:
  Var step_;
  uint64_t key_;
  double rate_;
  bool follows_steps_ = true;
};

}  // namespace seqc::dsl
