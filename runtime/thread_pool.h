/// Threads that run one call's work together; what `seqc_threads` of the C ABI stands for.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "runtime/seqc.h"

namespace seqc::runtime {

/// A fixed number of threads, the caller's among them. Between calls the others spin for a short while, so that a call
/// that follows soon finds them awake and makes no system call, and then sleep. Serves one call at a time.
class ThreadPool {
 public:
  /// `count` threads in all; throws Error(BadInput) when that is not in [1, 1024] or the system refuses them.
  explicit ThreadPool(int32_t count);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// For seqc_model::run; lives as long as the pool.
  const seqc_threads* handle() const { return &handle_; }
  int32_t count() const { return handle_.count; }

  using Task = void (*)(void* argument, int32_t thread);
  /// Calls task(argument, i) for i in [0, count) at the same time, count <= count(); returns when all have.
  void run(Task task, void* argument, int32_t count) noexcept;

 private:
  struct alignas(64) Worker {
    std::atomic<uint32_t> calls{0};  ///< how many it was told to do
    std::thread thread;
  };
  void work(Worker& worker, int32_t index, int caller_processor) noexcept;
  void stop() noexcept;

  // Written by the caller before a worker's `calls` goes up, read by that worker afterwards.
  Task task_ = nullptr;
  void* argument_ = nullptr;
  int caller_processor_ = -1;                 ///< where the caller runs: workers go elsewhere
  alignas(64) std::atomic<int32_t> busy_{0};  ///< workers that have not finished the call
  int spins_;                                 ///< looks before a worker goes to sleep
  std::vector<std::unique_ptr<Worker>> workers_;
  seqc_threads handle_{};
};

}  // namespace seqc::runtime
