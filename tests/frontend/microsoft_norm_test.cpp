// Normalisations that ONNX Runtime adds, against plain loops in double.
#include "tests/frontend/import_support.h"
#include "tests/support/both_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;

constexpr const char* kDomain = "com.microsoft";
using Numbers = std::vector<double>;

struct Row {
  Numbers y;
  double mean = 0, inverse = 0;
};

/// (x - mean) / sqrt(mean of squares + epsilon); the mean stays in unless `centred`.
Row normalized(const Numbers& x, double epsilon, bool centred) {
  Row row;
  const auto n = static_cast<double>(x.size());
  for (const double v : x) row.mean += v / n;
  double squares = 0;
  for (const double v : x) squares += std::pow(v - (centred ? row.mean : 0), 2) / n;
  row.inverse = 1 / std::sqrt(squares + epsilon);
  for (const double v : x) row.y.push_back((v - (centred ? row.mean : 0)) * row.inverse);
  return row;
}

/// The rows of x [rows, size].
std::vector<Row> rows_of(const Tensor& x, int64_t size, double epsilon, bool centred) {
  std::vector<Row> rows;
  for (int64_t at = 0; at < x.count(); at += size) {
    Numbers row;
    for (int64_t i = 0; i < size; ++i) row.push_back(x.real(at + i));
    rows.push_back(normalized(row, epsilon, centred));
  }
  return rows;
}

TEST_CASE("SimplifiedLayerNormalization in both domains") {
  TestNumbers numbers(51);
  const Tensor x = numbers.floats({2, 3, 7}), last = numbers.floats({7}), both = numbers.floats({3, 7});
  for (const char* domain : {"", kDomain})
    for (const bool one_dim : {true, false}) {
      const int64_t size = one_dim ? 7 : 21;
      const Tensor& scale = one_dim ? last : both;
      const auto rows = rows_of(x, size, 0.125, false);
      check_node(node_model(
                     17, "SimplifiedLayerNormalization", {x, scale}, 2,
                     [&](NodeRef& n) { n.attr("axis", one_dim ? -1 : 1).attr("epsilon", 0.125); }, domain),
                 {floats({2, 3, 7}, [&](int64_t i) { return rows[i / size].y[i % size] * scale.real(i % size); }),
                  floats(one_dim ? std::vector<int64_t>{2, 3, 1} : std::vector<int64_t>{2, 1, 1},
                         [&](int64_t i) { return rows[i].inverse; })});
    }
}

TEST_CASE("SkipLayerNormalization and its simplified form: shapes of skip, bias, all outputs") {
  TestNumbers numbers(52);
  const Tensor x = numbers.floats({2, 3, 7}), gamma = numbers.floats({7}), beta = numbers.floats({7}),
               bias = numbers.floats({7});
  for (const bool centred : {true, false})
    for (const bool biased : {true, false})
      for (const std::vector<int64_t>& shape : {std::vector<int64_t>{2, 3, 7}, {1, 3, 7}, {3, 7}}) {
        const Tensor skip = numbers.floats(shape);
        const Tensor sum = floats({2, 3, 7}, [&](int64_t i) {
          return x.real(i) + skip.real(i % skip.count()) + (biased ? bias.real(i % 7) : 0);
        });
        const auto rows = rows_of(sum, 7, 0.125, centred);
        const Tensor y = floats({2, 3, 7}, [&](int64_t i) {
          return rows[i / 7].y[i % 7] * gamma.real(i % 7) + (centred ? beta.real(i % 7) : 0);
        });
        std::vector<NodeInput> inputs = {x, skip, gamma};
        if (centred) inputs.emplace_back(beta);
        if (biased) inputs.emplace_back(bias);
        NodeModel node = node_model(
            17, centred ? "SkipLayerNormalization" : "SkipSimplifiedLayerNormalization", inputs, 1,
            [](NodeRef& n) { n.attr("epsilon", 0.125); }, kDomain);
        auto& proto = *node.model.graph().mutable_node(0);
        for (const char* name : std::vector<const char*>{centred ? "mean" : "", "inverse", "sum"}) {
          proto.add_output(name);
          if (*name) node.model.output(name);
        }
        std::vector<Tensor> want = {y};
        if (centred) want.push_back(floats({2, 3, 1}, [&](int64_t i) { return rows[i].mean; }));
        want.push_back(floats({2, 3, 1}, [&](int64_t i) { return rows[i].inverse; }));
        want.push_back(sum);
        check_node(node, want);
      }
}

TEST_CASE("EmbedLayerNormalization: with and without segments, positions and a mask") {
  TestNumbers numbers(53);
  const Tensor words = numbers.floats({5, 7}), places = numbers.floats({6, 7}), parts = numbers.floats({2, 7}),
               gamma = numbers.floats({7}), beta = numbers.floats({7});
  const Tensor ids = numbers.integers(DType::i32, {2, 3}, 0, 4), segments = numbers.integers(DType::i32, {2, 3}, 0, 1),
               mask = numbers.integers(DType::i32, {2, 3}, 0, 1),
               positions = numbers.integers(DType::i32, {1, 3}, 0, 5);
  for (const bool segmented : {true, false})
    for (const bool placed : {true, false})
      for (const bool masked : {true, false}) {
        const Tensor sum = floats({2, 3, 7}, [&](int64_t i) {
          const int64_t token = i / 7, k = i % 7;
          return words.real(ids.integer(token) * 7 + k) +
                 places.real((placed ? positions.integer(token % 3) : token % 3) * 7 + k) +
                 (segmented ? parts.real(segments.integer(token) * 7 + k) : 0);
        });
        const auto rows = rows_of(sum, 7, 0.125, true);
        Tensor counts(DType::i32, {2});
        for (int64_t i = 0; masked && i < 6; ++i) counts.set_integer(i / 3, counts.integer(i / 3) + mask.integer(i));
        const NodeInput none = missing();
        check_node(
            node_model(
                17, "EmbedLayerNormalization",
                {ids, segmented ? NodeInput(segments) : none, words, places, segmented ? NodeInput(parts) : none, gamma,
                 beta, masked ? NodeInput(mask) : none, placed ? NodeInput(positions) : none},
                3, [](NodeRef& n) { n.attr("epsilon", 0.125); }, kDomain),
            {floats({2, 3, 7}, [&](int64_t i) { return rows[i / 7].y[i % 7] * gamma.real(i % 7) + beta.real(i % 7); }),
             counts, sum});
      }
}

}  // namespace
