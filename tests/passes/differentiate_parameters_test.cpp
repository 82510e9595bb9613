// Gradients of parameters: which outputs are added, sparse rows, messages; second derivatives.
#include <doctest/doctest.h>

#include "frontend/dsl/dsl.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/parser.h"
#include "ir/verifier.h"
#include "passes/differentiate.h"
#include "passes/pass.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;
using ir::Tensor;

constexpr const char* kRegression =
    "func @f(%x: f64[N,3], %t: f64[N], param %w: f64[3] = [0.5, -0.25, 0.125], param %v: f64[3] = [0.5, -0.25, 0.125])"
    " -> (loss: f64[], p: f64[N]) {\n"
    "  %a = contract %x, %w {spec=\"ni,i->n\"}\n  %b = mul %v, %w\n  %c = reduce %b {kind=sum, axes=[0]}\n"
    "  %p = add %a, %c\n  %d = sub %p, %t\n  %e = mul %d, %d\n  %loss = reduce %e {kind=sum, axes=[0]}\n"
    "  return %loss, %p\n}\n";

TEST_SUITE_BEGIN("passes");

TEST_CASE("add_gradients: an output for each parameter") {
  const auto module = ir::parse_module(kRegression);
  ir::Function& f = *module->functions[0];
  passes::add_gradients(f, "loss");
  ir::verify_or_throw(f, "add_gradients");
  CHECK(f.output_names == std::vector<std::string>{"loss", "p", "grad_w", "grad_v"});
  Tensor x(ir::DType::f64, {2, 3}), t(ir::DType::f64, {2});
  for (int64_t i = 0; i < 6; ++i) x.set_real(i, static_cast<double>(i) - 2);
  t.set_real(0, 1);
  const auto got = ir::interpret(f, {x, t});
  // p = x·w + v·w = {-0.625 + c, 0.5 + c}, c = 0.328125; the gradient by v is 2 (sum of p - t) w.
  const double sum = 2 * (got[1].real(0) + got[1].real(1) - 1);
  for (int64_t i = 0; i < 3; ++i)
    CHECK(got[3].real(i) == doctest::Approx(sum * (i == 0 ? 0.5 : i == 1 ? -0.25 : 0.125)));
  const auto all = ir::interpret(f, {x, t, f.parameters()[0]->initial(), f.parameters()[1]->initial()});
  for (size_t i = 0; i < got.size(); ++i) CHECK(all[i].identical(got[i]));
  const auto compiled = test::run_compiled(f, {x, t, f.parameters()[0]->initial(), f.parameters()[1]->initial()});
  for (size_t i = 0; i < got.size(); ++i) CHECK(test::distance(compiled[i], got[i]) < 1e-12);
}

TEST_CASE("add_gradients: by arguments that are named, and what does not fit") {
  const auto with = [](const std::string& loss, const std::vector<std::string>& names) {
    const auto module = ir::parse_module(kRegression);
    passes::add_gradients(*module->functions[0], loss, names);
    return module->functions[0]->output_names.back();
  };
  CHECK(with("loss", {"x"}) == "grad_x");
  CHECK_THROWS_WITH_AS(with("cost", {}), doctest::Contains("no output \"cost\""), const Error&);
  CHECK_THROWS_WITH_AS(with("p", {}), doctest::Contains("expected one float"), const Error&);
  CHECK_THROWS_WITH_AS(with("loss", {"q"}), doctest::Contains("no argument \"q\""), const Error&);
}

