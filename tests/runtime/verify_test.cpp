// Verification: who made a difference is found, whether it is a pass or code generation, down to the value and the step.
#include "runtime/verify.h"

#include <doctest/doctest.h>

#include "ir/builder.h"
#include "ir/clone.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "tests/support/random_inputs.h"

using namespace seqc;
using ir::Op;
using ir::Opcode;
using ir::Tensor;
using runtime::verify;
using runtime::VerifyOptions;

namespace {

/// A recurrence over 9 steps behind a projection, and something behind it.
constexpr const char* kModel = R"(
func @main(%x: f32[9,N,3]) -> (y: f32[9,N,2], h: f32[N,2]) {
  const @W: f32[2,3] = [[0.5, -0.25, 0.125], [1, 0.5, -0.5]]
  const @R: f32[2,2] = [[0.5, 0.25], [-0.5, 0.75]]
  %h0 = broadcast f32(0) {shape=[N,2]}
  %h, %ys = scan {length=9} carry(%ht = %h0) in(%xt = %x) {
    %p = contract %xt, @W {spec="ni,ji->nj"}
    %r = contract %ht, @R {spec="ni,ji->nj"}
    %s = add %p, %r
    %h1 = tanh %s
    yield %h1 emit %h1
  }
  %y = mul %ys, f32(2)
  return %y, %h
}
)";

std::unique_ptr<ir::Function> model() { return std::move(ir::parse_module(kModel, "model")->functions[0]); }

std::vector<Tensor> inputs(const ir::Function& function) { return test::random_inputs(function, {{"N", 3}}, 7); }

const Op* find(const ir::Function& function, Opcode code, bool last = false) {
  const Op* found = nullptr;
  ir::walk(function.body(), [&](const Op* op) {
    if (op->code() == code && (!found || last)) found = op;
  });
  return found;
}

/// From the fifth step on the state is a little larger: a defect that shows late.
bool break_a_step(ir::Function& function, passes::PassContext&) {
  Op* scan = const_cast<Op*>(find(function, Opcode::Scan));
  if (!scan) return false;
  auto b = ir::Builder::before(scan);
  ir::Value* numbers = b.iota(scan->as<ir::ScanAttr>().length);
  std::vector<ir::Value*> operands = scan->operands();
  operands.push_back(numbers);
  scan->set_operands(operands);
  ir::Value* step = scan->region().add_argument({ir::DType::i64, {}}, "step");
  Op* yield = scan->region().terminator();
  auto inside = ir::Builder::before(yield);
  ir::Value* state = yield->operand(0);
  ir::Value* late =
      inside.cast(inside.ge(step, inside.constant(Tensor::scalar_int(ir::DType::i64, 4))), ir::DType::f32);
  ir::Value* wrong = inside.add(state, inside.mul(late, inside.scalar(ir::DType::f32, 0.25)));
  wrong->set_name(state->name());
  yield->set_operand(0, wrong);
  return true;
}

constexpr passes::PassInfo kBroken{"break-a-step", break_a_step, passes::Exactness::Exact, "for this test"};

runtime::CompileOptions without_cache() {
  runtime::CompileOptions options;
  options.cache.enabled = false;
  return options;
}

VerifyOptions options() {
  VerifyOptions result;
  result.passes = runtime::standard_passes();
  return result;
}

}  // namespace

TEST_CASE("verify: interpreter, unoptimised and optimised code agree") {
  const auto function = model();
  const std::string before = ir::print(*function);
  const auto result = verify(*function, inputs(*function), options());
  CHECK(result.agrees());
  REQUIRE(result.ways.size() == 2);
  CHECK(result.ways[0].name == "unoptimised code");
  CHECK(result.culprits.empty());
  CHECK(ir::print(*function) == before);
}

