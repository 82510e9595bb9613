/// How far training has come: everything that decides how it goes on.
#pragma once

#include <string>
#include <vector>

#include "runtime/training/step.h"
#include "runtime/training/trainer.h"

namespace seqc::training {

struct ProgressState {
  std::vector<ir::Tensor> kept;            ///< parameters, then the optimiser's states, as StepFunction lists them
  std::vector<ir::Tensor> carried;         ///< from the last batch; empty at the start of an epoch
  std::vector<ir::Tensor> best;            ///< parameters of the best epoch; empty where nobody asked for them
  int64_t step = 0, epoch = 0, batch = 0;  ///< those that come next
  std::vector<double> sums;                ///< of metrics in this epoch, times rows
  double rows = 0;
  std::vector<EpochReport> history;
};

}  // namespace seqc::training
