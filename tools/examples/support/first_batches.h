/// The first batches of every epoch, for trials and measurements.
#pragma once

#include <algorithm>

#include "runtime/training/batch_source.h"

namespace seqc::examples {

/// Uses `source` as long as it lives.
class FirstBatches final : public training::BatchSource {
 public:
  /// All of them if `count` is 0.
  FirstBatches(const training::BatchSource& source, int64_t count) : source_(source), count_(count) {}
  int64_t size(int64_t epoch) const override {
    return count_ > 0 ? std::min(count_, source_.size(epoch)) : source_.size(epoch);
  }
  training::Batch batch(int64_t epoch, int64_t index) const override { return source_.batch(epoch, index); }
  int64_t batch_axis(const std::string& input) const override { return source_.batch_axis(input); }

 private:
  const training::BatchSource& source_;
  int64_t count_;
};

}  // namespace seqc::examples
