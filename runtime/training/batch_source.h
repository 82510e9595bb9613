/// Where a trainer gets its batches from.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "ir/tensor.h"

namespace seqc::training {

/// A tensor for each input of the model that the data gives, by name.
using Batch = std::map<std::string, ir::Tensor>;

/// The batches of every epoch, each found by its number: what has been read is no state of the source, so that training
/// goes on anywhere by asking for the next number.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  /// How many batches an epoch has; epochs count from 0 and may differ in their order and in what is padded with what.
  virtual int64_t size(int64_t epoch) const = 0;
  /// Batch `index` of the epoch, the same whenever it is asked for. May be called by several threads at once.
  virtual Batch batch(int64_t epoch, int64_t index) const = 0;
  /// The axis of an input's tensors that counts the examples of a batch; -1 if all examples share one value.
  virtual int64_t batch_axis(const std::string& /*input*/) const { return 0; }
};

}  // namespace seqc::training
