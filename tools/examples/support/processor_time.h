/// How much time of the processors the training batches of an epoch take: other programs on the machine do not count.
#pragma once

#include <vector>

#include "runtime/training/trainer.h"

namespace seqc::examples {

/// Must live as long as training goes on. What `options` call after batches is still called.
class ProcessorTime {
 public:
  explicit ProcessorTime(training::TrainOptions& options);
  ProcessorTime(const ProcessorTime&) = delete;
  ProcessorTime& operator=(const ProcessorTime&) = delete;
  /// Of all threads together, for each epoch that was trained from its beginning and has two batches or more.
  const std::vector<double>& epoch_seconds() const { return epoch_seconds_; }

 private:
  double first_batch_ = -1;
  std::vector<double> epoch_seconds_;
};

}  // namespace seqc::examples
