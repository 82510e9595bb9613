#include "runtime/training/ranks_exchange.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <numeric>

#include "ir/error.h"
#include "runtime/compile.h"

namespace seqc::training {
namespace {

using ir::DType;

/// Bytes of one bucket: enough to make the network worth it, few enough for the last one, which nothing hides, to be soon
/// there.
constexpr size_t kBucketBytes = size_t{1} << 20;
/// Outputs start at such addresses, as kernels like it.
constexpr size_t kAlignment = SEQC_ALIGNMENT;
/// Between two looks. Where all processors compute, each look takes time from them (50 microseconds: 1.5% of a step).
constexpr std::chrono::microseconds kNap{200};

size_t round_up(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

size_t bytes_of(const seqc_tensor& tensor) {
  const int64_t count = std::accumulate(tensor.shape, tensor.shape + tensor.rank, int64_t{1}, std::multiplies<>());
  return static_cast<size_t>(count) * ir::size_of(static_cast<DType>(tensor.dtype));
}

bool same_type(const seqc_tensor& a, const seqc_tensor& b) {
  return a.dtype == b.dtype && a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape);
}

/// Applies `f` to a null pointer of the C++ type of the elements.
template <class F>
void with_type(DType type, F&& f) {
  switch (type) {
    case DType::f32: return f(static_cast<float*>(nullptr));
    case DType::f64: return f(static_cast<double*>(nullptr));
    case DType::i32: return f(static_cast<int32_t*>(nullptr));
    case DType::i64: return f(static_cast<int64_t*>(nullptr));
    default: fail(ErrorKind::Unsupported, "several ranks: sums of {} over ranks", ir::name(type));
  }
}

/// to[i] = parts[0][i] + parts[1][i] + ..., `count` parts of `size` bytes (whole alignments) that lie one after the other.
void add_parts(DType type, const std::byte* parts, size_t size, int64_t count, std::byte* to) {
  with_type(type, [&](auto* of_type) {
    using Number = std::remove_pointer_t<decltype(of_type)>;
    constexpr size_t kLanes = kAlignment / sizeof(Number);
    const size_t length = size / sizeof(Number);
    const auto* from = reinterpret_cast<const Number*>(parts);
    auto* result = reinterpret_cast<Number*>(to);
    for (size_t at = 0; at < length; at += kLanes) {
      std::array<Number, kLanes> sums;
      for (size_t i = 0; i < kLanes; ++i) sums[i] = from[at + i];
      for (int64_t part = 1; part < count; ++part) {
        const Number* more = from + static_cast<size_t>(part) * length + at;
        for (size_t i = 0; i < kLanes; ++i) sums[i] += more[i];
      }
      for (size_t i = 0; i < kLanes; ++i) result[at + i] = sums[i];
    }
  });
}

}  // namespace

RanksExchange::RanksExchange(Ranks& ranks, std::vector<Shared> outputs, std::span<const int32_t> order, bool overlap)
    : ranks_(ranks), outputs_(std::move(outputs)), is_ready_(outputs_.size()) {
  std::vector<int64_t> mine(order.begin(), order.end());
  for (size_t i = mine.size(); i < outputs_.size(); ++i) mine.push_back(static_cast<int64_t>(i));
  std::vector<int64_t> all(mine.size() * static_cast<size_t>(ranks_.count()));
  ranks_.all(mine, all);
  order_.assign(all.begin(), all.begin() + static_cast<ptrdiff_t>(mine.size()));
  if (overlap && ranks_.several() && ranks_.any_thread_talks()) thread_ = std::thread([this] { work(); });
}

RanksExchange::~RanksExchange() { stop(); }

void RanksExchange::stop() {
  if (!thread_.joinable()) return;
  leaves_.store(true);
  calls_.fetch_add(1);
  calls_.notify_one();
  thread_.join();
}

// --- where everything lies -------------------------------------------------------------------------------------------

void RanksExchange::begin(std::span<const seqc_tensor> types) {
  const std::lock_guard lock(talking_);
  bool same_sums = types.size() == types_.size(), same_rows = same_sums;
  own_rows_.clear();
  for (size_t i = 0; i < outputs_.size(); ++i) {
    if (outputs_[i] == Shared::Joined) own_rows_.push_back(types[i].shape[0]);
    if (outputs_[i] == Shared::Sum) same_sums = same_sums && same_type(types[i], types_[i]);
  }
  if (!own_rows_.empty()) {
    new_rows_.resize(own_rows_.size() * static_cast<size_t>(ranks_.count()));
    ranks_.all(own_rows_, new_rows_);
    same_rows = same_rows && new_rows_ == all_rows_;
    all_rows_.swap(new_rows_);
  }
  if (!same_sums || !same_rows) types_.assign(types.begin(), types.end());
  if (!same_sums) plan_sums();
  if (!same_sums || !same_rows) plan_rows();
  started_ = added_ = 0;
  arrived_.store(0, std::memory_order_relaxed);
  std::fill(is_ready_.begin(), is_ready_.end(), 0);
  ready_.store(0, std::memory_order_release);
}

void RanksExchange::plan_sums() {
  buckets_.clear();
  memory_.clear();
  places_.assign(outputs_.size(), {});
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i] == Shared::Sum) with_type(static_cast<DType>(types_[i].dtype), [](auto*) {});
  for (const DType type : {DType::f32, DType::f64, DType::i32, DType::i64}) plan_sums(type);
}