TEST_CASE("add_gradients: a DSL model that trains keeps its parameters") {
  const auto build = [](bool trainable) {
    dsl::Model model;
    const dsl::Var x = model.input("x", ir::DType::f32, {ir::Dim::symbol("T"), ir::Dim::symbol("N"), 3});
    const auto y = dsl::scan(dsl::lstm_parameters(model, "lstm", 3, 5), x,
                             {dsl::zeros_like_rows(x, 5), dsl::zeros_like_rows(x, 5)});
    model.output("loss", dsl::sum(dsl::sum(y.states[0] * y.states[0], 0), 0));
    return model.finish(trainable);
  };
  const auto fixed = build(false), trained = build(true);
  CHECK(fixed->functions[0]->body().argument_count() == 1);
  ir::Function& f = *trained->functions[0];
  CHECK(f.parameters().size() == 12);  // two biases of zeros are two
  const Tensor x = test::random_inputs(*fixed->functions[0], {{"T", 4}, {"N", 2}}, 1)[0];
  const auto want = ir::interpret(*fixed->functions[0], {x});
  passes::add_gradients(f, "loss");
  ir::verify_or_throw(f, "add_gradients");
  CHECK(f.output_names.size() == 13);
  CHECK(ir::interpret(f, {x})[0].identical(want[0]));
}

TEST_CASE("gradients: rows of tables that are only looked up") {
  const auto text =
      "func @f(%i: i64[4], %k: i32[2,3], %t: f64[5,2]) -> (y: f64[]) {\n"
      "  %a = gather %t, %i {axis=0}\n  %b = gather %t, %k {axis=0}\n  %aa = mul %a, %a\n  %bb = sin %b\n"
      "  %p = reduce %aa {kind=sum, axes=[0,1]}\n  %q = reduce %bb {kind=sum, axes=[0,1,2]}\n  %y = mul %p, %q\n"
      "  return %y\n}\n";
  const auto module = ir::parse_module(text);
  const ir::Function& f = *module->functions[0];
  const auto inputs = test::random_inputs(f, {}, 4);
  const auto dense = ir::interpret(*test::with_gradients(f), inputs);
  const auto sparse_function = test::with_gradients(f, {.sparse_rows = true});
  const auto sparse = ir::interpret(*sparse_function, inputs);
  REQUIRE(sparse.size() == 3);
  CHECK(sparse[1].shape() == std::vector<int64_t>{10});
  CHECK(sparse[2].shape() == std::vector<int64_t>{10, 2});
  Tensor sum(ir::DType::f64, {5, 2});
  for (int64_t r = 0; r < 10; ++r) {
    int64_t row = sparse[1].integer(r);
    row = std::min<int64_t>(std::max<int64_t>(row < 0 ? row + 5 : row, 0), 4);
    for (int64_t c = 0; c < 2; ++c) sum.set_real(row * 2 + c, sum.real(row * 2 + c) + sparse[2].real(r * 2 + c));
  }
  CHECK(test::distance(sum, dense[1]) < 1e-14);
  const auto compiled = test::run_compiled(*sparse_function, inputs);
  for (size_t i = 0; i < sparse.size(); ++i) CHECK(test::distance(compiled[i], sparse[i]) < 1e-12);
}

TEST_CASE("gradients: rows of tables that the steps of a scan look up") {
  const auto module = ir::parse_module(
      "func @f(%i: i64[T,2], %t: f64[5,3], %w: f64[3,3]) -> (y: f64[]) {\n"
      "  %z = broadcast f64(0.5) {shape=[2,3]}\n"
      "  %h = scan {length=T} carry(%a = %z) in(%k = %i) {\n    %e = gather %t, %k {axis=0}\n"
      "    %p = contract %a, %w {spec=\"ni,ji->nj\"}\n    %s = add %e, %p\n    %n = tanh %s\n    yield %n\n  }\n"
      "  %y = reduce %h {kind=sum, axes=[0,1]}\n  return %y\n}\n");
  const ir::Function& f = *module->functions[0];
  const auto dense = test::with_gradients(f), sparse = test::with_gradients(f, {.sparse_rows = true});
  const auto inputs = test::random_inputs(f, {{"T", 7}}, 4);
  const auto want = ir::interpret(*dense, inputs), got = ir::interpret(*sparse, inputs);
  REQUIRE(got.size() == 4);  // y, indices and rows, w's gradient
  CHECK(got[1].shape() == std::vector<int64_t>{14});
  Tensor sum(ir::DType::f64, {5, 3});
  for (int64_t r = 0; r < 14; ++r) {
    const int64_t index = got[1].integer(r), row = index < 0 ? index + 5 : index;
    for (int64_t c = 0; c < 3; ++c) sum.set_real(row * 3 + c, sum.real(row * 3 + c) + got[2].real(r * 3 + c));
  }
  CHECK(test::distance(sum, want[1]) < 1e-14);
  // No step writes a table.
  for (const ir::Op* op : sparse->body().op_list())
    if (op->code() == ir::Opcode::Scan)
      ir::walk(op->region(), [](const ir::Op* inner) { CHECK(inner->code() != ir::Opcode::ScatterNd); });
}

