#include "tools/bench/peers/roofline/team.h"

#include <stdexcept>

namespace seqc::peers::roofline {

namespace {

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Team::Team(int threads) : threads_(threads) {
  if (threads < 1 || threads > 2) throw std::runtime_error("the roofline is known for one and two threads");
  if (threads == 2) other_ = std::thread([this] { serve(); });
}

Team::~Team() {
  if (!other_.joinable()) return;
  work_ = nullptr;
  start_.count.fetch_add(1, std::memory_order_release);
  start_.count.notify_one();
  other_.join();
}

void Team::run(const std::function<void(int)>& work) {
  if (threads_ == 1) return work(0);
  work_ = &work;
  start_.count.fetch_add(1, std::memory_order_release);
  start_.count.notify_one();
  work(0);
  meet(0);
}

void Team::meet(int thread) {
  if (threads_ == 1) return;
  const uint32_t mine = arrived_[thread].count.load(std::memory_order_relaxed) + 1;
  arrived_[thread].count.store(mine, std::memory_order_release);
  const std::atomic<uint32_t>& other = arrived_[1 - thread].count;
  for (int looks = 0; other.load(std::memory_order_acquire) - mine > UINT32_MAX / 2; ++looks) {
    if (looks > 200) pause();
    if (looks > 20'000) std::this_thread::yield();  // the other has no core of its own
  }
}

void Team::serve() {
  for (uint32_t seen = 0;; ++seen) {
    constexpr int kLooks = 20'000;  // a few tenths of a millisecond
    for (int looks = 0; looks < kLooks && start_.count.load(std::memory_order_acquire) == seen; ++looks) pause();
    start_.count.wait(seen, std::memory_order_acquire);
    if (!work_) return;
    (*work_)(1);
    meet(1);
  }
}

}  // namespace seqc::peers::roofline
