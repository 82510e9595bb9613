// Gradients of recurrent cells, written in the DSL, by their inputs, states and weights; and what the step back looks like.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "frontend/dsl/dsl.h"
#include "ir/interpreter.h"
#include "passes/pass.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;
using dsl::Var;
using dsl::Vars;
using ir::Dim;
using ir::DType;
using ir::Tensor;

constexpr double kBound = 1e-6;

/// A model under construction whose weights are inputs of its function.
struct Cells {
  dsl::Model model;
  int64_t input = 3, hidden = 5;

  Var weight(const std::string& name, std::vector<Dim> shape) {
    return model.input(name, DType::f64, std::move(shape));
  }
  dsl::Gate gate(const std::string& name) {
    return {.w = weight(name + "w", {Dim(hidden), Dim(input)}),
            .r = weight(name + "r", {Dim(hidden), Dim(hidden)}),
            .b = weight(name + "b", {Dim(hidden)})};
  }
  dsl::RnnCell rnn(const std::string& name) { return {.gate = gate(name)}; }
  dsl::GruCell gru(const std::string& name, bool after) {
    dsl::GruCell cell{.update = gate(name + "z"), .reset = gate(name + "r"), .candidate = gate(name + "h")};
    cell.reset_after = after;
    if (after) cell.recurrent_bias = weight(name + "rb", {Dim(hidden)});
    return cell;
  }
  dsl::LstmCell lstm(const std::string& name, bool peepholes) {
    dsl::LstmCell cell{
        .input = gate(name + "i"), .output = gate(name + "o"), .forget = gate(name + "f"), .cell = gate(name + "c")};
    if (peepholes) {
      cell.peephole_input = weight(name + "pi", {Dim(hidden)});
      cell.peephole_output = weight(name + "po", {Dim(hidden)});
      cell.peephole_forget = weight(name + "pf", {Dim(hidden)});
    }
    return cell;
  }
};

enum class Kind { Rnn, GruBefore, GruAfter, Lstm, LstmPeepholes };
constexpr Kind kKinds[] = {Kind::Rnn, Kind::GruBefore, Kind::GruAfter, Kind::Lstm, Kind::LstmPeepholes};

dsl::Cell make(Cells& cells, Kind kind, const std::string& name) {
  switch (kind) {
    case Kind::Rnn: return cells.rnn(name);
    case Kind::GruBefore: return cells.gru(name, false);
    case Kind::GruAfter: return cells.gru(name, true);
    case Kind::Lstm: return cells.lstm(name, false);
    case Kind::LstmPeepholes: return cells.lstm(name, true);
  }
  return {};
}
bool has_two_states(Kind kind) { return kind == Kind::Lstm || kind == Kind::LstmPeepholes; }

Var total(Var x) {
  while (x.rank() > 0) x = dsl::sum(x, 0);
  return x;
}

enum class Way { Forward, Reverse, Both };

/// A layer and a loss of all it gives.
std::unique_ptr<ir::Module> layer(Kind kind, Way way, bool ragged) {
  Cells cells;
  const Dim steps = Dim::symbol("T"), batch = Dim::symbol("N");
  const Var x = cells.model.input("x", DType::f64, {steps, batch, Dim(cells.input)});
  const Var lengths = ragged ? cells.model.input("lengths", DType::i32, {batch}) : Var();
  Var loss;
  for (const bool reverse : {false, true}) {
    if (way != Way::Both && reverse != (way == Way::Reverse)) continue;
    const std::string name = reverse ? "b" : "f";
    Vars start;
    for (int i = 0; i < (has_two_states(kind) ? 2 : 1); ++i)
      start.push_back(cells.model.input(fmt::format("{}s{}", name, i), DType::f64, {batch, Dim(cells.hidden)}));
    const dsl::Scanned scanned = dsl::scan(make(cells, kind, name), x, start, {.reverse = reverse, .lengths = lengths});
    Var y = scanned.outputs.at(0);
    Var sum = total(y * y * y + y);
    for (const Var& state : scanned.states) sum = sum + total(state * state);
    loss = loss ? loss * sum + sum : sum;
  }
  cells.model.output("loss", loss);
  return cells.model.finish();
}