TEST_CASE("gradients: of gradients, for elementwise and linear ops and through scans") {
  for (const char* body :
       {"  %y = tanh %x", "  %y = sigmoid %x", "  %y = exp %x", "  %y = sin %x", "  %y = erf %x", "  %y = div %x, %w",
        "  %y = pow %w, %x", "  %y = atan %x", "  %y = log1p %w", "  %y = sqrt %w",
        "  %a = contract %x, %w {spec=\"ij,kj->ik\"}\n  %b = contract %a, %x {spec=\"ik,ij->kj\"}\n  %y = mul %b, %w",
        "  %a = slice %x {starts=[2,0], sizes=[3,3], steps=[-1,2]}\n  %b = concat %a, %a {axis=1}\n"
        "  %c = slice %b {starts=[0,0], sizes=[3,5], steps=[1,1]}\n  %d = mul %c, %w\n  %y = mul %d, %c"}) {
    CAPTURE(body);
    CHECK(test::worst_gradient("func @f(%x: f64[3,5], %w: f64[3,5]) -> (d: f64[3,5]) {\n" + std::string(body) +
                                   "\n  %z = mul %y, %y\n  %g = gradient %z, %x\n  %e = mul %g, %x\n  return %e\n}\n",
                               {.low = 0.3, .high = 0.9}) < 1e-6);
  }
  CHECK(test::worst_gradient("func @f(%x: f64[4,3], %h: f64[3], %r: f64[3,3]) -> (e: f64[3,3]) {\n"
                             "  %y = scan {length=4} carry(%a = %h) in(%v = %x) {\n"
                             "    %p = contract %a, %r {spec=\"i,ji->j\"}\n    %q = add %p, %v\n    %t = tanh %q\n"
                             "    yield %t\n  }\n"
                             "  %d = gradient %y, %r\n  %e = mul %d, %d\n  return %e\n}\n") < 1e-6);
}

TEST_CASE("gradients: of what is written anew because gradients of it were asked for already") {
  const auto derivative = [](const std::string& signature, const std::string& body) {
    const auto module = ir::parse_module("func @f(%x: f64[]) -> (" + signature + ") {\n" + body + "\n}\n");
    ir::Function& f = *module->functions[0];
    passes::add_gradients(f, "loss", {"x"});
    ir::verify_or_throw(f, "add_gradients");
    return ir::interpret(f, {Tensor::scalar(ir::DType::f64, 1.5)}).back().real(0);
  };
  // A gradient itself: (x^3)'' = 6 x.
  CHECK(derivative("loss: f64[]", "  %a = mul %x, %x\n  %y = mul %a, %x\n  %g = gradient %y, %x\n  return %g") ==
        doctest::Approx(9));
  // A loop that another gradient passes through, and that becomes a scan for it: (x^4)' = 4 x^3.
  CHECK(derivative("loss: f64[], g: f64[]",
                   "  %y = loop %i < i64(3) while bool(true) carry(%b = %x) {\n    %p = mul %b, %x\n"
                   "    yield %p while bool(true)\n  }\n  %g = gradient %y, %x\n  return %y, %g") ==
        doctest::Approx(13.5));
}

TEST_SUITE_END();

}  // namespace
