// Scans over cells of the test's own, the shape of what cells emit, and the functions of variables.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "frontend/dsl/dsl.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/printer.h"
#include "ir/verifier.h"

namespace {

using namespace seqc;
using dsl::Step;
using dsl::Var;
using dsl::Vars;
using ir::Dim;
using ir::DType;
using ir::Tensor;

std::vector<Tensor> run(dsl::Model& model, const std::vector<Tensor>& inputs) {
  const auto module = model.finish();
  REQUIRE(ir::verify(*module).empty());
  return ir::interpret(*module->functions[0], inputs);
}

std::vector<double> reals(const Tensor& tensor) {
  std::vector<double> values;
  for (int64_t i = 0; i < tensor.count(); ++i) values.push_back(tensor.real(i));
  return values;
}

/// The first scan of a function.
const ir::Op* find_scan(const ir::Function& function) {
  const ir::Op* found = nullptr;
  ir::walk(function.body(), [&](const ir::Op* op) {
    if (op->code() == ir::Opcode::Scan && !found) found = op;
  });
  return found;
}

int count_ops(const ir::Block& block, ir::Opcode code) {
  int count = 0;
  ir::walk(block, [&](const ir::Op* op) { count += op->code() == code; });
  return count;
}

using Doubles = std::vector<double>;

}  // namespace

TEST_SUITE_BEGIN("frontend");

TEST_CASE("scan: running sum and count over two sequences, three outputs") {
  dsl::Model model;
  const Var x = model.input("x", DType::f32, {Dim::symbol("T"), Dim(2)}),
            w = model.input("w", DType::f32, {Dim::symbol("T"), Dim(2)});
  const dsl::WideCell cell = [](const Vars& in, const Vars& s) -> Step {
    const Var sum = s[0] + in[0] * in[1];
    return {{sum, s[1] + 1.0}, {sum, in[0], 2.0 * s[1]}};
  };
  const dsl::Scanned r = dsl::scan(cell, Vars{x, w}, {dsl::zeros({Dim(2)}, x), dsl::zeros({}, x)});
  REQUIRE(r.states.size() == 2);
  REQUIRE(r.outputs.size() == 3);
  for (size_t k = 0; k < 3; ++k) model.output("output" + std::to_string(k), r.outputs[k]);
  for (size_t k = 0; k < 2; ++k) model.output("state" + std::to_string(k), r.states[k]);
  const auto got = run(model, {Tensor::f32({3, 2}, {1, 2, 3, 4, 5, 6}), Tensor::f32({3, 2}, {1, 0, 1, 10, 2, 1})});
  CHECK(reals(got[0]) == Doubles{1, 0, 4, 40, 14, 46});
  CHECK(reals(got[1]) == Doubles{1, 2, 3, 4, 5, 6});
  CHECK(reals(got[2]) == Doubles{0, 2, 4});
  CHECK(reals(got[3]) == Doubles{14, 46});
  CHECK(reals(got[4]) == Doubles{3});
}

TEST_CASE("scan: lengths outside 0..T, ragged outputs of any rank, i64 lengths") {
  dsl::Model model;
  const Var x = model.input("x", DType::f64, {Dim(3), Dim(4), Dim(1), Dim(2)});
  const Var lengths = model.input("lengths", DType::i64, {Dim(4)});
  const dsl::Cell cell = [](const Var& in, const Vars& s) -> Step {
    const Var next = s[0] + in;
    return {{next}, {next, dsl::sum(in, -1)}};
  };
  const dsl::Scanned r = dsl::scan(cell, x, {dsl::zeros({Dim(4), Dim(1), Dim(2)}, x)}, {.lengths = lengths});
  model.output("state", r.states[0]);
  model.output("sum", r.outputs[1]);
  Tensor in(DType::f64, {3, 4, 1, 2});
  for (int64_t i = 0; i < in.count(); ++i) in.set_real(i, 1);
  const auto got = run(model, {in, Tensor::i64({4}, {-5, 2, 3, 99})});
  CHECK(reals(got[0]) == Doubles{0, 0, 2, 2, 3, 3, 3, 3});
  CHECK(reals(got[1]) == Doubles{0, 2, 2, 2, 0, 2, 2, 2, 0, 0, 2, 2});
}

TEST_CASE("scan: a cell without sequences repeats, scans nest, outer values are visible") {
  dsl::Model model;
  const Var x = model.input("x", DType::f64, {});
  const dsl::WideCell inner = [](const Vars&, const Vars& s) -> Step { return {{s[0] * 2.0}, {}}; };
  const dsl::WideCell outer = [&](const Vars&, const Vars& s) -> Step {
    const Var doubled = dsl::scan(inner, {}, {s[0]}, {.steps = Dim(3)}).states[0];
    return {{doubled + x}, {}};
  };
  model.output("y", dsl::scan(outer, {}, {x}, {.steps = Dim(2)}).states[0]);
  CHECK(reals(run(model, {Tensor::scalar(DType::f64, 1)})[0]) == Doubles{(8 + 1) * 8 + 1});
}

