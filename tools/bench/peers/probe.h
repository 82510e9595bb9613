/// Whether the machine is left to us at the moment: other guests of its host take units, caches and clock from it, or have two
/// of our processors share a core.
#pragma once

#include <atomic>
#include <chrono>
#include <vector>

#include "runtime/thread_pool.h"
#include "tools/bench/peers/engine.h"
#include "tools/limit/kernels.h"

namespace seqc::peers {

/// Does the same piece of work whenever it is asked, much like a recurrent layer: multiplies a row with weights from a core's
/// second cache, on each thread with weights of its own, and meets the other threads behind each product.
class Probe {
 public:
  using Clock = std::chrono::steady_clock;

  /// `fastest_us`: what the work takes undisturbed, if that is known from before; 0: found out.
  Probe(int threads, double fastest_us);

  /// How much longer the work takes than undisturbed; 1 when nobody disturbs.
  double slowness();
  /// The same when the machine is quiet, or when it is time to give up.
  double wait(Clock::time_point until);
  double fastest_us() const { return fastest_us_; }

  static constexpr double kQuiet = 1.04;  ///< up to this slowness nobody disturbs

 private:
  struct alignas(128) Flag {
    std::atomic<int64_t> products = 0;
  };
  double microseconds();
  void work(size_t thread);

  limit::Kernel kernel_;
  runtime::ThreadPool pool_;
  std::vector<Tensor> operands_;  ///< of each thread; where they lie in a cache line must not depend on the process
  std::vector<Flag> flags_;
  double fastest_us_;
};

}  // namespace seqc::peers
