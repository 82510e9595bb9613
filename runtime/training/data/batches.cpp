#include "runtime/training/data/batches.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "ir/error.h"
#include "runtime/training/data/shuffle.h"

namespace seqc::training {
namespace {

using Examples = std::vector<int64_t>;

class DatasetBatches final : public BatchSource {
 public:
  DatasetBatches(Dataset data, const BatchOptions& options) : data_(std::move(data)), options_(options) {
    check();
    if (count_batches() == 0)
      fail(ErrorKind::BadInput, "{} examples make no batch of {}; take smaller batches or keep partial ones",
           data_.size(), options_.size);
  }

  int64_t size(int64_t epoch) const override { return static_cast<int64_t>(plan(epoch)->size()); }

  Batch batch(int64_t epoch, int64_t index) const override {
    const auto batches = plan(epoch);
    if (index < 0 || index >= static_cast<int64_t>(batches->size()))
      fail(ErrorKind::BadInput, "epoch {} has no batch {}; it has {}", epoch, index, batches->size());
    return data_.gather((*batches)[static_cast<size_t>(index)]);
  }

  int64_t batch_axis(const std::string& input) const override { return data_.batch_axis(input); }

 private:
  using Plan = std::shared_ptr<const std::vector<Examples>>;

  void check() const {
    const auto& bounds = options_.bucket_bounds;
    if (options_.size < 1) fail(ErrorKind::BadInput, "batches of {} examples, expected 1 or more", options_.size);
    if (options_.bucket_by.empty() != bounds.empty())
      fail(ErrorKind::BadInput, "buckets need both: the input whose lengths decide, and bounds");
    if (!bounds.empty() && !data_.is_sequence(options_.bucket_by))
      fail(ErrorKind::BadInput, "buckets by \"{}\", which is no input with sequences", options_.bucket_by);
    if (!std::is_sorted(bounds.begin(), bounds.end(), std::less_equal<>()))
      fail(ErrorKind::BadInput, "bucket bounds {} do not rise", fmt::join(bounds, ", "));
  }

  /// Examples of each bucket, in this order.
  std::vector<Examples> buckets(const Examples& order) const {
    if (options_.bucket_bounds.empty()) return {order};
    const auto& bounds = options_.bucket_bounds;
    std::vector<Examples> result(bounds.size() + 1);
    for (const int64_t example : order) {
      const auto bound = std::lower_bound(bounds.begin(), bounds.end(), data_.length(options_.bucket_by, example));
      result[static_cast<size_t>(bound - bounds.begin())].push_back(example);
    }
    return result;
  }

  int64_t count_batches() const { return static_cast<int64_t>(make_plan(0).size()); }

  std::vector<Examples> make_plan(int64_t epoch) const {
    KeyedRandom random(options_.seed, static_cast<uint64_t>(epoch));
    const auto in_order = [&](size_t count) {
      Examples order(count);
      for (size_t i = 0; i < count; ++i) order[i] = static_cast<int64_t>(i);
      if (options_.shuffle) shuffle(order, random);
      return order;
    };
    std::vector<Examples> cut;
    for (const Examples& bucket : buckets(in_order(static_cast<size_t>(data_.size()))))
      for (size_t begin = 0; begin < bucket.size(); begin += static_cast<size_t>(options_.size)) {
        const size_t end = std::min(bucket.size(), begin + static_cast<size_t>(options_.size));
        if (options_.drop_partial && end - begin < static_cast<size_t>(options_.size)) break;
        cut.emplace_back(bucket.begin() + static_cast<int64_t>(begin), bucket.begin() + static_cast<int64_t>(end));
      }
    if (options_.bucket_bounds.empty()) return cut;
    std::vector<Examples> plan;
    for (const int64_t batch : in_order(cut.size())) plan.push_back(std::move(cut[static_cast<size_t>(batch)]));
    return plan;
  }

  /// The plans of the two epochs that were asked for last are kept: whoever looks ahead asks for both at an epoch's end.
  Plan plan(int64_t epoch) const {
    if (epoch < 0) fail(ErrorKind::BadInput, "there is no epoch {}; they count from 0", epoch);
    const std::lock_guard lock(mutex_);
    if (latest_.first == epoch && latest_.second) return latest_.second;
    std::swap(latest_, before_);
    if (latest_.first != epoch || !latest_.second)
      latest_ = {epoch, std::make_shared<const std::vector<Examples>>(make_plan(epoch))};
    return latest_.second;
  }

  const Dataset data_;
  const BatchOptions options_;
  mutable std::mutex mutex_;
  mutable std::pair<int64_t, Plan> latest_, before_;
};

}  // namespace

Batches batches(Dataset data, const BatchOptions& options) {
  return std::make_shared<DatasetBatches>(std::move(data), options);
}

std::vector<int64_t> even_bounds(const Dataset& data, const std::string& input, int64_t count) {
  if (count < 1) fail(ErrorKind::BadInput, "{} buckets, expected 1 or more", count);
  std::vector<int64_t> lengths, bounds;
  for (int64_t i = 0; i < data.size(); ++i) lengths.push_back(data.length(input, i));
  std::sort(lengths.begin(), lengths.end());
  const auto size = static_cast<int64_t>(lengths.size());
  for (int64_t i = 1; i <= count && size > 0; ++i) {
    const int64_t bound = lengths[static_cast<size_t>(std::max<int64_t>(0, size * i / count - 1))];
    if (bounds.empty() || bound > bounds.back()) bounds.push_back(bound);
  }
  return bounds;
}

int64_t rows(const BatchSource& source, const Batch& batch) {
  std::optional<int64_t> result;
  for (const auto& [input, values] : batch) {
    const int64_t axis = source.batch_axis(input);
    if (axis < 0) continue;
    if (axis >= values.rank())
      fail(ErrorKind::BadInput, "input \"{}\": {} has no axis {} to count its examples", input, values.type_str(),
           axis);
    const int64_t count = values.shape()[static_cast<size_t>(axis)];
    if (result && *result != count)
      fail(ErrorKind::BadInput, "input \"{}\": {} has {} examples along axis {}, expected {}", input, values.type_str(),
           count, axis, *result);
    result = count;
  }
  return result.value_or(1);
}

}  // namespace seqc::training
