#include "tools/bench/peers/probe.h"

#include <algorithm>
#include <thread>

namespace seqc::peers {
namespace {

constexpr int kColumns = 4;                                   // vectors; few enough for any processor's registers
constexpr int64_t kDepth = 64, kPanels = 4, kProducts = 100;  // 64 KB with vectors of 64 bytes; about 60 us in all

int64_t panel_size() { return kDepth * kColumns * limit::lanes_of(0); }

}  // namespace

Probe::Probe(int threads, double fastest_us)
    : kernel_(limit::kernel(0, 1, kColumns, 1)),
      pool_(threads),
      flags_(static_cast<size_t>(threads)),
      fastest_us_(fastest_us) {
  const int64_t out = limit::kMaxColumns * limit::lanes_of(0);
  for (int i = 0; i < threads; ++i)
    operands_.emplace_back(SEQC_F32, std::vector{panel_size() * kPanels + kDepth + out});
  for (int i = 0; i < 20; ++i) slowness();
}

void Probe::work(size_t thread) {
  float* weights = operands_[thread].floats();
  float *row = weights + panel_size() * kPanels, *out = row + kDepth;
  for (int64_t product = 0; product < kProducts; ++product) {
    for (int64_t i = 0; i < kPanels; ++i) kernel_(weights + i * panel_size(), row, kDepth, out);
    const int64_t done = flags_[thread].products.fetch_add(1, std::memory_order_release) + 1;
    for (const Flag& other : flags_)
      while (other.products.load(std::memory_order_acquire) < done) {
      }
  }
}

double Probe::microseconds() {
  const auto start = Clock::now();
  pool_.run([](void* probe, int32_t thread) { static_cast<Probe*>(probe)->work(static_cast<size_t>(thread)); }, this,
            pool_.count());
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

double Probe::slowness() {
  constexpr int kWarming = 10, kTries = 3;
  for (int i = 0; i < kWarming; ++i) microseconds();  // wakes the other threads, fills the caches
  double now = microseconds();
  for (int i = 1; i < kTries; ++i) now = std::min(now, microseconds());
  fastest_us_ = fastest_us_ > 0 ? std::min(fastest_us_, now) : now;
  return now / fastest_us_;
}

double Probe::wait(Clock::time_point until) {
  constexpr std::chrono::milliseconds kPause(5);
  double found = slowness();
  while (found > kQuiet && Clock::now() < until) {
    std::this_thread::sleep_for(kPause);
    found = slowness();
  }
  return found;
}

}  // namespace seqc::peers
