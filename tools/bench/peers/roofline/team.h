/// One or two threads that run a function together and meet at a barrier: the least that sharing a recurrence costs.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

namespace seqc::peers::roofline {

class Team {
 public:
  /// `threads`: 1 or 2, the caller's among them.
  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;

  int threads() const { return threads_; }
  /// Calls work(thread) in every thread; returns when all have ended. The other thread spins for a short while between
  /// calls and then sleeps, so that it does not take a core away from whoever is measured next.
  void run(const std::function<void(int)>& work);
  /// To be called by every thread of a run equally often.
  void meet(int thread);

 private:
  struct alignas(64) Flag {
    std::atomic<uint32_t> count{0};
  };
  void serve();

  int threads_;
  const std::function<void(int)>* work_ = nullptr;
  Flag start_, arrived_[2];
  std::thread other_;
};

}  // namespace seqc::peers::roofline
