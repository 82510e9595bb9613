/// How fast this machine multiplies and adds, and how fast it can read weights for it, measured on the spot.
#pragma once

#include <cstdint>
#include <map>

#include "runtime/thread_pool.h"

namespace seqc::limit {

/// The figures are those of all threads together, which work at the same time. Each is measured when it is asked for first,
/// in a tenth of a second: several tile shapes are tried, and the fastest is taken.
class Peaks {
 public:
  /// Throws Error(BadInput) as runtime::ThreadPool does.
  explicit Peaks(int threads) : pool_(threads) {}

  /// Multiply-adds a second of f32, with both operands in the nearest cache.
  double multiply_adds();
  /// Bytes a second when one row is multiplied with `bytes` of weights again and again, forward and backward in turns,
  /// each thread with its share of them: what a recurrence does with its weights. More than 128 MiB, which no cache holds,
  /// are measured as that.
  double bytes(uint64_t bytes);

 private:
  template <class Work>
  double best_rate(double amount, const Work& work);

  runtime::ThreadPool pool_;
  double multiply_adds_ = 0;
  std::map<uint64_t, double> bytes_;
};

}  // namespace seqc::limit
