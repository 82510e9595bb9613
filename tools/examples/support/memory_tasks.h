/// Tasks that ask for memory (Hochreiter and Schmidhuber 1997), made as they are needed: what counts comes early in a
/// sequence, the answer is due at its end.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/training/data/batches.h"

namespace seqc::examples {

/// The adding problem: x f32[T,N,2] holds numbers in [0,1), and marks two of each sequence, one in either half, with 1;
/// y f32[1,N,1] is the sum of those two. Who knows nothing says 1, with a mean squared error of 1/6.
/// Copy memory (copied > 0): x f32[T,N,symbols+1] shows `copied` symbols, then nothing (zeros) until 1 as the last feature
/// says that the last steps are to repeat them; y i64[copied,N]. Who knows nothing has a cross entropy of log(symbols).
struct MemoryTask {
  int64_t steps = 100;  ///< T
  int64_t copied = 0, symbols = 4;
  int64_t due() const { return copied > 0 ? copied : 1; }  ///< at how many last steps there is something to say
  int64_t features() const { return copied > 0 ? symbols + 1 : 2; }
};

struct MemoryBatches {
  int64_t rows = 32;     ///< N
  int64_t batches = 50;  ///< of an epoch
  uint64_t seed = 1;     ///< decides all of them
  bool fresh = true;     ///< every epoch has new ones
};

/// Inputs x and y. Throws Error(BadInput) for sequences that are too short for the task.
training::Batches memory_batches(const MemoryTask& task, const MemoryBatches& options = {});

/// What should have been said to the first `count` sequences of a batch, and what a model says: sums [1,N,1], or shares of
/// symbols [copied,N,symbols]. A line each.
std::string memory_answers(const MemoryTask& task, const training::Batch& batch, const ir::Tensor& says, int64_t count);

}  // namespace seqc::examples