void RanksExchange::plan_rows() {
  std::erase_if(buckets_, [](const Bucket& bucket) { return bucket.kind == Shared::Joined; });
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i] == Shared::Joined) plan_rows(i);
  std::sort(buckets_.begin(), buckets_.end(), [](const Bucket& a, const Bucket& b) {
    return std::pair(a.needs, a.number) < std::pair(b.needs, b.number);
  });
}

std::byte* RanksExchange::room(size_t number, size_t bytes) {
  ir::Tensor& memory = memory_[number];
  bytes += kAlignment;
  if (memory.byte_size() < bytes) memory = ir::Tensor(DType::u8, {static_cast<int64_t>(bytes)});
  std::byte* start = memory.mutable_bytes();
  return start + (kAlignment - reinterpret_cast<uintptr_t>(start) % kAlignment) % kAlignment;
}

/// Everything of one type: outputs, zeros up to the next address that an output may have, cut without regard to outputs.
void RanksExchange::plan_sums(DType type) {
  struct Piece {
    size_t output, needs, begin;
  };
  std::vector<Piece> pieces;
  size_t size = 0;
  for (size_t at = 0; at < order_.size(); ++at) {
    const size_t output = order_[at];
    if (outputs_[output] != Shared::Sum || static_cast<DType>(types_[output].dtype) != type) continue;
    pieces.push_back({output, at + 1, size});
    size += round_up(bytes_of(types_[output]), kAlignment);
  }
  if (pieces.empty()) return;
  // All ranks have shares of one size.
  const auto count = static_cast<size_t>(ranks_.count());
  const size_t unit = kAlignment * count, longest = round_up(kBucketBytes, unit);
  size = round_up(size, unit);
  const size_t rooms = (outputs_.size() + static_cast<size_t>(type)) * 3;
  std::byte* own = room(rooms, size);
  std::byte* received = ranks_.several() ? room(rooms + 1, size) : own;
  std::byte* result = ranks_.several() ? room(rooms + 2, size) : own;
  for (const Piece& piece : pieces) {
    places_[piece.output] = {own + piece.begin, types_[piece.output]};
    places_[piece.output].result.data = result + piece.begin;
  }
  for (size_t begin = 0; begin < size && ranks_.several(); begin += longest) {
    const size_t end = std::min(begin + longest, size);
    Bucket bucket{.type = type,
                  .number = buckets_.size(),
                  .own = own + begin,
                  .received = received + begin,
                  .result = result + begin};
    bucket.share = (end - begin) / count;
    for (const Piece& piece : pieces)
      if (piece.begin < end) bucket.needs = piece.needs;
    buckets_.push_back(std::move(bucket));
  }
}

