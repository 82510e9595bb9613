// Dropout of the DSL: what it keeps, that it is nothing in use, and the same bits interpreted and compiled.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "frontend/dsl/dsl.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/verifier.h"
#include "runtime/session.h"

namespace {

using namespace seqc;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;

Tensor ones(std::vector<int64_t> shape, DType type = DType::f32) {
  Tensor tensor(type, std::move(shape));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, 1);
  return tensor;
}

Tensor step(int64_t number) { return Tensor::scalar_int(DType::i64, number); }

/// The first output in training; compiled code on one and two threads gives the same bits as the interpreter.
Tensor run(dsl::Model& model, const std::vector<Tensor>& inputs) {
  const auto module = model.finish(true);
  REQUIRE(ir::verify(*module).empty());
  const Tensor want = ir::interpret(*module->functions[0], inputs)[0];
  const auto program = runtime::Program::compile(std::move(module->functions[0]));
  for (const int threads : {1, 2}) CHECK(runtime::Session(program, threads).run(inputs)[0].identical(want));
  return want;
}

Tensor dropped(int64_t at, double rate, std::vector<int64_t> shape, const std::vector<int64_t>& shared = {},
               uint64_t seed = 0, const std::string& name = "drop") {
  dsl::Model model("model", seed);
  ir::Shape dims(shape.begin(), shape.end());
  dims[0] = Dim::symbol("N");
  const Var x = model.input("x", DType::f32, dims);
  model.output("y", dsl::Dropout(model, name, rate)(x, shared));
  return run(model, {ones(shape), step(at)});
}

double share_of_zeros(const Tensor& y) {
  int64_t zeros = 0;
  for (int64_t i = 0; i < y.count(); ++i) zeros += y.real(i) == 0;
  return static_cast<double>(zeros) / static_cast<double>(y.count());
}

TEST_SUITE_BEGIN("frontend");

TEST_CASE("dropout: zeros come at the given rate, the rest is scaled") {
  for (const double rate : {0.1, 0.5, 0.75}) {
    CAPTURE(rate);
    const Tensor y = dropped(3, rate, {101, 217});
    // Five standard deviations of a binomial distribution.
    CHECK(std::fabs(share_of_zeros(y) - rate) < 5 * std::sqrt(rate * (1 - rate) / static_cast<double>(y.count())));
    for (int64_t i = 0; i < y.count(); ++i)
      if (y.real(i) != 0 && y.real(i) != static_cast<float>(1 / (1 - rate))) FAIL_CHECK(y.real(i));
  }
}

TEST_CASE("dropout: seed, name and step decide, and nothing else") {
  const std::vector<int64_t> shape = {9, 33};
  const Tensor y = dropped(3, 0.5, shape);
  CHECK(dropped(3, 0.5, shape).identical(y));
  CHECK(!dropped(4, 0.5, shape).identical(y));
  CHECK(!dropped(3, 0.5, shape, {}, 1).identical(y));
  CHECK(!dropped(3, 0.5, shape, {}, 0, "other").identical(y));
  // Neighbouring elements, steps and layers agree as often as chance has it.
  const Tensor next = dropped(4, 0.5, {101, 217}), now = dropped(3, 0.5, {101, 217});
  int64_t equal = 0, runs = 0;
  for (int64_t i = 0; i < now.count(); ++i) equal += now.real(i) == next.real(i);
  for (int64_t i = 1; i < now.count(); ++i) runs += now.real(i) == now.real(i - 1);
  const double spread = 5 * 0.5 * std::sqrt(static_cast<double>(now.count()));
  CHECK(std::fabs(static_cast<double>(equal) - static_cast<double>(now.count()) / 2) < spread);
  CHECK(std::fabs(static_cast<double>(runs) - static_cast<double>(now.count()) / 2) < spread);
}

TEST_CASE("dropout: in use it is the identity, and no input asks for a step") {
  const Tensor x = ones({5, 3});
  CHECK(dropped(-1, 0.5, {5, 3}).identical(x));
  CHECK_THROWS_AS(dropped(0, 1.0, {5, 3}), Error);
  dsl::Model model, none;
  model.output("y", dsl::Dropout(model, "drop", 0.5)(model.input("x", DType::f32, {Dim::symbol("N"), 3})));
  const auto module = model.finish();
  CHECK(module->functions[0]->body().argument_count() == 1);
  runtime::Session session(runtime::Program::compile(std::move(module->functions[0])));
  CHECK(session.run({x})[0].identical(x));
  none.output("y", dsl::Dropout(none, "drop", 0)(none.input("x", DType::f32, {3})));
  CHECK(none.finish(true)->functions[0]->body().argument_count() == 1);
}

