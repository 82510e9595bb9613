#include "runtime/decoding/search.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "runtime/training/data/shuffle.h"
#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::decoding;
using ir::Tensor;
using test::contains;
using test::refusal;

namespace {

constexpr int64_t kTokens = 4, kBegin = 0, kEnd = 1;
constexpr SearchOptions kOptions{.begin = kBegin, .end = kEnd, .max_tokens = 5};

/// A model whose logits are decided by all that a row has read, and by the row's number at the start.
class Remembering final : public NextToken {
 public:
  explicit Remembering(int64_t rows, uint64_t seed) : seed_(seed) {
    for (int64_t i = 0; i < rows; ++i) read_.push_back({i});
  }
  Tensor read(std::span<const int64_t> tokens, std::span<const int64_t> rows) override {
    std::vector<std::vector<int64_t>> next;
    Tensor logits(ir::DType::f32, {static_cast<int64_t>(rows.size()), kTokens});
    for (size_t i = 0; i < rows.size(); ++i) {
      next.push_back(read_.at(static_cast<size_t>(rows[i])));
      next.back().push_back(tokens[i]);
      for (int64_t k = 0; k < kTokens; ++k)
        logits.set_real(static_cast<int64_t>(i) * kTokens + k, logit(next.back(), k));
    }
    read_ = std::move(next);
    return logits;
  }
  double logit(const std::vector<int64_t>& read, int64_t token) const {
    uint64_t number = 0;
    for (const int64_t t : read) number = number * 31 + static_cast<uint64_t>(t) + 1;
    training::KeyedRandom random(seed_ + static_cast<uint64_t>(token), number);
    return static_cast<double>(random.below(4096)) / 1024;  // a float, exactly
  }
  double log_probability(const std::vector<int64_t>& read, int64_t token) const {
    double sum = 0;
    for (int64_t k = 0; k < kTokens; ++k) sum += std::exp(logit(read, k));
    return logit(read, token) - std::log(sum);
  }

 private:
  uint64_t seed_;
  std::vector<std::vector<int64_t>> read_;
};

/// All sequences that end within the options' bound, best first.
std::vector<Hypothesis> all_of(const Remembering& model, double penalty) {
  std::vector<Hypothesis> result;
  const auto grow = [&](const auto& self, std::vector<int64_t> tokens, double log_probability) -> void {
    std::vector<int64_t> read = {0, kBegin};
    read.insert(read.end(), tokens.begin(), tokens.end());
    const double ended = log_probability + model.log_probability(read, kEnd);
    const auto length = static_cast<double>(tokens.size() + 1);
    result.push_back({tokens, ended, ended / std::pow(length, penalty)});
    if (static_cast<int64_t>(tokens.size()) + 1 >= kOptions.max_tokens) return;
    for (int64_t token = 0; token < kTokens; ++token) {
      if (token == kEnd) continue;
      tokens.push_back(token);
      self(self, tokens, log_probability + model.log_probability(read, token));
      tokens.pop_back();
    }
  };
  grow(grow, {}, 0);
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  return result;
}

}  // namespace

TEST_CASE("greedy: each row as if it were alone, ended ones leave the others in peace") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Remembering model(5, seed);
    const auto all = greedy(model, 5, kOptions);
    REQUIRE(all.size() == 5);
    for (int64_t row = 0; row < 5; ++row) {
      const Remembering alone(1, seed);
      std::vector<int64_t> read = {row, kBegin}, want;
      while (static_cast<int64_t>(want.size()) < kOptions.max_tokens) {
        int64_t best = 0;
        for (int64_t k = 1; k < kTokens; ++k)
          if (alone.logit(read, k) > alone.logit(read, best)) best = k;
        if (best == kEnd) break;
        want.push_back(best);
        read.push_back(best);
      }
      CHECK(all[static_cast<size_t>(row)] == want);
    }
  }
  Remembering none(0, 1);
  CHECK(greedy(none, 0, kOptions).empty());
}

TEST_CASE("beam search: wide enough it finds the best of all sequences, with and without a length penalty") {
  for (uint64_t seed = 0; seed < 20; ++seed)
    for (const double penalty : {0.0, 1.0}) {
      Remembering model(1, seed);
      const std::vector<Hypothesis> want = all_of(model, penalty);
      // 3^4 sequences are open at the last step at most, and 121 end in all.
      const auto got = beam_search(model, kOptions, {.width = 100, .length_penalty = penalty});
      REQUIRE(got.size() == 100);
      for (size_t i = 0; i < got.size(); ++i) {
        CHECK(got[i].tokens == want[i].tokens);
        CHECK(got[i].log_probability == doctest::Approx(want[i].log_probability));
        CHECK(got[i].score == doctest::Approx(want[i].score));
      }
    }
}

TEST_CASE("beam search: one candidate is greedy search; more are never worse than the last token's choice allows") {
  int better = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Remembering one(1, seed), again(1, seed), wide(1, seed);
    const Hypothesis first = beam_search(one, kOptions, {.width = 1})[0];
    const auto greedily = greedy(again, 1, kOptions)[0];
    // A hypothesis that ended may be likelier than the one that greedy search follows.
    double log_probability = 0;
    std::vector<int64_t> read = {0, kBegin};
    for (const int64_t token : greedily) {
      log_probability += one.log_probability(read, token);
      read.push_back(token);
    }
    if (static_cast<int64_t>(greedily.size()) < kOptions.max_tokens) {
      log_probability += one.log_probability(read, kEnd);
      CHECK(first.log_probability >= log_probability - 1e-9);
    }
    const double best = beam_search(wide, kOptions, {.width = 4})[0].log_probability;
    CHECK(best <= all_of(wide, 0)[0].log_probability + 1e-9);
    better += best > first.log_probability + 1e-9;
  }
  CHECK(better > 0);
}

namespace {

/// Never ends.
class Endless final : public NextToken {
 public:
  Tensor read(std::span<const int64_t>, std::span<const int64_t> rows) override {
    Tensor logits(ir::DType::f32, {static_cast<int64_t>(rows.size()), 3});
    for (size_t i = 0; i < rows.size(); ++i) {
      logits.set_real(static_cast<int64_t>(i) * 3 + kEnd, -INFINITY);
      logits.set_real(static_cast<int64_t>(i) * 3 + 2, 1);
    }
    return logits;
  }
};

}  // namespace

TEST_CASE("search: sequences that do not end are cut; options without sense are refused") {
  Endless model;
  CHECK(greedy(model, 2, kOptions)[1] == std::vector<int64_t>{2, 2, 2, 2, 2});
  const auto cut = beam_search(model, kOptions, {.width = 2});
  REQUIRE(cut.size() == 2);
  CHECK(cut[0].tokens == std::vector<int64_t>{2, 2, 2, 2, 2});
  CHECK(cut[0].log_probability == doctest::Approx(-5 * std::log1p(std::exp(-1))));
  CHECK(contains(refusal([&] { greedy(model, 1, {.max_tokens = 0}); }), "max_tokens 0"));
  CHECK(contains(refusal([&] { beam_search(model, {.begin = -1}); }), "begin -1"));
  CHECK(contains(refusal([&] { beam_search(model, kOptions, {.width = 0}); }), "width 0"));
}
