/// Trainings that tests run in one process and in several.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/training/trainer.h"

namespace seqc::test {

struct RanksTask {
  std::string name;
  std::shared_ptr<const ir::Function> model;
  training::TrainerOptions options;
  std::shared_ptr<const training::BatchSource> data;
  bool validates = false;

  const training::BatchSource* validation() const { return validates ? data.get() : nullptr; }
};

/// An LSTM with dropout; words with lengths, weights, embeddings whose gradients are rows, carried states, L2 and accuracy;
/// a loss that is a root.
std::vector<RanksTask> ranks_tasks();

}  // namespace seqc::test
