#include "tools/examples/support/memory_tasks.h"

#include <fmt/format.h>

#include "frontend/dsl/random.h"
#include "ir/error.h"

namespace seqc::examples {

using ir::DType;
using ir::Tensor;
using training::Batch;

namespace {

/// Numbers that a key decides, the same on every platform.
class Random {
 public:
  explicit Random(uint64_t key) : key_(key) {}
  /// In [0, bound).
  int64_t below(int64_t bound) { return static_cast<int64_t>(next() % static_cast<uint64_t>(bound)); }
  /// In [0, 1).
  double number() { return static_cast<double>(next() >> 40) * 0x1p-24; }

 private:
  uint64_t next() { return dsl::stream_key(key_, drawn_++); }
  uint64_t key_, drawn_ = 0;
};

Batch adding_batch(const MemoryTask& task, int64_t rows, Random random) {
  Tensor x(DType::f32, {task.steps, rows, 2}), y(DType::f32, {1, rows, 1});
  const int64_t half = task.steps / 2;
  for (int64_t n = 0; n < rows; ++n) {
    const auto at = [&](int64_t t) { return (t * rows + n) * 2; };
    for (int64_t t = 0; t < task.steps; ++t) x.set_real(at(t), random.number());
    for (const int64_t t : {random.below(half), half + random.below(task.steps - half)}) {
      x.set_real(at(t) + 1, 1);
      y.set_real(n, y.real(n) + x.real(at(t)));
    }
  }
  return {{"x", x}, {"y", y}};
}

Batch copy_batch(const MemoryTask& task, int64_t rows, Random random) {
  Tensor x(DType::f32, {task.steps, rows, task.features()}), y(DType::i64, {task.copied, rows});
  for (int64_t n = 0; n < rows; ++n) {
    const auto at = [&](int64_t t) { return (t * rows + n) * task.features(); };
    for (int64_t t = 0; t < task.copied; ++t) {
      const int64_t symbol = random.below(task.symbols);
      x.set_real(at(t) + symbol, 1);
      y.set_integer(t * rows + n, symbol);
    }
    x.set_real(at(task.steps - task.copied) + task.symbols, 1);
  }
  return {{"x", x}, {"y", y}};
}

class Source : public training::BatchSource {
 public:
  Source(const MemoryTask& task, const MemoryBatches& options) : task_(task), options_(options) {}
  int64_t size(int64_t) const override { return options_.batches; }
  Batch batch(int64_t epoch, int64_t index) const override {
    const uint64_t key = dsl::stream_key(options_.seed, options_.fresh ? static_cast<uint64_t>(epoch) : 0);
    const Random random(dsl::stream_key(key, static_cast<uint64_t>(index)));
    return task_.copied > 0 ? copy_batch(task_, options_.rows, random) : adding_batch(task_, options_.rows, random);
  }
  int64_t batch_axis(const std::string&) const override { return 1; }

 private:
  MemoryTask task_;
  MemoryBatches options_;
};

}  // namespace

training::Batches memory_batches(const MemoryTask& task, const MemoryBatches& options) {
  const int64_t least = task.copied > 0 ? 2 * task.copied : 2;
  if (task.steps < least)
    fail(ErrorKind::BadInput, "memory task: got sequences of {} steps, expected at least {}", task.steps, least);
  return std::make_shared<Source>(task, options);
}

std::string memory_answers(const MemoryTask& task, const Batch& batch, const Tensor& says, int64_t count) {
  const Tensor& y = batch.at("y");
  std::string text;
  for (int64_t n = 0; n < count; ++n) {
    if (task.copied == 0) {
      text += fmt::format("{:.3f}, should be {:.3f}\n", says.real(n), y.real(n));
      continue;
    }
    std::string said, shown;
    for (int64_t t = 0; t < task.copied; ++t) {
      const int64_t row = t * y.shape()[1] + n;
      int64_t best = 0;
      for (int64_t s = 1; s < task.symbols; ++s)
        if (says.real(row * task.symbols + s) > says.real(row * task.symbols + best)) best = s;
      said += static_cast<char>('a' + best);
      shown += static_cast<char>('a' + y.integer(row));
    }
    text += fmt::format("{}, should be {}\n", said, shown);
  }
  return text;
}

}  // namespace seqc::examples
