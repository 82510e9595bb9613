#include "runtime/decoding/sampling.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::decoding;
using ir::Tensor;
using test::contains;
using test::refusal;
using training::KeyedRandom;

namespace {

constexpr int kDraws = 20'000;

/// How often each token is drawn from the second row.
std::vector<double> shares(const std::vector<float>& logits, const Sampling& sampling) {
  std::vector<float> rows(logits.size(), 9);
  rows.insert(rows.end(), logits.begin(), logits.end());
  const Tensor both = Tensor::f32({2, static_cast<int64_t>(logits.size())}, rows);
  std::vector<double> result(logits.size(), 0);
  KeyedRandom random(1, 2);
  for (int i = 0; i < kDraws; ++i) result[static_cast<size_t>(sample(both, 1, sampling, random))] += 1.0 / kDraws;
  return result;
}

void check(const std::vector<double>& got, const std::vector<double>& want) {
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < want.size(); ++i) {  // five standard deviations
    INFO(i);
    CHECK(std::fabs(got[i] - want[i]) <= 5 * std::sqrt(want[i] * (1 - want[i]) / kDraws) + 1e-9);
  }
}

std::vector<float> logs(const std::vector<double>& probabilities) {
  std::vector<float> result;
  for (const double p : probabilities) result.push_back(static_cast<float>(std::log(p) + 3));
  return result;
}

}  // namespace

TEST_CASE("sampling: shares are the probabilities, sharpened by temperature, cut by top-k") {
  const std::vector<double> p = {0.1, 0.4, 0.2, 0.3};
  check(shares(logs(p), {}), p);
  check(shares(logs(p), {.temperature = 0.5}), {0.01 / 0.3, 0.16 / 0.3, 0.04 / 0.3, 0.09 / 0.3});
  check(shares(logs(p), {.top_k = 2}), {0, 0.4 / 0.7, 0, 0.3 / 0.7});
  check(shares(logs(p), {.temperature = 0.5, .top_k = 3}), {0, 0.16 / 0.29, 0.04 / 0.29, 0.09 / 0.29});
  check(shares(logs(p), {.top_k = 9}), p);
  check(shares(logs(p), {.temperature = 0}), {0, 1, 0, 0});
  check(shares({2, 5, 5, 5}, {.temperature = 0}), {0, 1, 0, 0});
  check(shares({2, 5, 5, 5}, {.top_k = 2}), {0, 0.5, 0.5, 0});
  check(shares({0, -INFINITY, 0}, {}), {0.5, 0, 0.5});
  check(shares(logs(p), {.top_k = 2, .never = {1}}), {0, 0, 0.4, 0.6});
  check(shares(logs(p), {.temperature = 0, .never = {3, 1, 9}}), {0, 0, 1, 0});
  check(shares({1e30F, -1e30F}, {.temperature = 1e-3}), {1, 0});
}

TEST_CASE("sampling: options without sense and logits that are no numbers") {
  KeyedRandom random(1, 1);
  const Tensor logits = Tensor::f32({1, 2}, {0, 1});
  CHECK(contains(refusal([&] { sample(logits, 0, {.temperature = -1}, random); }), "temperature -1"));
  CHECK(contains(refusal([&] { sample(logits, 0, {.temperature = std::nan("")}, random); }), "temperature nan"));
  CHECK(contains(refusal([&] { sample(logits, 0, {.top_k = -1}, random); }), "top_k -1"));
  CHECK(contains(refusal([&] { sample(logits, 1, {}, random); }), "row 1 of logits f32[1,2]"));
  CHECK(contains(refusal([&] { sample(Tensor::f32({1, 2}, {0, NAN}), 0, {}, random); }), "token 1 is nan"));
  CHECK(
      contains(refusal([&] { sample(Tensor::f32({1, 1}, {-INFINITY}), 0, {}, random); }), "none of 1 tokens may come"));
}

namespace {

/// Counts up from the last token, for sure, and notes what it reads.
class Counting final : public NextToken {
 public:
  Tensor read(std::span<const int64_t> tokens, std::span<const int64_t> rows) override {
    CHECK(tokens.size() == 1);
    CHECK(rows[0] == 0);
    seen.push_back(tokens[0]);
    Tensor logits(ir::DType::f32, {1, 8});
    logits.set_real((tokens[0] + 1) % 8, 1000);
    return logits;
  }
  std::vector<int64_t> seen;
};

}  // namespace

TEST_CASE("sampling: a text after its beginning; every token is read once, the last one not") {
  Counting model;
  CHECK(sample_after(model, {0, 5}, 4, {}, 1) == std::vector<int64_t>{6, 7, 0, 1});
  CHECK(model.seen == std::vector<int64_t>{0, 5, 6, 7, 0});
  CHECK(sample_after(model, {1}, 0, {}, 1).empty());
  CHECK(contains(refusal([&] { sample_after(model, {}, 4, {}, 1); }), "no token to begin with"));
}
