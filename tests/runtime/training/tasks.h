/// Small models and made-up data that tests of training share.
#pragma once

#include <memory>
#include <vector>

#include "ir/ir.h"
#include "runtime/training/batch_source.h"

namespace seqc::test {

/// The same batches in every epoch.
class Batches : public training::BatchSource {
 public:
  explicit Batches(std::vector<training::Batch> batches) : batches_(std::move(batches)) {}
  int64_t size(int64_t) const override { return static_cast<int64_t>(batches_.size()); }
  training::Batch batch(int64_t, int64_t index) const override { return batches_[static_cast<size_t>(index)]; }

 private:
  std::vector<training::Batch> batches_;
};

/// The adding problem (Hochreiter and Schmidhuber 1997): x[T,N,2] holds numbers in [0, 1) and marks two of each
/// row's, target[N] is their sum. Other batches in every epoch.
class AddingProblem : public training::BatchSource {
 public:
  AddingProblem(int64_t steps, int64_t rows, int64_t batches, uint64_t seed)
      : steps_(steps), rows_(rows), batches_(batches), seed_(seed) {}
  int64_t size(int64_t) const override { return batches_; }
  training::Batch batch(int64_t epoch, int64_t index) const override;

 private:
  int64_t steps_, rows_, batches_;
  uint64_t seed_;
};

/// An LSTM with a dense layer behind its last state, for the adding problem: outputs "prediction", "loss" and "error", its root.
/// With `dropout` above 0, on its input, state and output.
std::unique_ptr<ir::Function> adding_model(int64_t hidden, double dropout = 0);

/// x[N,2] f64 and targets[N,1], w[1,2], b[1]: a model that is linear, with the loss (x·wᵀ + b - t)^2 / 2 in the mean.
std::unique_ptr<ir::Function> linear_model();

}  // namespace seqc::test
