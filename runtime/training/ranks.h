/// The processes that train one model together: `mpirun -n K program` starts them, a program on its own is rank 0 of 1.
///
/// Every function that is marked so is called by all ranks in the same order, and by one thread at a time. Only ranks.cpp knows
/// MPI, which is not even initialised unless mpirun (or the program itself) says that there are ranks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ir/tensor.h"

namespace seqc::training {

class Ranks {
 public:
  /// Of this process. Throws Error(Unsupported) when it is one of several and seqc was built without MPI.
  static Ranks& world();

  int64_t rank() const { return rank_; }
  int64_t count() const { return count_; }
  bool several() const { return count_ > 1; }
  bool first() const { return rank_ == 0; }

  /// All ranks: what each of them gives, rank after rank; as many numbers everywhere.
  std::vector<int64_t> all(std::span<const int64_t> mine);
  void all(std::span<const int64_t> mine, std::span<int64_t> result);
  /// All ranks: what rank 0 says.
  bool first_says(bool value);
  /// All ranks: the tensors of all of them one after the other along `axis`, along which alone they differ.
  ir::Tensor joined(const ir::Tensor& mine, int64_t axis);

  // --- on the way while something else is done ------------------------------------------------------------------------

  /// Whether threads may take turns in calling what is here; if not, only the one that made world() may.
  bool any_thread_talks() const { return any_thread_talks_; }

  /// Bytes that are under way. Memory and lists that a transfer was started with stay as they are until it is there.
  class Transfer {
   public:
    bool is_there();  ///< a look; lets all transfers make progress
    void wait();

   private:
    friend class Ranks;
    uintptr_t request_ = 0;  ///< of MPI
    bool under_way_ = false;
  };
  // All ranks start the same transfers of each kind in the same order, whatever they start of other kinds in between.
  /// to[rank] = from[mine] of each rank: parts of `size` bytes, rank after rank.
  Transfer start_parts(const std::byte* from, std::byte* to, size_t size);
  /// all[rank] = all[rank] of that rank, `size` bytes each.
  Transfer start_sums(std::byte* all, size_t size);
  /// The bytes of all ranks: lengths[rank] of them at starts[rank].
  Transfer start_join(const std::byte* mine, std::byte* all, std::span<const int> lengths, std::span<const int> starts);

  /// Ends the job, all ranks of it: "seqc: rank 1 of 2: ...".
  [[noreturn]] void abort(const std::string& why);

 private:
  Ranks();
  template <class Start>
  static Transfer under_way(Start&& start);
  int64_t rank_ = 0, count_ = 1;
  bool any_thread_talks_ = false;
};

}  // namespace seqc::training
