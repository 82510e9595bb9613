#include "runtime/thread_pool.h"

#ifdef __linux__
#include <sched.h>
#endif

#include <system_error>

#include "ir/error.h"

namespace seqc::runtime {
namespace {

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

#ifdef __linux__
int processor() { return sched_getcpu(); }

/// Keeps a thread off the processor of another. Threads that sleep and wake in turns are never waiting at the same time, so
/// that the system sees no reason to part them; and to move one takes it longer than a short call.
class Elsewhere {
 public:
  /// For the calling thread, until it is called with another processor. Does nothing where there is no choice.
  void than(int processor) {
    if (processor == avoided_) return;
    cpu_set_t now;
    if (sched_getaffinity(0, sizeof now, &now) != 0) return;
    if (avoided_ < 0 || !CPU_EQUAL(&now, &mine_)) all_ = now;  // else nobody has said since where it may run
    avoided_ = processor;
    mine_ = all_;
    CPU_CLR(processor, &mine_);
    if (CPU_COUNT(&mine_) == 0 || sched_setaffinity(0, sizeof mine_, &mine_) != 0) mine_ = now;
  }

 private:
  cpu_set_t all_, mine_;  // where it may run, and where it may beside the other
  int avoided_ = -1;
};
#else
int processor() { return -1; }
struct Elsewhere {
  void than(int) {}
};
#endif

/// About 100 microseconds on current processors: longer than the gap between calls of a real-time loop's inner steps,
/// short enough that an idle pool costs nothing.
constexpr int kSpins = 2000;
/// About a millisecond: longer than it takes others to wake up.
constexpr int kYields = 2000;
constexpr int32_t kMaxThreads = 1024;

}  // namespace

ThreadPool::ThreadPool(int32_t count) {
  if (count < 1 || count > kMaxThreads)
    fail(ErrorKind::BadInput, "threads: got {}, expected a number from 1 to {}", count, kMaxThreads);
  // Spinning only helps when every thread has a core of its own.
  spins_ = count <= static_cast<int32_t>(std::thread::hardware_concurrency()) ? kSpins : 0;
  handle_.count = count;
  handle_.pool = this;
  handle_.run = [](void* pool, void (*task)(void*, int32_t), void* argument, int32_t threads) {
    static_cast<ThreadPool*>(pool)->run(task, argument, threads);
  };
  try {
    for (int32_t i = 1; i < count; ++i) {
      workers_.push_back(std::make_unique<Worker>());
      workers_.back()->thread =
          std::thread([this, worker = workers_.back().get(), i, here = processor()] { work(*worker, i, here); });
    }
  } catch (const std::system_error& error) {
    stop();
    fail(ErrorKind::BadInput, "threads: {} could not be started: {}", count, error.what());
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() noexcept {
  task_ = nullptr;  // the sign to leave
  for (const auto& worker : workers_) {
    worker->calls.fetch_add(1, std::memory_order_release);
    worker->calls.notify_one();
  }
  for (const auto& worker : workers_)
    if (worker->thread.joinable()) worker->thread.join();
}

void ThreadPool::work(Worker& worker, int32_t index, int caller_processor) noexcept {
  Elsewhere elsewhere;
  elsewhere.than(caller_processor);
  for (uint32_t done = 0;; ++done) {
    for (int spin = 0; spin < spins_ && worker.calls.load(std::memory_order_acquire) == done; ++spin) relax();
    worker.calls.wait(done, std::memory_order_acquire);
    if (!task_) return;
    elsewhere.than(caller_processor_);
    task_(argument_, index);
    if (busy_.fetch_sub(1, std::memory_order_release) == 1) busy_.notify_one();
  }
}

void ThreadPool::run(Task task, void* argument, int32_t count) noexcept {
  task_ = task;
  argument_ = argument;
  caller_processor_ = processor();
  busy_.store(count - 1, std::memory_order_relaxed);
  for (int32_t i = 0; i + 1 < count; ++i) {
    workers_[static_cast<size_t>(i)]->calls.fetch_add(1, std::memory_order_release);
    workers_[static_cast<size_t>(i)]->calls.notify_one();
  }
  task(argument, 0);
  for (int spin = 0; spin < spins_ && busy_.load(std::memory_order_acquire) != 0; ++spin) relax();
  // A caller that went to sleep would be woken on the processor of one of the others, and send it elsewhere.
  for (int spin = 0; spins_ > 0 && spin < kYields && busy_.load(std::memory_order_acquire) != 0; ++spin)
    std::this_thread::yield();
  for (int32_t busy = 0; (busy = busy_.load(std::memory_order_acquire)) != 0;) busy_.wait(busy);
}

}  // namespace seqc::runtime
