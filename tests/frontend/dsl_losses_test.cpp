// Losses and metrics of the DSL against plain loops over their definitions, interpreted and compiled.
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
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;
using Sizes = std::vector<int64_t>;

const Dim kT = Dim::symbol("T"), kN = Dim::symbol("N");

/// The value of the model's only output, interpreted; compiled code must agree.
double run(dsl::Model& model, const Var& loss, const std::vector<Tensor>& inputs) {
  REQUIRE(loss.rank() == 0);
  model.output("loss", loss);
  const auto module = model.finish();
  REQUIRE(ir::verify(*module).empty());
  const double value = ir::interpret(*module->functions[0], inputs)[0].real(0);
  runtime::Session session(runtime::Program::compile(std::move(module->functions[0])));
  const double compiled = session.run(inputs)[0].real(0);
  if (std::isfinite(value)) CHECK(compiled == doctest::Approx(value).epsilon(1e-12));
  return value;
}

Tensor f64(Sizes shape, const std::vector<double>& values) {
  Tensor tensor(DType::f64, std::move(shape));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, values[static_cast<size_t>(i)]);
  return tensor;
}

Tensor normals(Sizes shape, uint64_t seed, double scale = 2) {
  Tensor tensor(DType::f64, std::move(shape));
  std::mt19937_64 random(seed);
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, scale * std::normal_distribution<double>()(random));
  return tensor;
}

Tensor integers(DType type, Sizes shape, const std::vector<int64_t>& values) {
  Tensor tensor(type, std::move(shape));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_integer(i, values[static_cast<size_t>(i)]);
  return tensor;
}

/// -log softmax(row of `logits`)[label].
double cross_entropy(const Tensor& logits, int64_t row, int64_t classes, int64_t label) {
  double sum = 0;
  for (int64_t c = 0; c < classes; ++c) sum += std::exp(logits.real(row * classes + c));
  return std::log(sum) - logits.real(row * classes + label);
}

}  // namespace

TEST_SUITE_BEGIN("frontend");

TEST_CASE("losses: softmax cross-entropy of sparse labels, with weights, and labels that are no class") {
  const Tensor logits = normals({5, 3}, 1), weights = f64({5}, {1, 0.5, 2, 0, 3});
  const std::vector<int64_t> labels = {2, 0, 1, 1, 2}, some = {2, -1, 1, 3, 2};
  for (const DType type : {DType::i32, DType::i64, DType::u8}) {
    CAPTURE(ir::name(type));
    dsl::Model plain, weighted;
    double want = 0, want_weighted = 0;
    for (int64_t i = 0; i < 5; ++i) {
      const double loss = cross_entropy(logits, i, 3, labels[static_cast<size_t>(i)]);
      want += loss / 5;
      want_weighted += weights.real(i) * loss / 6.5;
    }
    const Var x = plain.input("x", DType::f64, {kN, Dim(3)});
    const double got = run(plain, dsl::softmax_cross_entropy(x, plain.input("labels", type, {kN})),
                           {logits, integers(type, {5}, labels)});
    CHECK(got == doctest::Approx(want).epsilon(1e-12));
    const Var y = weighted.input("x", DType::f64, {kN, Dim(3)}), l = weighted.input("labels", type, {kN}),
              w = weighted.input("w", DType::f64, {kN});
    CHECK(run(weighted, dsl::softmax_cross_entropy(y, l, w), {logits, integers(type, {5}, labels), weights}) ==
          doctest::Approx(want_weighted).epsilon(1e-12));
  }
  dsl::Model model;
  const Var x = model.input("x", DType::f64, {kN, Dim(3)});
  double want = 0;
  for (const int64_t i : {0, 2, 4}) want += cross_entropy(logits, i, 3, some[static_cast<size_t>(i)]) / 3;
  CHECK(run(model, dsl::softmax_cross_entropy(x, model.input("labels", DType::i64, {kN})),
            {logits, integers(DType::i64, {5}, some)}) == doctest::Approx(want).epsilon(1e-12));
}