TEST_CASE("scan: a state that changes its type is refused, with both types") {
  dsl::Model model;
  const Var x = model.input("x", DType::f32, {Dim(3), Dim(2)});
  const dsl::Cell widen = [](const Var& in, const Vars& s) -> Step { return {{dsl::concat({s[0], in}, 0)}, {}}; };
  CHECK_THROWS_WITH_AS(dsl::scan(widen, x, {dsl::zeros({Dim(2)}, x)}),
                       doctest::Contains("the cell returns state 0 as f32[4], expected f32[2]"), Error);
  const dsl::Cell forget = [](const Var&, const Vars&) -> Step { return {}; };
  CHECK_THROWS_WITH_AS(dsl::scan(forget, x, {dsl::zeros({Dim(2)}, x)}),
                       doctest::Contains("returns 0 states, expected 1"), Error);
}

TEST_CASE("cells emit primitives in the form that passes look for") {
  dsl::Model model;
  const Var x = model.input("x", DType::f32, {Dim::symbol("T"), Dim::symbol("N"), Dim(3)});
  const dsl::LstmCell cell = dsl::lstm_parameters(model, "lstm", 3, 5);
  const Var zero = dsl::zeros_like_rows(x, Dim(5));
  model.output("y", dsl::scan(cell, x, {zero, zero}).outputs[0]);
  const auto module = model.finish();
  REQUIRE(ir::verify(*module).empty());
  const ir::Op* scan = find_scan(*module->functions[0]);
  REQUIRE(scan != nullptr);
  const ir::Block& body = scan->region();
  CHECK(count_ops(body, ir::Opcode::Contract) == 8);  // a W and an R for each gate
  CHECK(count_ops(module->functions[0]->body(), ir::Opcode::Slice) == 0);
  CHECK(count_ops(body, ir::Opcode::Select) == 0);  // no lengths, no mask
  ir::Value* input_step = body.argument(2);
  for (const ir::Op* op : input_step->users()) {
    CHECK(op->as<ir::ContractAttr>().spec == "ni,ji->nj");
    REQUIRE(op->result()->users().size() == 1);  // the bias joins x's part before h's part does
    const ir::Op* biased = op->result()->users()[0];
    CHECK(biased->code() == ir::Opcode::Add);
    CHECK(biased->operand(1)->is_constant());
  }
}

TEST_CASE("model: parameters depend on name and seed only; forget bias is 1; misuse is refused") {
  dsl::Model a("m", 7), b("m", 7), c("m", 8);
  const auto first = [](const Var& v) { return v.value()->initial().real(0); };
  b.parameter("other", {2, 2});
  const Var wa = a.parameter("w", {4, 6}), wb = b.parameter("w", {4, 6}), wc = c.parameter("w", {4, 6});
  CHECK(wa.value()->initial().identical(wb.value()->initial()));
  CHECK(first(wa) != first(wc));
  double largest = 0;
  for (const double v : reals(wa.value()->initial())) largest = std::max(largest, std::abs(v));
  CHECK(largest <= std::sqrt(6.0 / 10));
  CHECK(largest > 0.5 * std::sqrt(6.0 / 10));
  CHECK(first(dsl::lstm_parameters(a, "l", 2, 3).forget.b) == 1);
  CHECK(first(dsl::lstm_parameters(a, "l2", 2, 3).input.b) == 0);
  CHECK_THROWS_AS(a.parameter("w", {1}), Error);
  CHECK_THROWS_AS(c.finish(), Error);
}

TEST_CASE("functions of variables") {
  dsl::Model model;
  const Var x = model.input("x", DType::f64, {Dim(2), Dim::symbol("K")});
  model.output("softmax", dsl::softmax(x, 1));
  model.output("mean", dsl::mean(x, -1));
  model.output("stack", dsl::stack({dsl::select(x, 0, Dim(1)), dsl::select(x, 0, Dim(0))}, 0));
  model.output("where", dsl::where(x > 0.0 && !(x > 2.5), -x, 9.0));
  model.output("clamp", dsl::clamp(x, -1, 2));
  model.output("linear", dsl::linear(x, dsl::slice(x, 0, Dim(0), Dim(1)), dsl::scalar(10, x)));
  model.output("pow", 2.0 - dsl::pow(x, 2.0) / 2.0);
  CHECK_THROWS_AS(dsl::sum(x, 2), Error);
  Tensor in(DType::f64, {2, 3});
  for (int64_t i = 0; i < 6; ++i) in.set_real(i, static_cast<double>(i) - 2);
  const auto got = run(model, {in});
  double total = 0;
  for (int64_t k = 0; k < 3; ++k) total += got[0].real(k);
  CHECK(total == doctest::Approx(1));
  CHECK(got[0].real(5) == doctest::Approx(1 / (1 + std::exp(-1) + std::exp(-2))));
  CHECK(reals(got[1]) == Doubles{-1, 2});
  CHECK(reals(got[2]) == Doubles{1, 2, 3, -2, -1, 0});
  CHECK(reals(got[3]) == Doubles{9, 9, 9, -1, -2, 9});
  CHECK(reals(got[4]) == Doubles{-1, -1, 0, 1, 2, 2});
  CHECK(reals(got[5]) == Doubles{10 + 4 + 1, 10 - 2 - 2});
  CHECK(reals(got[6]) == Doubles{0, 1.5, 2, 1.5, 0, -2.5});
}

TEST_SUITE_END();