TEST_CASE("verify: a pass that changes the meaning is found, with the first step and the input of the pass") {
  const auto function = model();
  for (const char* behind : {"fold", "hoist-projections", "fuse-gates"}) {
    CAPTURE(behind);
    VerifyOptions how = options();
    auto at = std::find_if(how.passes.begin(), how.passes.end(), [&](const auto& pass) { return pass.name == behind; });
    REQUIRE(at != how.passes.end());
    const auto position = at - how.passes.begin() + 1;
    how.passes.insert(at + 1, kBroken);
    const auto result = verify(*function, inputs(*function), how);
    CHECK_FALSE(result.agrees());
    CHECK(result.ways[0].agrees());
    REQUIRE(result.ways[1].differences.size() == 2);
    CHECK(result.ways[1].differences[0].first == "y");
    REQUIRE(result.culprits.size() == 1);
    const runtime::Culprit& culprit = result.culprits[0];
    CHECK(culprit.way == "optimised code");
    CHECK(culprit.pass == "break-a-step");
    CHECK(culprit.position == position);
    REQUIRE(culprit.step);
    CHECK(culprit.step->step == 4);
    CHECK(culprit.step->steps == 9);
    CHECK(culprit.step->value == "%h1");
    CHECK(culprit.step->scan == "scan of %h");
    CHECK(culprit.step->difference.largest == doctest::Approx(0.25));
    CHECK(culprit.value == "%h");
    // What the pass got is right still.
    REQUIRE(culprit.before);
    const auto want = ir::interpret(*function, inputs(*function)),
               got = ir::interpret(*culprit.before, inputs(*function));
    for (size_t i = 0; i < want.size(); ++i) CHECK_FALSE(runtime::difference(got[i], want[i], {}));
  }
}

TEST_CASE("verify: code that is not what it was made of is told from passes") {
  const auto function = model();
  VerifyOptions how = options();
  // A code generator that mistakes one tanh.
  how.generate = [](runtime::Lowered lowered) {
    std::vector<Op*> found;
    ir::walk(lowered.function->body(), [&](Op* op) {
      if (op->code() == Opcode::Tanh) found.push_back(op);
    });
    for (Op* op : found) {
      auto b = ir::Builder::before(op);
      ir::Value* wrong = b.sigmoid(op->operand(0));
      wrong->set_name(op->result()->name());
      op->result()->replace_all_uses_with(wrong);
      op->erase();
    }
    return runtime::Program::generate(std::move(lowered), without_cache());
  };
  const auto result = verify(*function, inputs(*function), how);
  REQUIRE(result.culprits.size() == 2);
  for (const runtime::Culprit& culprit : result.culprits) {
    CAPTURE(culprit.way);
    CHECK(culprit.pass.empty());
    REQUIRE(culprit.step);
    CHECK(culprit.step->step == 0);
    CHECK(culprit.step->value == "%h1");
  }
}

TEST_CASE("verify: a backward scan's steps are counted as they run") {
  const auto module = ir::parse_module(R"(
func @main(%x: f32[6,2]) -> (y: f32[6,2]) {
  %h0 = broadcast f32(0) {shape=[2]}
  %h, %y = scan {length=6, reverse=true} carry(%ht = %h0) in(%xt = %x) {
    %s = add %ht, %xt
    %h1 = tanh %s
    yield %h1 emit %h1
  }
  return %y
}
)");
  VerifyOptions how = options();
  std::erase_if(how.passes, [](const passes::PassInfo& pass) { return pass.name == "unroll-time"; });
  how.generate = [](runtime::Lowered lowered) {
    for (const Op* op : {find(*lowered.function, Opcode::Add)}) {
      auto b = ir::Builder::before(const_cast<Op*>(op));
      const_cast<Op*>(op)->result()->replace_all_uses_with(b.sub(op->operand(0), op->operand(1)));
    }
    return runtime::Program::generate(std::move(lowered), without_cache());
  };
  const auto& function = *module->functions[0];
  const auto result = verify(function, test::random_inputs(function, {}, 3), how);
  REQUIRE(result.culprits.size() == 2);
  REQUIRE(result.culprits[1].step);
  CHECK(result.culprits[1].step->step == 0);
  CHECK(result.culprits[1].step->steps == 6);
}

TEST_CASE("difference: the first element, how many, and by how much") {
  const Tensor want = Tensor::f32({2, 2}, {1, 2, 3, 4}), got = Tensor::f32({2, 2}, {1, 2.5, 3, 3});
  const auto found = runtime::difference(got, want, {.relative = 0, .absolute = 0.1});
  REQUIRE(found);
  CHECK(found->first == 1);
  CHECK(found->text() == "[0,1]: got 2.5, expected 2; 2 of 4 elements differ, by at most 1");
  CHECK_FALSE(runtime::difference(got, want, {.relative = 0, .absolute = 1}));
  CHECK(runtime::difference(Tensor::f32({1}, {1}), want, {})->text() == "got f32[1], expected f32[2,2]");
}
