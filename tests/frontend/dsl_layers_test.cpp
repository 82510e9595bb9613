// Layers of the DSL against plain loops over what they mean.
#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "frontend/dsl/dsl.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/verifier.h"
#include "runtime/compile.h"
#include "runtime/session.h"

namespace {

using namespace seqc;
using dsl::Step;
using dsl::Var;
using dsl::Vars;
using ir::Dim;
using ir::DType;
using ir::Tensor;
using Sizes = std::vector<int64_t>;

const Dim kT = Dim::symbol("T"), kN = Dim::symbol("N");

/// The outputs, interpreted; compiled code must agree.
std::vector<Tensor> run(dsl::Model& model, const std::vector<Tensor>& inputs) {
  const auto module = model.finish();
  REQUIRE(ir::verify(*module).empty());
  const std::vector<Tensor> want = ir::interpret(*module->functions[0], inputs);
  runtime::Session session(runtime::Program::compile(std::move(module->functions[0])));
  const std::vector<Tensor> got = session.run(inputs);
  for (size_t i = 0; i < want.size(); ++i) {
    REQUIRE(got[i].shape() == want[i].shape());
    for (int64_t k = 0; k < want[i].count(); ++k)
      CHECK(got[i].real(k) == doctest::Approx(want[i].real(k)).epsilon(1e-12));
  }
  return want;
}

Tensor normals(Sizes shape, uint64_t seed) {
  Tensor tensor(DType::f64, std::move(shape));
  std::mt19937_64 random(seed);
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, std::normal_distribution<double>()(random));
  return tensor;
}

Tensor integers(Sizes shape, const std::vector<int64_t>& values) {
  Tensor tensor(DType::i64, std::move(shape));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_integer(i, values[static_cast<size_t>(i)]);
  return tensor;
}

/// A cell that adds its input times `factor` to its state.
dsl::Cell summing(double factor) {
  return [factor](const Var& x, const Vars& s) -> Step {
    const Var sum = s[0] + factor * x;
    return {{sum}, {sum}};
  };
}

/// Weights over the keys of one query, and the mixed values.
std::vector<double> attend(const std::vector<double>& scores, const Tensor& values, int64_t row, int64_t valid) {
  const int64_t keys = values.shape()[1], size = values.shape()[2];
  double total = 0;
  for (int64_t k = 0; k < valid; ++k) total += std::exp(scores[static_cast<size_t>(k)]);
  std::vector<double> mixed(static_cast<size_t>(size), 0.0);
  for (int64_t k = 0; k < valid; ++k)
    for (int64_t v = 0; v < size; ++v)
      mixed[static_cast<size_t>(v)] +=
          std::exp(scores[static_cast<size_t>(k)]) / total * values.real((row * keys + k) * size + v);
  return mixed;
}

}  // namespace

TEST_SUITE_BEGIN("frontend");

TEST_CASE("layers: dense over any leading dims, embedding") {
  dsl::Model model("m", 7);
  const Var x = model.input("x", DType::f64, {kT, kN, Dim(3)}), ids = model.input("ids", DType::i64, {kT, kN});
  const dsl::Dense dense{.w = model.constant(normals({2, 3}, 1)), .b = model.constant(normals({2}, 2))};
  const dsl::Embedding embedding{.table = model.constant(normals({5, 4}, 3))};
  model.output("y", dense(x));
  model.output("e", embedding(ids));
  CHECK_THROWS_WITH_AS(embedding(x), "embedding: got ids f64[T,N,3], expected integers", Error);
  const Tensor in = normals({2, 3, 3}, 4), w = normals({2, 3}, 1), b = normals({2}, 2), table = normals({5, 4}, 3);
  const std::vector<int64_t> chosen = {4, 0, 1, 1, 3, 2};
  const auto got = run(model, {in, integers({2, 3}, chosen)});
  for (int64_t row = 0; row < 6; ++row) {
    for (int64_t o = 0; o < 2; ++o) {
      double want = b.real(o);
      for (int64_t i = 0; i < 3; ++i) want += w.real(o * 3 + i) * in.real(row * 3 + i);
      CHECK(got[0].real(row * 2 + o) == doctest::Approx(want));
    }
    for (int64_t e = 0; e < 4; ++e)
      CHECK(got[1].real(row * 4 + e) == table.real(chosen[static_cast<size_t>(row)] * 4 + e));
  }
}

