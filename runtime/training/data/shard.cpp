#include <cstring>
#include <functional>
#include <numeric>

#include "ir/error.h"
#include "runtime/training/data/batches.h"

namespace seqc::training {
namespace {

using ir::Tensor;

/// Indices `begin` to `end`-1 of an axis.
Tensor slice(const Tensor& values, int64_t axis, int64_t begin, int64_t end) {
  std::vector<int64_t> shape = values.shape();
  const int64_t size = shape[static_cast<size_t>(axis)];
  shape[static_cast<size_t>(axis)] = end - begin;
  const auto middle = shape.begin() + axis;
  const int64_t outer = std::accumulate(shape.begin(), middle, int64_t{1}, std::multiplies<>());
  const int64_t inner = std::accumulate(middle + 1, shape.end(), int64_t{1}, std::multiplies<>());
  const size_t item = static_cast<size_t>(inner) * ir::size_of(values.dtype());
  Tensor result(values.dtype(), shape);
  result.keep_strings_of(values);
  if (result.count() == 0) return result;
  std::byte* to = result.mutable_bytes();
  const size_t run = static_cast<size_t>(end - begin) * item;
  for (int64_t o = 0; o < outer; ++o)
    std::memcpy(to + static_cast<size_t>(o) * run, values.bytes() + static_cast<size_t>(o * size + begin) * item, run);
  return result;
}

class Shard final : public BatchSource {
 public:
  Shard(Batches source, int64_t rank, int64_t count) : source_(std::move(source)), rank_(rank), count_(count) {}

  int64_t size(int64_t epoch) const override { return source_->size(epoch); }

  Batch batch(int64_t epoch, int64_t index) const override {
    Batch result = source_->batch(epoch, index);
    const int64_t all = rows(*source_, result);
    for (auto& [input, values] : result)
      if (const int64_t axis = source_->batch_axis(input); axis >= 0)
        values = slice(values, axis, rank_ * all / count_, (rank_ + 1) * all / count_);
    return result;
  }

  int64_t batch_axis(const std::string& input) const override { return source_->batch_axis(input); }

 private:
  const Batches source_;
  const int64_t rank_, count_;
};

}  // namespace

Batches shard(Batches source, int64_t rank, int64_t count) {
  if (count < 1 || rank < 0 || rank >= count)
    fail(ErrorKind::BadInput, "shard {} of {}, expected a rank from 0 to one less than their count", rank, count);
  if (count == 1) return source;
  return std::make_shared<Shard>(std::move(source), rank, count);
}

}  // namespace seqc::training
