#include "tools/limit/peaks.h"

#include <algorithm>
#include <vector>

#include "runtime/compile.h"
#include "tools/limit/kernels.h"

namespace seqc::limit {
namespace {

constexpr uint64_t kLine = 16;  // floats in 64 bytes

/// Floats that begin on a cache line.
struct Floats {
  explicit Floats(uint64_t count) : memory(count + kLine, 0.5f) {
    const auto address = reinterpret_cast<uintptr_t>(memory.data()) / sizeof(float);
    data = memory.data() + (kLine - address % kLine) % kLine;
  }
  Floats(Floats&&) = default;
  std::vector<float> memory;
  float* data;
};

/// What one thread reads, and where it leaves its results.
struct Operands {
  Operands(uint64_t weights, uint64_t rows) : weights(weights), rows(rows), out(kMaxRows * kMaxColumns * kLine) {}
  Floats weights, rows, out;
};

struct Shape {
  int width, rows, columns, chains;
};

}  // namespace

/// The most of `amount` that all threads get done in a second; work(thread) does amount / threads.
template <class Work>
double Peaks::best_rate(double amount, const Work& work) {
  constexpr double kMilliseconds = 4;
  constexpr int kFewest = 3;
  struct Call {
    const Work& work;
    int64_t times;
  };
  const auto milliseconds = [&](int64_t times) {
    Call call{work, times};
    const runtime::Stopwatch watch;
    pool_.run(
        [](void* argument, int32_t thread) {
          const Call& all = *static_cast<Call*>(argument);
          for (int64_t i = 0; i < all.times; ++i) all.work(thread);
        },
        &call, pool_.count());
    return watch.milliseconds();
  };
  int64_t times = 1;  // so many that the clock and the meeting of threads do not count
  while (times < (1 << 24) && milliseconds(times) < 0.2) times *= 2;
  double best = 0;
  const runtime::Stopwatch total;
  for (int round = 0; round < kFewest || total.milliseconds() < kMilliseconds; ++round)
    best = std::max(best, amount * static_cast<double>(times) / (milliseconds(times) / 1e3));
  return best;
}

double Peaks::multiply_adds() {
  if (multiply_adds_ > 0) return multiply_adds_;
  constexpr int64_t kDepth = 96;
  std::vector<Operands> operands;
  for (int i = 0; i < pool_.count(); ++i) operands.emplace_back(kDepth * 4 * kLine, kDepth * kMaxRows);
  for (const int width : {0, 1})
    for (const auto& [rows, columns] : {std::pair{14, 2}, {12, 2}, {8, 3}, {6, 4}, {6, 2}, {4, 3}}) {
      const Kernel run = kernel(width, rows, columns, 1);
      if (!run) continue;
      const double amount = static_cast<double>(kDepth * rows * columns * lanes_of(width)) * pool_.count();
      const auto work = [&](int32_t thread) {
        const Operands& mine = operands[static_cast<size_t>(thread)];
        run(mine.weights.data, mine.rows.data, kDepth, mine.out.data);
      };
      multiply_adds_ = std::max(multiply_adds_, best_rate(amount, work));
    }
  return multiply_adds_;
}

double Peaks::bytes(uint64_t wanted) {
  constexpr uint64_t kStep = 4 << 10, kMost = 128 << 20;
  const uint64_t bytes = std::clamp((wanted + kStep - 1) / kStep * kStep, kStep, kMost);
  double& known = bytes_[bytes];
  if (known > 0) return known;
  const auto threads = static_cast<uint64_t>(pool_.count());
  const uint64_t floats = std::max(kStep, bytes / threads) / sizeof(float);
  constexpr uint64_t kDeepest = 256;
  std::vector<Operands> operands;
  for (uint64_t i = 0; i < threads; ++i) operands.emplace_back(floats, kDeepest);
  for (const Shape& shape :
       {Shape{0, 1, 4, 1}, {0, 1, 4, 4}, {0, 1, 8, 1}, {0, 1, 12, 1}, {1, 1, 8, 1}, {1, 1, 12, 1}}) {
    const Kernel run = kernel(shape.width, shape.rows, shape.columns, shape.chains);
    if (!run) continue;
    const auto line = static_cast<uint64_t>(shape.columns * lanes_of(shape.width));
    for (uint64_t depth = 16; depth <= kDeepest; depth *= 2) {
      const uint64_t panels = floats / (line * depth);
      if (panels == 0) continue;
      const auto work = [&](int32_t thread) {
        const Operands& mine = operands[static_cast<size_t>(thread)];
        const auto panel = [&](uint64_t i) {
          run(mine.weights.data + i * line * depth, mine.rows.data, static_cast<int64_t>(depth), mine.out.data);
        };
        for (uint64_t i = 0; i < panels; ++i) panel(i);
        for (uint64_t i = panels; i-- > 0;) panel(i);
      };
      const double amount = 2.0 * static_cast<double>(panels * line * depth * sizeof(float) * threads);
      known = std::max(known, best_rate(amount, work));
    }
  }
  return known;
}

}  // namespace seqc::limit