TEST_CASE("layers: parameters have their names, shapes and starts") {
  dsl::Model model;
  CHECK(dsl::dense_parameters(model, "dense", 3, 2).w.shape() == ir::Shape{Dim(2), Dim(3)});
  CHECK(dsl::embedding_parameters(model, "embedding", 10, 4).table.shape() == ir::Shape{Dim(10), Dim(4)});
  const dsl::LayerNorm norm = dsl::layer_norm_parameters(model, "norm", 4);
  CHECK(norm.scale.shape() == ir::Shape{Dim(4)});
  const auto attention = dsl::additive_attention_parameters(model, "attention", 3, 5, 7);
  CHECK(attention.w.shape() == ir::Shape{Dim(7), Dim(3)});
  CHECK(attention.u.shape() == ir::Shape{Dim(7), Dim(5)});
  CHECK_THROWS_AS(model.parameter("dense.w", {1}), Error);
}

TEST_CASE("layers: normalisation gives every row the scale and shift") {
  dsl::Model model;
  const Var x = model.input("x", DType::f64, {kN, Dim(4)});
  const dsl::LayerNorm norm{
      .scale = model.constant(normals({4}, 1)), .shift = model.constant(normals({4}, 2)), .epsilon = 1e-3};
  model.output("y", norm(x));
  const Tensor in = normals({3, 4}, 3), scale = normals({4}, 1), shift = normals({4}, 2);
  const Tensor got = run(model, {in})[0];
  for (int64_t n = 0; n < 3; ++n) {
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < 4; ++i) mean += in.real(n * 4 + i) / 4;
    for (int64_t i = 0; i < 4; ++i) variance += std::pow(in.real(n * 4 + i) - mean, 2) / 4;
    for (int64_t i = 0; i < 4; ++i)
      CHECK(got.real(n * 4 + i) ==
            doctest::Approx((in.real(n * 4 + i) - mean) / std::sqrt(variance + 1e-3) * scale.real(i) + shift.real(i)));
  }
}

TEST_CASE("layers: a stack of cells is one scan, residual ones add their input") {
  dsl::Model model;
  const Var x = model.input("x", DType::f64, {kT, kN, Dim(1)});
  dsl::Stack stack;
  stack.add(summing(1), 1).add(dsl::residual(summing(10)), 1);
  const Var zero = dsl::zeros_like_rows(x, Dim(1));
  const dsl::Scanned r = dsl::scan(stack, x, {zero, zero});
  model.output("y", r.outputs[0]);
  for (const Var& state : r.states) model.output("s" + std::to_string(&state - r.states.data()), state);
  Tensor in(DType::f64, {3, 1, 1});
  for (int64_t i = 0; i < 3; ++i) in.set_real(i, static_cast<double>(i + 1));
  const auto got = run(model, {in});  // first sums 1 3 6; second sums 10 40 100
  for (int64_t i = 0; i < 3; ++i) CHECK(got[0].real(i) == std::vector<double>{11, 43, 106}[static_cast<size_t>(i)]);
  CHECK(got[1].real(0) == 6);
  CHECK(got[2].real(0) == 100);
  dsl::Model other;
  const Var y = other.input("x", DType::f64, {kT, kN, Dim(1)}), z = dsl::zeros_like_rows(y, Dim(1));
  CHECK_THROWS_WITH_AS(dsl::scan(stack, y, {z}), "stack: got 1 states, expected 2 of 2 cells", Error);
}

