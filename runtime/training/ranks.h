/// The processes that train one model together: `mpirun -n K program` starts them, a program on its own is rank 0 of 1.
///
/// Every function that is marked so is called by all ranks in the same order. Only ranks.cpp knows MPI, which is not even
/// initialised unless mpirun (or the program itself) says that there are ranks.
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
  /// All ranks: what rank 0 says.
  bool first_says(bool value);
  /// All ranks: replaces the elements of the tensors (floats, i32, i64; of the same types everywhere) by their sums over
  /// all ranks.
  void sum(std::span<ir::Tensor* const> tensors);
  /// All ranks: the tensors of all of them one after the other along `axis`, along which alone they differ.
  ir::Tensor joined(const ir::Tensor& mine, int64_t axis);

  /// Ends the job, all ranks of it: "seqc: rank 1 of 2: ...".
  [[noreturn]] void abort(const std::string& why);

 private:
  Ranks();
  int64_t rank_ = 0, count_ = 1;
};

}  // namespace seqc::training