TEST_CASE("losses: large logits do not overflow, no row at all gives 0") {
  dsl::Model model, empty, sigmoid;
  const Var x = model.input("x", DType::f64, {kN, Dim(2)}), l = model.input("l", DType::i64, {kN});
  CHECK(run(model, dsl::softmax_cross_entropy(x, l),
            {f64({2, 2}, {1000, -1000, 1e5, 1e5}), integers(DType::i64, {2}, {1, 0})}) ==
        doctest::Approx((2000 + std::log(2.0)) / 2));
  const Var e = empty.input("x", DType::f64, {kN, Dim(2)}), el = empty.input("l", DType::i64, {kN});
  CHECK(run(empty, dsl::softmax_cross_entropy(e, el), {Tensor(DType::f64, {0, 2}), Tensor(DType::i64, {0})}) == 0);
  dsl::Model none;
  const Var a = none.input("a", DType::f64, {kN}), b = none.input("b", DType::f64, {kN});
  CHECK(run(none, dsl::huber(a, b), {Tensor(DType::f64, {0}), Tensor(DType::f64, {0})}) == 0);
  const Var s = sigmoid.input("x", DType::f64, {kN}), t = sigmoid.input("t", DType::f64, {kN});
  CHECK(run(sigmoid, dsl::sigmoid_cross_entropy(s, t), {f64({2}, {-900, 900}), f64({2}, {1, 1})}) ==
        doctest::Approx(450));
}

TEST_CASE("losses: dense targets") {
  const Tensor logits = normals({2, 3, 4}, 2), raw = normals({2, 3, 4}, 3);
  Tensor targets = raw;
  double want = 0;
  for (int64_t i = 0; i < 6; ++i) {
    double total = 0;
    for (int64_t c = 0; c < 4; ++c) total += std::exp(raw.real(i * 4 + c));
    for (int64_t c = 0; c < 4; ++c) {
      targets.set_real(i * 4 + c, std::exp(raw.real(i * 4 + c)) / total);
      want += targets.real(i * 4 + c) * cross_entropy(logits, i, 4, c) / 6;
    }
  }
  dsl::Model model;
  const Var x = model.input("x", DType::f64, {kT, kN, Dim(4)}), t = model.input("t", DType::f64, {kT, kN, Dim(4)});
  CHECK(run(model, dsl::softmax_cross_entropy_dense(x, t), {logits, targets}) == doctest::Approx(want).epsilon(1e-12));
}

TEST_CASE("losses: mean squared error, its root, Huber") {
  const Tensor x = f64({3}, {1, -2, 5}), t = f64({3}, {0.5, 1, 5.25});
  const auto build = [&](const auto& loss) {
    dsl::Model model;
    const Var a = model.input("x", DType::f64, {kN}), b = model.input("t", DType::f64, {kN});
    return run(model, loss(a, b), {x, t});
  };
  const double mse = (0.25 + 9 + 0.0625) / 3;
  CHECK(build([](const Var& a, const Var& b) { return dsl::mean_squared_error(a, b); }) == doctest::Approx(mse));
  CHECK(build([](const Var& a, const Var& b) { return dsl::root_mean_squared_error(a, b); }) ==
        doctest::Approx(std::sqrt(mse)));
  CHECK(build([](const Var& a, const Var& b) { return dsl::huber(a, b, 2); }) ==
        doctest::Approx((0.125 + 2 * (3 - 1) + 0.03125) / 3));
  CHECK(build([](const Var& a, const Var& b) { return dsl::huber(a, b); }) ==
        doctest::Approx((0.125 + 2.5 + 0.03125) / 3));
}