test::GradientInputs inputs_for(const ir::Function& f, const ir::DimBindings& dims, uint64_t seed) {
  test::GradientInputs inputs;
  inputs.given = test::random_inputs(f, dims, seed);
  for (Tensor& tensor : inputs.given)
    for (int64_t i = 0; i < tensor.count(); ++i)
      if (tensor.dtype() == DType::i32)
        tensor.set_integer(i, (i * 2 + 1) % (dims.at("T") + 1));
      else
        tensor.set_real(i, 0.7 * tensor.real(i));
  return inputs;
}

int64_t count_in(const ir::Block& block, ir::Opcode code) {
  int64_t count = 0;
  ir::walk(block, [&](const ir::Op* op) { count += op->code() == code; });
  return count;
}

TEST_SUITE_BEGIN("passes");

TEST_CASE("differentiate: RNN, GRU and LSTM, forward, reverse and both, whole and ragged") {
  for (const Kind kind : kKinds)
    for (const Way way : {Way::Forward, Way::Reverse, Way::Both})
      for (const bool ragged : {false, true}) {
        if (way == Way::Both && kind != Kind::Lstm && kind != Kind::GruAfter) continue;
        CAPTURE(static_cast<int>(kind));
        CAPTURE(static_cast<int>(way));
        CAPTURE(ragged);
        const auto module = layer(kind, way, ragged);
        const ir::Function& f = *module->functions[0];
        test::GradientInputs inputs = inputs_for(f, {{"T", 4}, {"N", 3}}, 7);
        inputs.compiled = ragged || way == Way::Both;
        CHECK(test::worst_gradient(f, inputs) < kBound);
      }
}

TEST_CASE("differentiate: cells over one step, one row, none of either") {
  const auto module = layer(Kind::Lstm, Way::Forward, false);
  const ir::Function& f = *module->functions[0];
  for (const auto& [steps, rows] : {std::pair{1, 1}, {2, 1}, {0, 2}, {3, 0}}) {
    test::GradientInputs inputs = inputs_for(f, {{"T", steps}, {"N", rows}}, 3);
    inputs.compiled = steps != 2;
    CHECK(test::worst_gradient(f, inputs) < kBound);
  }
}

TEST_CASE("differentiate: two layers, and states that go from one batch to the next") {
  Cells cells;
  const Dim steps = Dim::symbol("T"), batch = Dim::symbol("N");
  const Var x = cells.model.input("x", DType::f64, {steps, batch, Dim(cells.input)});
  const Var h = cells.model.input("h", DType::f64, {batch, Dim(cells.hidden)});
  const auto lower = dsl::scan(cells.gru("a", true), x, {h});
  cells.input = cells.hidden;
  const auto upper = dsl::scan(cells.rnn("b"), lower.outputs[0], {h});
  cells.model.output("loss", total(upper.outputs[0]) + total(upper.states[0] * lower.states[0]));
  const auto module = cells.model.finish();
  const ir::Function& f = *module->functions[0];
  CHECK(test::worst_gradient(f, inputs_for(f, {{"T", 5}, {"N", 2}}, 5)) < kBound);
}

TEST_CASE("differentiate: weight gradients leave the scan as one product over all steps") {
  for (const Kind kind : kKinds) {
    CAPTURE(static_cast<int>(kind));
    const auto module = layer(kind, Way::Forward, false);
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
    const int64_t gates = kind == Kind::Rnn ? 1 : has_two_states(kind) ? 4 : 3;
    CHECK(scans == 2);
    CHECK(inside == 0);
    CHECK(outside == 2 * gates);
  }
}

TEST_CASE("differentiate: the step back multiplies no more than its own products") {
  const auto module = layer(Kind::Lstm, Way::Forward, false);
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

TEST_SUITE_END();

}  // namespace
