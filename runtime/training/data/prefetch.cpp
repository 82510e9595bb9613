#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "ir/error.h"
#include "runtime/training/data/batches.h"

namespace seqc::training {
namespace {

class Prefetch final : public BatchSource {
 public:
  Prefetch(Batches source, int64_t ahead) : source_(std::move(source)), ahead_(ahead), worker_([this] { work(); }) {}

  ~Prefetch() override {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    changed_.notify_all();
    worker_.join();
  }

  int64_t size(int64_t epoch) const override { return source_->size(epoch); }
  int64_t batch_axis(const std::string& input) const override { return source_->batch_axis(input); }

  Batch batch(int64_t epoch, int64_t index) const override {
    const Key key = {epoch, index};
    Result result;
    bool foreseen = false;
    {
      std::unique_lock lock(mutex_);
      // What waits to be begun is quicker made here than waited for.
      std::erase(wanted_, key);
      changed_.wait(lock, [&] { return under_way_ != key; });
      if (const auto found = made_.find(key); found != made_.end()) {
        result = std::move(found->second);
        made_.erase(found);
        foreseen = true;
      }
    }
    if (foreseen)
      want_after(key);
    else
      result = make(key);
    if (result.error) std::rethrow_exception(result.error);
    if (!foreseen) want_after(key);
    return std::move(result.batch);
  }

 private:
  using Key = std::pair<int64_t, int64_t>;  ///< epoch, index
  struct Result {
    Batch batch;
    std::exception_ptr error;
  };

  Result make(const Key& key) const {
    Result result;
    try {
      result.batch = source_->batch(key.first, key.second);
    } catch (...) {
      result.error = std::current_exception();
    }
    return result;
  }

  /// The batches that follow this one replace what was foreseen before.
  void want_after(Key key) const {
    std::deque<Key> next;
    for (int64_t i = 0; i < ahead_; ++i) {
      ++key.second;
      try {
        if (key.second >= source_->size(key.first)) key = {key.first + 1, 0};
        if (source_->size(key.first) == 0) break;
      } catch (...) {
        break;  // whoever asks for that epoch gets the error
      }
      next.push_back(key);
    }
    {
      const std::lock_guard lock(mutex_);
      const auto is_next = [&](const Key& k) { return std::find(next.begin(), next.end(), k) != next.end(); };
      std::erase_if(made_, [&](const auto& made) { return !is_next(made.first); });
      std::erase_if(next, [&](const Key& k) { return made_.contains(k) || k == under_way_; });
      wanted_ = std::move(next);
    }
    changed_.notify_all();
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return ends_ || !wanted_.empty(); });
      if (ends_) return;
      under_way_ = wanted_.front();
      wanted_.pop_front();
      lock.unlock();
      Result result = make(under_way_);
      lock.lock();
      made_[under_way_] = std::move(result);
      under_way_ = kNothing;
      changed_.notify_all();
    }
  }

  static constexpr Key kNothing = {-1, -1};

  const Batches source_;
  const int64_t ahead_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable std::deque<Key> wanted_;
  mutable std::map<Key, Result> made_;
  mutable Key under_way_ = kNothing;
  bool ends_ = false;
  std::thread worker_;  // last: it uses all of the above
};

}  // namespace

Batches prefetch(Batches source, int64_t ahead) {
  if (ahead < 1) fail(ErrorKind::BadInput, "batches are made {} ahead, expected 1 or more", ahead);
  return std::make_shared<Prefetch>(std::move(source), ahead);
}

}  // namespace seqc::training
