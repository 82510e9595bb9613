/// Counts locks that are taken and waits for other threads, to prove that code does neither.
#pragma once

#include <cstdint>

namespace seqc::test {

/// Calls of the functions of pthreads that lock or wait (mutexes, read-write and spin locks, conditions, semaphores,
/// barriers), by all threads, while an object of this class lives. The standard library's locks end there as well.
class LockCounter {
 public:
  LockCounter();
  ~LockCounter();
  int64_t count() const;
  /// False where the functions cannot be watched (under sanitizers, which have their own).
  static bool works();
};

}  // namespace seqc::test