TEST_CASE("dropout: a second layer of one name, and wrong axes and rates, are refused") {
  dsl::Model model;
  const dsl::Dropout drop(model, "drop", 0.5);
  CHECK_THROWS_WITH_AS(dsl::Dropout(model, "drop", 0.5),
                       "random layer \"drop\": got a second one of this name, expected distinct names", Error);
  CHECK_THROWS_WITH_AS(dsl::Dropout(model, "other", -0.1), "dropout \"other\": got rate -0.1, expected one in [0, 1)",
                       Error);
  CHECK_THROWS_AS(drop(model.input("x", DType::f32, {3}), {1}), Error);
}

TEST_CASE("dropout: shared axes are kept or dropped together") {
  const Tensor spatial = dropped(0, 0.5, {17, 9, 5}, {2}), steps = dropped(0, 0.5, {7, 9, 33}, {0});
  for (int64_t row = 0; row < 17 * 9; ++row)
    for (int64_t i = 1; i < 5; ++i) CHECK(spatial.real(row * 5 + i) == spatial.real(row * 5));
  for (int64_t t = 1; t < 7; ++t)
    for (int64_t i = 0; i < 9 * 33; ++i) CHECK(steps.real(t * 9 * 33 + i) == steps.real(i));
  CHECK(share_of_zeros(spatial) > 0);
  CHECK(share_of_zeros(spatial) < 1);
}

TEST_CASE("dropout: cells draw anew at every step, or the same") {
  for (const bool same : {false, true}) {
    CAPTURE(same);
    for (const bool lengths : {false, true}) {
      dsl::Model model;
      const Var x = model.input("x", DType::f32, {Dim::symbol("T"), Dim::symbol("N"), 33});
      const Var n = model.input("n", DType::i32, {Dim::symbol("N")});
      dsl::Dropout drop(model, "drop", 0.5);
      if (same) drop = drop.same_at_every_step();
      const dsl::Cell cell = [&](const Var& step, const dsl::Vars&) -> dsl::Step { return {{}, {drop(step)}}; };
      model.output("y", dsl::scan(cell, x, {}, {.lengths = lengths ? n : Var()}).outputs[0]);
      Tensor all(DType::i32, {3});
      for (int64_t i = 0; i < 3; ++i) all.set_integer(i, 4);
      const Tensor y = run(model, {ones({4, 3, 33}), all, step(2)});
      int64_t equal = 0;
      for (int64_t i = 0; i < 3 * 99; ++i) equal += y.real(i) == y.real(i + 99);
      if (same)
        CHECK(equal == 3 * 99);
      else
        CHECK(std::abs(equal - 3 * 99 / 2) < 5 * std::sqrt(3 * 99) / 2);
    }
  }
}

/// The last state of a cell with parameters of its own, over x[T,N,3]; `change` gets the cell before it runs.
template <class MakeCell, class Change>
Tensor last_state(const MakeCell& make, size_t states, const Change& change) {
  dsl::Model model;
  const Var x = model.input("x", DType::f32, {Dim::symbol("T"), Dim::symbol("N"), 3});
  auto cell = make(model, "cell", 3, 5);
  change(cell, x);
  model.output("h", dsl::scan(cell, x, dsl::Vars(states, dsl::zeros_like_rows(x, 5))).states[0]);
  return ir::interpret(*model.finish()->functions[0], {ones({4, 2, 3})})[0];
}

TEST_CASE("dropout: a state without the way into the products is one whose recurrent weights are 0") {
  const auto drop_all = [](auto& cell, const Var&) { cell.recurrent = [](const Var& h) { return h * 0.0; }; };
  const auto same = [](const Tensor& a, const Tensor& b) { return a.identical(b); };
  CHECK(
      same(last_state(dsl::rnn_parameters, 1, drop_all),
           last_state(dsl::rnn_parameters, 1, [](auto& cell, const Var& x) { cell.gate.r = dsl::zeros({5, 5}, x); })));
  // The update of a GRU keeps its state nevertheless.
  for (const bool after : {false, true})
    CHECK(same(last_state(dsl::gru_parameters, 1,
                          [&](auto& cell, const Var& x) {
                            cell.reset_after = after;
                            drop_all(cell, x);
                          }),
               last_state(dsl::gru_parameters, 1, [&](auto& cell, const Var& x) {
                 cell.reset_after = after;
                 cell.update.r = cell.reset.r = cell.candidate.r = dsl::zeros({5, 5}, x);
               })));
  CHECK(same(last_state(dsl::lstm_parameters, 2, drop_all),
             last_state(dsl::lstm_parameters, 2, [](auto& cell, const Var& x) {
               cell.input.r = cell.output.r = cell.forget.r = cell.cell.r = dsl::zeros({5, 5}, x);
             })));
}

TEST_SUITE_END();

}  // namespace
