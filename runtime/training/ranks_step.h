/// A step of training for a process that has some rows of each batch, as functions between which ranks add up what they
/// have: together they compute what training_step computes of the whole batch.
///
/// Metrics are a function F of sums over all rows S (and of parameters, for L2 and the like, and of common data):
///
///   totals     batch -> the common data of F, and what seeds need of S       [add up S over ranks]
///   seeds      S -> dF/dS of the loss, where S depends on parameters
///   gradients  batch, dF/dS -> S, checks, carried, gradients of sum dF/dS S  [add up S and gradients over ranks, those
///                                                                             that are written while it goes on]
///   update     S, gradients -> metrics F(S), norm, parameters, states        clipping sees the whole gradients
///
/// Losses that are means over the sum of weights, with a mask or without, need nothing of S for their seeds but what
/// data alone decide: `totals` then is a small part of the model. Others (a root of a mean) run it forward once more.
#pragma once

#include "runtime/training/step.h"

namespace seqc::training {

/// Inputs that the data do not give: their length says how many rows the batch has, and how many are those of the ranks in
/// front of this one.
inline constexpr const char* kAllRows = "rows of all ranks";
inline constexpr const char* kRowsBefore = "rows of ranks before";

struct RanksStep {
  /// Lists as of training_step (or evaluation_step); its function is the model's part in front.
  StepFunction step;
  std::vector<ir::Type> sums;  ///< S
  std::vector<size_t> seeded;  ///< of S, those that have an input seed:I of `gradients`
  std::vector<size_t> early;   ///< of S, those that `seeds` takes
  size_t commons = 0;          ///< numbered inputs common:J of `seeds` and `update`
  std::vector<bool> sparse;    ///< for each parameter: its gradient is indices and rows
  // Outputs in this order:
  std::unique_ptr<ir::Function> totals;     ///< early S, commons; in evaluation all S, commons, checks, carried
  std::unique_ptr<ir::Function> seeds;      ///< of `seeded`
  std::unique_ptr<ir::Function> gradients;  ///< S, checks, carried, gradients (sparse: indices, rows)
  std::unique_ptr<ir::Function> update;     ///< metrics; norm, parameters, states
};

/// Throws Error(Unsupported) for models in which rows meet otherwise than in sums, naming where.
RanksStep ranks_training_step(const ir::Function& model, const TrainerOptions& options);
RanksStep ranks_evaluation_step(const ir::Function& model, const TrainerOptions& options);

}  // namespace seqc::training
