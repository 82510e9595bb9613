/// Random orders that a seed and a number decide, the same on every machine.
#pragma once

#include <cstdint>
#include <vector>

namespace seqc::training {

/// Random numbers of one key (splitmix64): streams of different keys have nothing to do with each other.
class KeyedRandom {
 public:
  KeyedRandom(uint64_t seed, uint64_t number);
  uint64_t bits();
  /// Uniform in [0, bound), without bias; `bound` is at least 1.
  uint64_t below(uint64_t bound);

 private:
  uint64_t state_;
};

/// The numbers 0 to count-1 in an order that (seed, number) decides; all orders are equally likely.
std::vector<int64_t> permutation(int64_t count, uint64_t seed, uint64_t number);
/// Likewise for given values, in place.
void shuffle(std::vector<int64_t>& values, KeyedRandom& random);

}  // namespace seqc::training