void RanksExchange::plan_rows(size_t output) {
  const seqc_tensor& type = types_[output];
  const auto joined = static_cast<size_t>(std::count(outputs_.begin(), outputs_.end(), Shared::Joined));
  const auto number = static_cast<size_t>(
      std::count(outputs_.begin(), outputs_.begin() + static_cast<ptrdiff_t>(output), Shared::Joined));
  seqc_tensor row = type;
  row.shape[0] = 1;
  Bucket bucket{.kind = Shared::Joined, .number = buckets_.size()};
  Place place{nullptr, type};
  place.result.shape[0] = 0;
  size_t size = 0;
  for (size_t rank = 0; rank < static_cast<size_t>(ranks_.count()); ++rank) {
    const int64_t rows = all_rows_[rank * joined + number];
    bucket.starts.push_back(static_cast<int>(size));
    bucket.lengths.push_back(static_cast<int>(bytes_of(row) * static_cast<size_t>(rows)));
    place.result.shape[0] += rows;
    size = bytes_of(place.result);
    if (size > INT32_MAX) fail(ErrorKind::Unsupported, "several ranks: {} bytes to be gathered", size);
  }
  place.own = bucket.own = room(output * 3, bytes_of(type));
  place.result.data = bucket.result = ranks_.several() ? room(output * 3 + 1, size) : place.own;
  places_[output] = place;
  bucket.needs = static_cast<size_t>(std::find(order_.begin(), order_.end(), output) - order_.begin()) + 1;
  if (ranks_.several()) buckets_.push_back(std::move(bucket));
}

// --- on the way ------------------------------------------------------------------------------------------------------

void RanksExchange::ready(size_t output) noexcept {
  is_ready_[output] = 1;
  const size_t before = ready_.load(std::memory_order_relaxed);
  size_t now = before;
  while (now < order_.size() && is_ready_[order_[now]]) ++now;
  if (now == before) return;
  ready_.store(now, std::memory_order_release);
  // Only when that completes a bucket there is something to do.
  const bool starts = std::any_of(buckets_.begin(), buckets_.end(),
                                  [&](const Bucket& bucket) { return before < bucket.needs && bucket.needs <= now; });
  if (!starts || !thread_.joinable()) return;
  calls_.fetch_add(1, std::memory_order_release);
  calls_.notify_one();
}

void RanksExchange::finish() {
  const runtime::Stopwatch watch;
  const std::lock_guard lock(talking_);
  SEQC_CHECK(ready_.load() == order_.size(), "an output is not ready when the function has ended");
  advance(true);
  exposed_seconds_ = watch.milliseconds() / 1e3;
}

void RanksExchange::start(Bucket& bucket) {
  if (bucket.kind == Shared::Joined)
    bucket.transfer = ranks_.start_join(bucket.own, bucket.result, bucket.lengths, bucket.starts);
  else
    bucket.transfer = ranks_.start_parts(bucket.own, bucket.received, bucket.share);
}

/// Sums belong where the others will look for them.
void RanksExchange::add_up(Bucket& bucket) {
  add_parts(bucket.type, bucket.received, bucket.share, ranks_.count(),
            bucket.result + static_cast<size_t>(ranks_.rank()) * bucket.share);
  bucket.transfer = ranks_.start_sums(bucket.result, bucket.share);
}

/// One look at everything that is under way, or (`waits`) all of it to its end. All ranks start the buckets in one order, and
/// send the sums in one order; which of both comes first may differ, and they take different ways.
void RanksExchange::advance(bool waits) {
  const auto is_there = [&](Bucket& bucket) {
    if (waits) bucket.transfer.wait();
    return waits || bucket.transfer.is_there();
  };
  const size_t ready = ready_.load(std::memory_order_acquire);
  for (; started_ < buckets_.size() && buckets_[started_].needs <= ready; ++started_) {
    buckets_[started_].ready_at_start = ready;
    start(buckets_[started_]);
  }
  for (; added_ < started_; ++added_) {
    Bucket& bucket = buckets_[added_];
    if (bucket.kind == Shared::Joined) continue;
    if (!is_there(bucket)) break;
    add_up(bucket);
  }
  size_t arrived = arrived_.load(std::memory_order_relaxed);
  while (arrived < added_ && is_there(buckets_[arrived])) ++arrived;
  arrived_.store(arrived, std::memory_order_release);
}

void RanksExchange::work() {
  while (!leaves_.load()) {
    const uint32_t seen = calls_.load(std::memory_order_acquire);
    bool under_way = false;
    {
      const std::lock_guard lock(talking_);
      advance(false);
      under_way = arrived_.load(std::memory_order_relaxed) < started_;
    }
    if (under_way)
      std::this_thread::sleep_for(kNap);
    else
      calls_.wait(seen, std::memory_order_acquire);
  }
}

}  // namespace seqc::training
