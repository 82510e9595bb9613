#include "runtime/training/data/split.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "ir/error.h"
#include "runtime/training/data/shuffle.h"

namespace seqc::training {
namespace {

/// How many of each group go to the test: the shares rounded down, what is then missing to those that lost most.
std::vector<int64_t> shares(const std::vector<int64_t>& sizes, double share, int64_t total) {
  std::vector<int64_t> result;
  std::vector<std::pair<double, size_t>> lost;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const double exact = static_cast<double>(sizes[i]) * share;
    result.push_back(static_cast<int64_t>(exact));
    total -= result.back();
    lost.emplace_back(static_cast<double>(result.back()) - exact, i);
  }
  std::sort(lost.begin(), lost.end());
  for (size_t i = 0; total > 0 && i < lost.size(); ++i, --total) ++result[lost[i].second];
  return result;
}

}  // namespace

Split split(int64_t count, double test_share, uint64_t seed, const std::vector<int64_t>& labels) {
  if (!(test_share >= 0 && test_share <= 1))
    fail(ErrorKind::BadInput, "a share of {} for the test, expected one from 0 to 1", test_share);
  if (!labels.empty() && static_cast<int64_t>(labels.size()) != count)
    fail(ErrorKind::BadInput, "{} labels for {} examples", labels.size(), count);
  const std::vector<int64_t> order = permutation(count, seed, 0);
  std::map<int64_t, int64_t> sizes;  // of labels
  for (const int64_t i : order) ++sizes[labels.empty() ? 0 : labels[static_cast<size_t>(i)]];
  std::vector<int64_t> group_sizes;
  for (const auto& [label, size] : sizes) group_sizes.push_back(size);
  const auto total = static_cast<int64_t>(std::llround(static_cast<double>(count) * test_share));
  const std::vector<int64_t> of_test = shares(group_sizes, test_share, total);
  size_t group = 0;
  for (auto& [label, left] : sizes) left = of_test[group++];

  Split result;
  for (const int64_t i : order) {
    int64_t& left = sizes[labels.empty() ? 0 : labels[static_cast<size_t>(i)]];
    (left > 0 ? result.test : result.train).push_back(i);
    left -= left > 0;
  }
  return result;
}

}  // namespace seqc::training