TEST_CASE("layers: both directions of ragged rows, and what is valid last") {
  dsl::Model model;
  const Var x = model.input("x", DType::f64, {kT, kN, Dim(1)}), lengths = model.input("lengths", DType::i64, {kN});
  const Var zero = dsl::zeros_like_rows(x, Dim(1));
  const dsl::Scanned r = dsl::bidirectional(summing(1), summing(100), x, {zero}, {zero}, lengths);
  model.output("y", r.outputs[0]);
  model.output("last", dsl::last_valid(r.outputs[0], lengths));
  model.output("end", dsl::last_valid(r.outputs[0]));
  Tensor in(DType::f64, {3, 3, 1});
  for (int64_t i = 0; i < 9; ++i) in.set_real(i, static_cast<double>(i + 1));  // rows 1 4 7, 2 5 8, 3 6 9
  const auto got = run(model, {in, integers({3}, {3, 2, 0})});
  CHECK(got[0].shape() == Sizes{3, 3, 2});
  const std::vector<double> want = {1, 1200, 2, 700, 0, 0, 5, 1100, 7, 500, 0, 0, 12, 700, 0, 0, 0, 0};
  for (int64_t i = 0; i < 18; ++i) CHECK(got[0].real(i) == want[static_cast<size_t>(i)]);
  const std::vector<double> last = {12, 700, 7, 500, 0, 0}, end = {12, 700, 0, 0, 0, 0};
  for (int64_t i = 0; i < 6; ++i) {
    CHECK(got[1].real(i) == last[static_cast<size_t>(i)]);
    CHECK(got[2].real(i) == end[static_cast<size_t>(i)]);
  }
}

TEST_CASE("layers: attention by dot products, scaled or not, and additive, over valid keys only") {
  const Tensor q = normals({2, 2, 3}, 1), k = normals({2, 4, 3}, 2), v = normals({2, 4, 5}, 3);
  const Tensor w = normals({6, 3}, 4), u = normals({6, 3}, 5), a = normals({6}, 6);
  const std::vector<int64_t> lengths = {3, 0};
  const auto dot = [&](int64_t n, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t d = 0; d < 3; ++d) sum += q.real((n * 2 + i) * 3 + d) * k.real((n * 4 + j) * 3 + d);
    return sum;
  };
  const auto additive = [&](int64_t n, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t h = 0; h < 6; ++h) {
      double inner = 0;
      for (int64_t d = 0; d < 3; ++d)
        inner += w.real(h * 3 + d) * q.real((n * 2 + i) * 3 + d) + u.real(h * 3 + d) * k.real((n * 4 + j) * 3 + d);
      sum += a.real(h) * std::tanh(inner);
    }
    return sum;
  };
  for (int kind = 0; kind < 3; ++kind)
    for (const bool ragged : {false, true}) {
      CAPTURE(kind);
      CAPTURE(ragged);
      dsl::Model model;
      const Var qs = model.input("q", DType::f64, {kN, Dim::symbol("Q"), Dim(3)}),
                ks = model.input("k", DType::f64, {kN, Dim::symbol("K"), Dim(3)}),
                vs = model.input("v", DType::f64, {kN, Dim::symbol("K"), Dim(5)}),
                n = model.input("n", DType::i64, {kN});
      const Var shown = ragged ? n : Var{};
      const dsl::AdditiveAttention added{model.constant(w), model.constant(u), model.constant(a)};
      const dsl::Attended r = kind == 2   ? added(qs, ks, vs, shown)
                              : kind == 1 ? dsl::attention(qs, ks, vs, shown)
                                          : dsl::attention(qs, ks, vs, shown, dsl::Score::Dot);
      model.output("values", r.values);
      model.output("weights", r.weights);
      const auto got = run(model, {q, k, v, integers({2}, lengths)});
      for (int64_t row = 0; row < 2; ++row)
        for (int64_t i = 0; i < 2; ++i) {
          std::vector<double> scores;
          for (int64_t j = 0; j < 4; ++j)
            scores.push_back(kind == 2 ? additive(row, i, j) : dot(row, i, j) / (kind == 1 ? std::sqrt(3.0) : 1));
          const int64_t valid = ragged ? lengths[static_cast<size_t>(row)] : 4;
          const std::vector<double> want = attend(scores, v, row, valid);
          double total = 0;
          for (int64_t j = 0; j < 4; ++j) total += got[1].real((row * 2 + i) * 4 + j);
          CHECK(total == doctest::Approx(valid > 0 ? 1 : 0));
          for (int64_t e = 0; e < 5; ++e)
            CHECK(got[0].real((row * 2 + i) * 5 + e) == doctest::Approx(want[static_cast<size_t>(e)]));
        }
    }
}

TEST_SUITE_END();
