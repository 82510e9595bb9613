#include "runtime/training/own_rows.h"

namespace seqc::training {
namespace {

class RowsOfModel final : public BatchSource {
 public:
  RowsOfModel(const BatchSource& source, std::map<std::string, int64_t> axes)
      : source_(source), axes_(std::move(axes)) {}
  int64_t size(int64_t epoch) const override { return source_.size(epoch); }
  Batch batch(int64_t epoch, int64_t index) const override { return source_.batch(epoch, index); }
  int64_t batch_axis(const std::string& input) const override {
    const auto it = axes_.find(input);
    return it == axes_.end() ? -1 : it->second;
  }

 private:
  const BatchSource& source_;
  const std::map<std::string, int64_t> axes_;
};

class OneBatch final : public BatchSource {
 public:
  explicit OneBatch(Batch batch) : batch_(std::move(batch)) {}
  int64_t size(int64_t) const override { return 1; }
  Batch batch(int64_t, int64_t) const override { return batch_; }

 private:
  const Batch batch_;
};

}  // namespace

Batches own_rows(const BatchSource& source, std::map<std::string, int64_t> axes, const Ranks& ranks) {
  return shard(std::make_shared<RowsOfModel>(source, std::move(axes)), ranks.rank(), ranks.count());
}

Batch own_rows(Batch batch, std::map<std::string, int64_t> axes, const Ranks& ranks) {
  if (!ranks.several()) return batch;
  const OneBatch source(std::move(batch));
  return own_rows(source, std::move(axes), ranks)->batch(0, 0);
}

}  // namespace seqc::training
