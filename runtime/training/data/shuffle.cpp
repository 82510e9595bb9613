// splitmix64: Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014).
// Numbers below a bound: Lemire: Fast random integer generation in an interval (2019).
#include "runtime/training/data/shuffle.h"

#include <cstddef>
#include <numeric>
#include <utility>

namespace seqc::training {
namespace {

constexpr uint64_t kStep = 0x9e3779b97f4a7c15;

uint64_t mixed(uint64_t z) {
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

}  // namespace

KeyedRandom::KeyedRandom(uint64_t seed, uint64_t number) : state_(mixed(mixed(seed + kStep) + (number + 1) * kStep)) {}

uint64_t KeyedRandom::bits() { return mixed(state_ += kStep); }

uint64_t KeyedRandom::below(uint64_t bound) {
  __extension__ using Wide = unsigned __int128;
  Wide product = Wide(bits()) * bound;
  if (static_cast<uint64_t>(product) < bound) {
    const uint64_t excess = -bound % bound;  // of 2^64 over a multiple of the bound
    while (static_cast<uint64_t>(product) < excess) product = Wide(bits()) * bound;
  }
  return static_cast<uint64_t>(product >> 64);
}

void shuffle(std::vector<int64_t>& values, KeyedRandom& random) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.below(i)]);
}

std::vector<int64_t> permutation(int64_t count, uint64_t seed, uint64_t number) {
  std::vector<int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  KeyedRandom random(seed, number);
  shuffle(order, random);
  return order;
}

}  // namespace seqc::training
