/// Counts calls of the memory allocator, to prove that code makes none.
#pragma once

#include <cstdint>

namespace seqc::test {

/// Calls of malloc and its relatives, by all threads, while an object of this class lives.
class AllocationCounter {
 public:
  AllocationCounter();
  ~AllocationCounter();
  int64_t count() const;
  /// False where the allocator cannot be watched (under sanitizers, which have their own).
  static bool works();
};

}  // namespace seqc::test
