// Gradients of recurrent cells, written in the DSL, by their inputs, states and weights; and what the step back looks like.
#include <doctest/doctest.h>

#include "frontend/dsl/dsl.h"
#include "tests/support/gradient_check.h"
#include "tests/support/recurrent_layers.h"

namespace {

using namespace seqc;
using dsl::Var;
using ir::Dim;
using ir::DType;

constexpr double kBound = 1e-6;

int64_t count_in(const ir::Block& block, ir::Opcode code) {
  int64_t count = 0;
  ir::walk(block, [&](const ir::Op* op) { count += op->code() == code; });
  return count;
}

TEST_SUITE_BEGIN("passes");

TEST_CASE("differentiate: RNN, GRU and LSTM, forward, reverse and both, whole and ragged") {
  for (const test::RecurrentKind kind : test::kRecurrentKinds)
    for (const test::Direction way : {test::Direction::Forward, test::Direction::Reverse, test::Direction::Both})
      for (const bool ragged : {false, true}) {
        if (way == test::Direction::Both && kind != test::RecurrentKind::Lstm && kind != test::RecurrentKind::GruAfter)
          continue;
        CAPTURE(static_cast<int>(kind));
        CAPTURE(static_cast<int>(way));
        CAPTURE(ragged);
        const auto module = test::recurrent_layer(kind, way, ragged);
        const ir::Function& f = *module->functions[0];
        test::GradientInputs inputs{.given = test::recurrent_inputs(f, {{"T", 4}, {"N", 3}}, 7)};
        inputs.compiled = ragged || way == test::Direction::Both;
        CHECK(test::worst_gradient(f, inputs) < kBound);
      }
}

TEST_CASE("differentiate: cells over one step, one row, none of either") {
  const auto module = test::recurrent_layer(test::RecurrentKind::Lstm, test::Direction::Forward, false);
  const ir::Function& f = *module->functions[0];
  for (const auto& [steps, rows] : {std::pair{1, 1}, {2, 1}, {0, 2}, {3, 0}}) {
    test::GradientInputs inputs{.given = test::recurrent_inputs(f, {{"T", steps}, {"N", rows}}, 3)};
    inputs.compiled = steps != 2;
    CHECK(test::worst_gradient(f, inputs) < kBound);
  }
}

TEST_CASE("differentiate: two layers, and states that go from one batch to the next") {
  test::RecurrentModel cells;
  const Dim steps = Dim::symbol("T"), batch = Dim::symbol("N");
  const Var x = cells.model.input("x", DType::f64, {steps, batch, Dim(cells.input)});
  const Var h = cells.model.input("h", DType::f64, {batch, Dim(cells.hidden)});
  const auto lower = dsl::scan(cells.gru("a", true), x, {h});
  cells.input = cells.hidden;
  const auto upper = dsl::scan(cells.rnn("b"), lower.outputs[0], {h});
  cells.model.output("loss", test::total(upper.outputs[0]) + test::total(upper.states[0] * lower.states[0]));
  const auto module = cells.model.finish();
  const ir::Function& f = *module->functions[0];
  CHECK(test::worst_gradient(f, {.given = test::recurrent_inputs(f, {{"T", 5}, {"N", 2}}, 5)}) < kBound);
}

TEST_CASE("differentiate: weight gradients leave the scan as one product over all steps") {
  for (const test::RecurrentKind kind : test::kRecurrentKinds) {
    CAPTURE(static_cast<int>(kind));
    const auto module = test::recurrent_layer(kind, test::Direction::Forward, false);
    const auto backward = test::with_gradients(*module->functions[0]);
    const int64_t hidden = 5, input = 3;
    int64_t inside = 0, outside = 0, scans = 0;
    for (const ir::Op* op : backward->body().op_list()) {
      if (op->code() == ir::Opcode::Scan) {
        ++scans;
        ir::walk(op->region(), [&](const ir::Op* inner) {
          for (size_t i = 0; i < inner->result_count(); ++i) {
            const ir::Shape& shape = inner->result(i)->shape();
            inside += shape == ir::Shape{hidden, hidden} || shape == ir::Shape{hidden, input} ||
                      shape == ir::Shape{input, hidden};
          }
        });
      }
      if (op->code() != ir::Opcode::Contract) continue;
      const ir::Shape& shape = op->result()->shape();
      outside += shape == ir::Shape{hidden, hidden} || shape == ir::Shape{hidden, input};
    }
    const int64_t gates = kind == test::RecurrentKind::Rnn ? 1 : test::has_two_states(kind) ? 4 : 3;
    CHECK(scans == 2);
    CHECK(inside == 0);
    CHECK(outside == 2 * gates);
  }
}

TEST_CASE("differentiate: the step back multiplies no more than its own products") {
  const auto module = test::recurrent_layer(test::RecurrentKind::Lstm, test::Direction::Forward, false);
  const auto backward = test::with_gradients(*module->functions[0]);
  std::vector<const ir::Op*> scans;
  for (const ir::Op* op : backward->body().op_list())
    if (op->code() == ir::Opcode::Scan) scans.push_back(op);
  REQUIRE(scans.size() == 2);
  CHECK(count_in(scans[0]->region(), ir::Opcode::Contract) == 8);
  CHECK(count_in(scans[1]->region(), ir::Opcode::Contract) == 4);  // dz·R of each gate; dz·W leaves as well
  CHECK(count_in(scans[1]->region(), ir::Opcode::Sigmoid) == 0);   // saved
  CHECK(scans[0]->as<ir::ScanAttr>().reverse != scans[1]->as<ir::ScanAttr>().reverse);
}

TEST_CASE("differentiate: what many rows of a step add up stays in the step, if it is small") {
  const passes::GradientOptions many{.expected_dims = {{"N", 128}}};
  for (const test::RecurrentKind kind : test::kRecurrentKinds)
    for (const bool ragged : {false, true}) {
      CAPTURE(static_cast<int>(kind));
      CAPTURE(ragged);
      const auto module = test::recurrent_layer(kind, test::Direction::Both, ragged);
      const ir::Function& f = *module->functions[0];
      CHECK(test::worst_gradient(f, {.given = test::recurrent_inputs(f, {{"T", 4}, {"N", 3}}, 7)}, many) < kBound);
    }
  const auto outside = [](int64_t hidden, int64_t rows) {
    dsl::Model model("layer");
    const Var x = model.input("x", DType::f32, {Dim::symbol("T"), Dim::symbol("N"), 3});
    const Var zero = dsl::zeros_like_rows(x, hidden);
    const Var y = dsl::scan(dsl::lstm_parameters(model, "lstm", 3, hidden), x, {zero, zero}).outputs[0];
    model.output("loss", test::total(y * y));
    const auto module = model.finish(/*trainable=*/true);
    const auto backward = test::with_gradients(*module->functions[0], {.expected_dims = {{"N", rows}}});
    int64_t products = 0;
    for (const ir::Op* op : backward->body().op_list()) products += op->code() == ir::Opcode::Contract;
    return products;
  };
  CHECK(outside(128, 128) == 0);
  CHECK(outside(256, 128) == 4);  // by the recurrent weights: sums of 256 KiB each
  CHECK(outside(128, 16) == 12);  // by both weights and by the input
}

TEST_SUITE_END();

}  // namespace
