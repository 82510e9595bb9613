// Printer and parser beyond what .seq files can show: modules that were built, and text with large constants.
#include <doctest/doctest.h>

#include "ir/builder.h"
#include "ir/error.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "ir/verifier.h"
#include "tests/support/random_inputs.h"
#include "tests/support/text_test.h"

namespace seqc::ir {
namespace {

const Dim N = Dim::symbol("N"), T = Dim::symbol("T");

/// A scan over a large constant, with names as ONNX has them.
std::unique_ptr<Module> sample_module() {
  auto module = std::make_unique<Module>();
  module->functions.push_back(std::make_unique<Function>("main"));
  Function& function = *module->functions.back();
  Value* x = function.body().add_argument({DType::f32, {T, N, Dim(8)}}, "input:0");
  Value* h = function.body().add_argument({DType::f32, {N, Dim(5)}}, "h0");
  function.output_names = {"ID_pred_2/Softmax:0", "h_n"};
  test::Random random(7);
  Builder b(function);
  b.set_location("/enc/cell \"a\"");
  Value* w = b.constant(test::random_tensor(DType::f32, {5, 8}, random), "enc/W");
  Op* scan = b.scan(T, {h}, {x}, [&](Builder& step, const std::vector<Value*>& args) {
    Value* z = step.add(step.contract("ni,ji->nj", args[1], w), args[0]);
    z->set_name("z");
    Value* next = step.tanh(step.mul(z, 0.1));
    next->set_name("z");
    return std::vector<Value*>{next, next};
  });
  b.return_({scan->result(1), scan->result(0)});
  return module;
}

TEST_SUITE_BEGIN("ir");

TEST_CASE("what is built prints, parses and verifies") {
  const auto module = sample_module();
  verify_or_throw(*module->functions[0], "built");
  test::check_round_trip(*module);
  const auto parsed = parse_module(print(*module, {.locations = true}), "text", test::weights_of(*module));
  const Function &a = *module->functions[0], &b = *parsed->functions[0];
  verify_or_throw(b, "parsed");
  CHECK(b.name == a.name);
  CHECK(b.output_names == a.output_names);
  REQUIRE(b.body().argument_count() == a.body().argument_count());
  for (size_t i = 0; i < a.body().argument_count(); ++i) {
    CHECK(b.body().argument(i)->name() == a.body().argument(i)->name());
    CHECK(b.body().argument(i)->type() == a.body().argument(i)->type());
  }
  REQUIRE(b.body().ops().size() == a.body().ops().size());
  for (auto p = a.body().ops().begin(), q = b.body().ops().begin(); p != a.body().ops().end(); ++p, ++q) {
    CHECK((*q)->code() == (*p)->code());
    CHECK((*q)->attr() == (*p)->attr());
    CHECK((*q)->location() == (*p)->location());
  }
  const auto inputs = test::random_inputs(a, {{"N", 3}, {"T", 4}}, 1);
  const auto want = interpret(a, inputs), got = interpret(b, inputs);
  REQUIRE(got.size() == 2);
  CHECK(got[0].identical(want[0]));
  CHECK(got[1].identical(want[1]));
}

TEST_CASE("one op prints with the names of the whole function") {
  const auto module = sample_module();
  const Op& scan = *module->functions[0]->body().ops().front();
  const std::string text = print(scan);
  CHECK(text.starts_with("%0, %1 = scan {length=T} carry(%2 = %h0) in(%3 = %\"input:0\") {\n"));
  CHECK(text.ends_with("} : f32[N,5], f32[T,N,5]"));
  CHECK(print(*scan.region().terminator()) == "yield %z.1 emit %z.1");
}

TEST_CASE("broken ops print as far as they go") {
  Function function("f");
  Value* x = function.body().add_argument({DType::f32, {N}}, "x");
  for (const Opcode code : {Opcode::Scan, Opcode::Loop, Opcode::If, Opcode::Kernel, Opcode::Yield, Opcode::Add}) {
    Op* op = function.body().create(code, {x}, NoAttr{});
    CHECK(print(*op).starts_with(info(code).mnemonic));
    op->set_attr(ScanAttr{T, 5, false});
    op->add_region();
    op->add_region();
    CHECK(print(*op).find("%x") != std::string::npos);
  }
  function.body().create(Opcode::Reduce, {x}, ReduceAttr{ReduceKind{9}, {}});
  function.output_names = {"a", "b"};
  CHECK(print(function).find("kind=?") != std::string::npos);
}

TEST_CASE("scalars print in place, large constants as a hash, equal elements as splat") {
  Function function("f");
  Builder b(function);
  std::vector<float> many(17);
  for (size_t i = 0; i < many.size(); ++i) many[i] = static_cast<float>(i);
  b.copy(b.scalar(DType::f32, 0.5));
  Value* large = b.constant(Tensor::f32({17}, many), "large");
  b.copy(large);
  b.copy(b.constant(Tensor::f32({2}, {1, 2})));
  b.copy(b.constant(Tensor::f32({40}, std::vector<float>(40, 3)), "large"));
  b.return_({});
  const std::string hash = fmt::format("{:016x}", large->constant().hash());
  CHECK(print(function) == "func @f() -> () {\n  const @large: f32[17] = #" + hash +
                               "\n  const @0: f32[2] = [1, 2]\n  const @large.1: f32[40] = splat(3)\n"
                               "  %0 = copy f32(0.5) : f32[]\n  %1 = copy @large : f32[17]\n  %2 = copy @0 : f32[2]\n"
                               "  %3 = copy @large.1 : f32[40]\n  return\n}\n");
  CHECK(print(function, {.max_inline_elements = 17}).find("#") == std::string::npos);
}

TEST_CASE("messages have file, line and column, and constants must fit the weights") {
  CHECK_THROWS_WITH_AS(parse_module("func @f() -> () {\n  %a = blah\n}\n", "m.seq"),
                       "m.seq:2:8: got 'blah', expected an op", Error);
  const Tensor tensor = Tensor::f32({2}, {1, 2});
  const std::string text = fmt::format("func @f() -> () {{\n  const @w: f32[1,2] = #{:016x}\n}}\n", tensor.hash());
  CHECK_THROWS_WITH_AS(parse_module(text, "m.seq", {{tensor.hash(), tensor}}),
                       doctest::Contains("m.seq:2:13: got f32[1,2]"), Error);
}

TEST_SUITE_END();

}  // namespace
}  // namespace seqc::ir
