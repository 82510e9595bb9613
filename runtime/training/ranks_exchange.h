/// What the ranks make of the outputs of a function that each of them runs: sums, or the rows of all. What is written while
/// the function still runs is on its way already.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "runtime/seqc.h"
#include "runtime/training/ranks.h"

namespace seqc::training {

/// What becomes of an output.
enum class Shared {
  No,      ///< it stays with its rank
  Sum,     ///< the sum over all ranks, of floats, i32 or i64
  Joined,  ///< the rows of all ranks one after the other
};

/// One step: begin, point the function's outputs at own(), run it and tell of each output that is ready, finish, look at
/// results. Takes memory when sizes change, and none otherwise.
///
/// Numbers to be added up lie one behind the other in the order in which they become ready, cut into buckets of some
/// megabytes. A bucket starts when all of it is written: each rank gets its share of the bucket from everybody, adds it up in the order
/// of ranks, and everybody gets the sums. That is as many bytes as any other way, and nothing depends on who came first, when
/// a bucket started or how it was cut.
///
/// MPI moves bytes only while it is called. With `overlap` a thread does that as long as something is under way while the
/// function runs: it looks every 200 microseconds, and sleeps when there is nothing to wait for. Without, or where MPI does
/// not let threads take turns (MPI_THREAD_SERIALIZED), finish() does everything; the results are the same bits.
class RanksExchange {
 public:
  /// All ranks. What happens to each output, and the order in which they become ready (that of rank 0 counts; where a rank
  /// has another one, buckets start later).
  RanksExchange(Ranks& ranks, std::vector<Shared> outputs, std::span<const int32_t> order, bool overlap);
  ~RanksExchange();
  RanksExchange(const RanksExchange&) = delete;
  RanksExchange& operator=(const RanksExchange&) = delete;

  /// All ranks: gets ready for outputs of these types; those of sums must be the same everywhere.
  void begin(std::span<const seqc_tensor> types);
  /// Where this rank's output belongs; null if it stays with the rank.
  void* own(size_t output) const { return places_[output].own; }
  /// The output is written. Called once for each, by one thread at a time; allocates and locks nothing.
  void ready(size_t output) noexcept;
  /// All ranks, when all outputs are ready: returns when all results are there. `own` may have been written until now.
  void finish();
  /// What became of an output, until the next begin().
  const seqc_tensor& result(size_t output) const { return places_[output].result; }

  // --- how it went: of the last step -----------------------------------------------------------------------------------

  size_t buckets() const { return buckets_.size(); }
  struct Start {
    size_t needs;  ///< so many outputs had to be ready
    size_t ready;  ///< so many were when the bucket started; the last is when the function ends
  };
  Start start_of(size_t bucket) const { return {buckets_[bucket].needs, buckets_[bucket].ready_at_start}; }
  /// How many buckets have arrived, the first ones; may be asked at any time.
  size_t arrived() const { return arrived_.load(std::memory_order_acquire); }
  /// How long finish() took: what the function's run did not hide.
  double exposed_seconds() const { return exposed_seconds_; }

 private:
  struct Place {
    std::byte* own = nullptr;
    seqc_tensor result{};
  };
  struct Bucket {
    Shared kind = Shared::Sum;
    ir::DType type = ir::DType::u8;
    size_t number = 0;  ///< the same on all ranks
    std::byte *own = nullptr, *received = nullptr, *result = nullptr;
    size_t share = 0;                            ///< Sum: bytes that each rank adds up
    std::vector<int> lengths = {}, starts = {};  ///< Joined: bytes of each rank, and where they belong
    size_t needs = 0, ready_at_start = 0;
    Ranks::Transfer transfer = {};
  };

  void plan_sums();
  void plan_sums(ir::DType type);
  void plan_rows();
  void plan_rows(size_t output);
  std::byte* room(size_t number, size_t bytes);
  void start(Bucket& bucket);
  void add_up(Bucket& bucket);
  void advance(bool waits);
  void work();
  void stop();

  Ranks& ranks_;
  std::vector<Shared> outputs_;
  std::vector<size_t> order_;  ///< of the outputs
  std::vector<seqc_tensor> types_;
  std::vector<int64_t> own_rows_, all_rows_, new_rows_;  ///< of what is joined; of rank 0, rank 1, ...
  std::vector<Place> places_;
  std::map<size_t, ir::Tensor> memory_;  ///< three for each output, and three for sums of each type
  std::vector<Bucket> buckets_;          ///< in the order in which they become ready

  // Of the function's thread.
  std::vector<char> is_ready_;
  std::atomic<size_t> ready_{0};  ///< how many outputs are, of order_, without a gap

  // Of whoever talks to the other ranks, and holds the lock for that.
  std::mutex talking_;
  size_t started_ = 0, added_ = 0;  ///< buckets of which the parts, and the sums, are on their way
  std::atomic<size_t> arrived_{0};
  double exposed_seconds_ = 0;

  std::thread thread_;
  std::atomic<uint32_t> calls_{0};  ///< wakes the thread up
  std::atomic<bool> leaves_{false};
};

}  // namespace seqc::training
