// TfIdfVectorizer against a search of every place.
#include <algorithm>
#include <array>

#include "tests/frontend/import_support.h"
#include "tests/support/both_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Ints = std::vector<int64_t>;

struct Pool {
  int64_t shortest, longest, skips;
  std::string mode;
  std::vector<std::vector<Ints>> grams = {{{0}, {2}, {3}}, {{0, 1}, {1, 1}, {3, 2}}, {{0, 1, 2}, {3, 3, 0}}};
  Ints coordinates = {4, 0, 9, 2, 1, 6, 3, 7};
  std::vector<float> weights = {0.5f, 1.5f, 2, 3, 0.25f, 0.75f, 1.25f, 4};

  void write(NodeRef& node) const {
    Ints items, starts;
    for (const auto& group : grams) {
      starts.push_back(static_cast<int64_t>(items.size()));
      for (const Ints& gram : group) items.insert(items.end(), gram.begin(), gram.end());
    }
    node.attr("min_gram_length", shortest).attr("max_gram_length", longest).attr("max_skip_count", skips);
    node.attr("mode", mode).ints("ngram_counts", starts).ints("ngram_indexes", coordinates).ints("pool_int64s", items);
    if (!weights.empty()) node.floats("weights", weights);
  }

  std::vector<double> vectorize(const Ints& row) const {
    std::vector<double> y(static_cast<size_t>(*std::max_element(coordinates.begin(), coordinates.end())) + 1, 0);
    size_t number = 0;
    for (const auto& group : grams)
      for (const Ints& gram : group) {
        const auto n = static_cast<int64_t>(gram.size());
        double count = 0;
        for (int64_t distance = 1; distance <= (n == 1 ? 1 : skips + 1); ++distance)
          for (int64_t at = 0; at + (n - 1) * distance < static_cast<int64_t>(row.size()); ++at) {
            bool same = n >= shortest && n <= longest;
            for (int64_t i = 0; i < n; ++i) same = same && row[at + i * distance] == gram[i];
            count += same ? 1 : 0;
          }
        if (mode == "IDF") count = std::min(count, 1.0);
        if (mode != "TF" && !weights.empty()) count *= weights[number];
        y[coordinates[number++]] += count;
      }
    return y;
  }
};

TEST_CASE("TfIdfVectorizer: modes, lengths, skips, one row and many") {
  TestNumbers numbers(11);
  for (const char* mode : {"TF", "IDF", "TFIDF"})
    for (const auto& [shortest, longest, skips] :
         std::vector<std::array<int64_t, 3>>{{1, 1, 0}, {1, 2, 0}, {2, 2, 3}, {1, 3, 1}, {3, 3, 2}, {2, 5, 9}}) {
      CAPTURE(mode);
      CAPTURE(shortest);
      CAPTURE(longest);
      CAPTURE(skips);
      Pool pool{shortest, longest, skips, mode};
      if (longest == 1) pool.weights.clear();  // all ones
      const auto attributes = [&](NodeRef& node) { pool.write(node); };
      Tensor want(DType::f32, {3, 10});
      const Tensor x = numbers.integers(DType::i64, {3, 13}, 0, 3);
      for (int64_t row = 0; row < 3; ++row) {
        Ints items;
        for (int64_t i = 0; i < 13; ++i) items.push_back(x.integer(row * 13 + i));
        const auto y = pool.vectorize(items);
        for (int64_t i = 0; i < 10; ++i) want.set_real(row * 10 + i, y[i]);
      }
      check_node(node_model(9, "TfIdfVectorizer", {x}, 1, attributes), {want});
      const Tensor line = numbers.integers(DType::i32, {4}, 0, 3);
      Tensor line_want(DType::f32, {10});
      const auto y = pool.vectorize({line.integer(0), line.integer(1), line.integer(2), line.integer(3)});
      for (int64_t i = 0; i < 10; ++i) line_want.set_real(i, y[i]);
      check_node(node_model(9, "TfIdfVectorizer", {line}, 1, attributes), {line_want});
    }
}

TEST_CASE("TfIdfVectorizer: two n-grams at one coordinate add up; rows of any number") {
  TestNumbers numbers(12);
  Pool pool{1, 2, 1, "TFIDF"};
  pool.coordinates = {4, 0, 4, 2, 1, 6, 3, 0};
  ModelBuilder model(9);
  model.input("x", DType::i64, {"N", 9}).output("y");
  NodeRef node = model.node("TfIdfVectorizer", {"x"}, {"y"});
  pool.write(node);
  const Tensor x = numbers.integers(DType::i64, {2, 9}, 0, 3);
  Tensor want(DType::f32, {2, 7});
  for (int64_t row = 0; row < 2; ++row) {
    Ints items;
    for (int64_t i = 0; i < 9; ++i) items.push_back(x.integer(row * 9 + i));
    const auto y = pool.vectorize(items);
    for (int64_t i = 0; i < 7; ++i) want.set_real(row * 7 + i, y[i]);
  }
  check_both_ways(model, {x}, {want});
}

TEST_CASE("TfIdfVectorizer: faults are named") {
  const auto fault = [](const Attributes& attributes) {
    return error_of(
        [&] { import_built(node_model(9, "TfIdfVectorizer", {Tensor(DType::i64, {5})}, 1, attributes).model); });
  };
  const Pool good{1, 2, 0, "TF"};
  const Error strings = fault([&](NodeRef& node) { good.write(node), node.strings("pool_strings", {"a"}); });
  CHECK(strings.kind() == ErrorKind::Unsupported);
  CHECK(contains(strings, "pool_strings"));
  CHECK(contains(fault([](NodeRef& node) { Pool{1, 2, 0, "BM25"}.write(node); }), "BM25"));
  Pool few = good;
  few.coordinates.pop_back();
  CHECK(contains(fault([&](NodeRef& node) { few.write(node); }), "ngram_indexes"));
  Pool uneven = good;
  uneven.grams[1][0].pop_back();
  CHECK(contains(fault([&](NodeRef& node) { uneven.write(node); }), "2-grams"));
}

}  // namespace
