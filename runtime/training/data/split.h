/// Parts of a data set for training and for testing, decided by a seed.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace seqc::training {

/// Numbers of examples, in an order that the seed decides.
struct Split {
  std::vector<int64_t> train, test;
};

/// round(count * test_share) examples for the test, the others for training. With `labels` (one for each example), each
/// label has about that share of its examples in the test, and the test's size stays the same.
/// Throws Error(BadInput) for a share outside of [0,1] and labels of another count.
Split split(int64_t count, double test_share, uint64_t seed, const std::vector<int64_t>& labels = {});

}  // namespace seqc::training