TEST_CASE("losses: sequences count their valid steps only, whatever stands in the others") {
  Tensor logits = normals({4, 3, 5}, 4);
  const std::vector<int64_t> lengths = {4, 0, 2}, labels = {0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1};
  double want = 0;
  for (int64_t step = 0; step < 4; ++step)
    for (int64_t n = 0; n < 3; ++n) {
      const int64_t row = step * 3 + n;
      if (step < lengths[static_cast<size_t>(n)])
        want += cross_entropy(logits, row, 5, labels[static_cast<size_t>(row)]) / 6;
      else
        logits.set_real(row * 5, NAN);
    }
  dsl::Model model;
  const Var x = model.input("x", DType::f64, {kT, kN, Dim(5)}), l = model.input("l", DType::i32, {kT, kN}),
            n = model.input("n", DType::i32, {kN});
  const Var loss = dsl::sequence_cross_entropy(x, l, n);
  CHECK(run(model, loss, {logits, integers(DType::i32, {4, 3}, labels), integers(DType::i32, {3}, lengths)}) ==
        doctest::Approx(want).epsilon(1e-12));
}

TEST_CASE("losses: penalties of parameters") {
  dsl::Model one, two;
  const Var a = one.input("a", DType::f64, {Dim(2)}), b = one.input("b", DType::f64, {Dim(1), Dim(1)});
  CHECK(run(one, dsl::l1({a, b}, 0.5), {f64({2}, {1, -2}), f64({1, 1}, {-4})}) == doctest::Approx(3.5));
  const Var c = two.input("a", DType::f64, {Dim(2)});
  CHECK(run(two, dsl::l2({c}, 0.5), {f64({2}, {1, -2})}) == doctest::Approx(1.25));
}

TEST_CASE("metrics: accuracy takes the first of equal logits, and leaves out what has no class") {
  dsl::Model model;
  const Var x = model.input("x", DType::f64, {kN, Dim(3)}), l = model.input("l", DType::u8, {kN});
  const Tensor logits = f64({5, 3}, {1, 2, 3, 5, 5, 0, 5, 5, 0, 0, 0, 9, 7, 1, 1});
  CHECK(run(model, dsl::accuracy(x, l), {logits, integers(DType::u8, {5}, {2, 0, 1, 255, 0})}) ==
        doctest::Approx(0.75));
  dsl::Model model2;
  const Var ce = model2.input("ce", DType::f64, {});
  CHECK(run(model2, dsl::perplexity(ce), {f64({}, {std::log(7.0)})}) == doctest::Approx(7));
}

TEST_CASE("metrics: binary accuracy, with weights; a logit of 0 says no") {
  const Tensor logits = f64({2, 3}, {1, -2, 0, 0, 3, -1}), targets = f64({2, 3}, {1, 0, 0, 1, 0, 0.5});
  for (const bool weighted : {false, true}) {
    dsl::Model model;
    const Var x = model.input("x", DType::f64, {kN, Dim(3)}), t = model.input("t", DType::f64, {kN, Dim(3)});
    if (!weighted) {
      CHECK(run(model, dsl::binary_accuracy(x, t), {logits, targets}) == doctest::Approx(4 / 6.0));
      continue;
    }
    const Var w = model.input("w", DType::f64, {kN, Dim(3)});
    CHECK(run(model, dsl::binary_accuracy(x, t, w), {logits, targets, f64({2, 3}, {2, 0, 1, 3, 0, 0})}) ==
          doctest::Approx(0.5));
  }
}

TEST_CASE("losses: bad operands are named") {
  dsl::Model model;
  const Var x = model.input("x", DType::f64, {Dim(2), Dim(3)}), l = model.input("l", DType::i64, {Dim(3)}),
            f = model.input("f", DType::f64, {Dim(2)});
  CHECK_THROWS_WITH_AS(
      dsl::softmax_cross_entropy(x, l),
      "softmax_cross_entropy: got logits f64[2,3] and labels i64[3], expected logits [..., C] and labels "
      "[...]",
      Error);
  CHECK_THROWS_WITH_AS(dsl::softmax_cross_entropy(x, f), "softmax_cross_entropy: got labels f64[2], expected integers",
                       Error);
  CHECK_THROWS_WITH_AS(dsl::mean_squared_error(x, f), "mean_squared_error: got f64[2,3] and f64[2], expected one shape",
                       Error);
  CHECK_THROWS_AS(dsl::huber(f, f, 0), Error);
  CHECK_THROWS_AS(dsl::l2({}, 1), Error);
}

TEST_SUITE_END();
