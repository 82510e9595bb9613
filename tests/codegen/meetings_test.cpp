// Kernels of a scan's step that begin while other threads are still at the one before.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <span>

#include "codegen/codegen.h"
#include "frontend/onnx/import.h"
#include "ir/parser.h"
#include "runtime/compile.h"
#include "runtime/program.h"
#include "tests/support/onnx_model.h"
#include "tests/support/random_inputs.h"
#include "tests/support/run_model.h"

using namespace seqc;
using ir::DType;

namespace {

/// Steps of products: h becomes tanh(h W) with as many columns as each of `widths` says, the last of which is carried.
std::string products(int64_t rows, const std::vector<int64_t>& widths) {
  const int64_t carried = widths.back();
  std::string head = fmt::format("func @steps(%x: f32[T,{0},{1}], %h0: f32[{0},{1}]", rows, carried), body;
  for (size_t i = 0; i < widths.size(); ++i) {
    const bool last = i + 1 == widths.size();
    head += fmt::format(", %w{}: f32[{},{}]", i, i == 0 ? carried : widths[i - 1], widths[i]);
    body += fmt::format("    %z{0} = contract %g{0}, %w{0} {{spec=\"ni,ij->nj\"}}\n", i);
    if (last) body += fmt::format("    %s{0} = add %z{0}, %xt\n", i);
    body += fmt::format("    %g{} = tanh %{}{}\n", i + 1, last ? "s" : "z", i);
  }
  return fmt::format(
      "{0}) -> (y: f32[T,{1},{2}], last: f32[{1},{2}]) {{\n"
      "  %last, %y = scan {{length=T}} carry(%g0 = %h0) in(%xt = %x) {{\n{3}    yield %g{4} emit %g{4}\n  }}\n"
      "  return %y, %last\n}}\n",
      head, rows, carried, body, widths.size());
}

std::unique_ptr<ir::Function> parsed(const std::string& text) {
  return std::move(ir::parse_module(text, "steps")->functions[0]);
}

/// A recurrent layer of T steps with all its states.
std::unique_ptr<ir::Function> layer(const std::string& cell, int64_t hidden, bool backwards) {
  const int64_t gates = cell == "LSTM" ? 4 : cell == "RNN" ? 1 : 3;
  test::Random random(1);
  const auto tensor = [&](std::vector<int64_t> shape) {
    return test::random_tensor(DType::f32, std::move(shape), random);
  };
  test::ModelBuilder model(14);
  model.input("X", DType::f32, {"T", 1, 5}).output("Y", DType::f32, {"T", 1, 1, hidden});
  model.initializer("W", tensor({1, gates * hidden, 5})).initializer("R", tensor({1, gates * hidden, hidden}));
  auto node = model.node(cell.substr(0, cell.find('_')), {"X", "W", "R"}, {"Y"});
  node.attr("hidden_size", hidden).attr("direction", backwards ? "reverse" : "forward");
  if (cell == "GRU_lbr") node.attr("linear_before_reset", 1);
  const std::string bytes = model.bytes();
  return frontend::import_model_bytes(std::as_bytes(std::span(bytes)), "layer.onnx");
}

runtime::CompileOptions shared() {
  runtime::CompileOptions options;
  options.target.worth_sharing = 0;  // small as they are
  return options;
}

/// Threads come to each step in another order: results are those of one thread, every time.
void check_threads(std::unique_ptr<ir::Function> function) {
  std::vector<std::vector<ir::Tensor>> calls;
  for (const int64_t steps : {0, 1, 2, 29}) calls.push_back(test::random_inputs(*function, {{"T", steps}}, 3));
  const auto program = runtime::Program::compile(std::move(function), shared());
  for (const auto& inputs : calls) {
    CAPTURE(inputs[0].shape()[0]);
    const auto one = test::run_model(program->model(), inputs, 1);
    for (const int threads : {2, 3, 5}) {
      CAPTURE(threads);
      for (int run = 0; run < 5; ++run) {
        const auto many = test::run_model(program->model(), inputs, threads);
        for (size_t i = 0; i < one.size(); ++i) REQUIRE(many[i].identical(one[i]));
      }
    }
  }
}

std::string assembly(std::unique_ptr<ir::Function> function) {
  auto options = shared();
  options.target.triple = "x86_64-pc-linux-gnu";
  options.target.cpu = "x86-64-v3";
  const runtime::Lowered lowered = runtime::lower(std::move(function), options);
  const test::TempDir folder;
  const std::string path = (folder / "steps.s").string();
  codegen::emit(*lowered.function, options.target, codegen::EmitKind::Assembly, "steps", path);
  return test::read_file(path);
}

/// How often code calls a function of that name.
int calls(const std::string& text, const std::string& name) {
  int found = 0;
  const std::string call = "\tcallq\t" + name + "\n";
  for (size_t at = 0; (at = text.find(call, at)) != std::string::npos; at += call.size()) ++found;
  return found;
}

}  // namespace

TEST_CASE("meetings: recurrent layers do not depend on the number of threads") {
  for (const char* cell : {"RNN", "GRU", "GRU_lbr", "LSTM"})
    for (const int64_t hidden : {1, 7, 9, 33, 64, 100}) {
      CAPTURE(cell);
      CAPTURE(hidden);
      check_threads(layer(cell, hidden, hidden % 2 == 0));
    }
}

TEST_CASE("meetings: neither do products of several widths, whose blocks of columns are others") {
  for (const std::vector<int64_t>& widths : std::vector<std::vector<int64_t>>{{40, 8}, {100, 33, 65}, {3, 200}})
    check_threads(parsed(products(1, widths)));
}

TEST_CASE("meetings: a product with one row waits by itself, others at a barrier") {
  const std::string one = assembly(parsed(products(1, {40}))), two = assembly(parsed(products(1, {40, 72})));
  CHECK(calls(one, "arrive") == 1);
  CHECK(calls(two, "arrive") == 2);
  CHECK(calls(assembly(parsed(products(2, {40}))), "arrive") == 0);
  // A reduction reads what all threads have made.
  const std::string mean = R"(func @steps(%h0: f32[1,40], %w: f32[40,40]) -> (y: f32[1,40]) {
  %y = scan {length=9} carry(%h = %h0) {
    %z = contract %h, %w {spec="ni,ij->nj"}
    %sum = reduce %z {kind=sum, axes=[1]}
    %column = reshape %sum {shape=[1,1]}
    %all = broadcast %column {shape=[1,40]}
    %next = sub %z, %all
    yield %next
  }
  return %y
}
)";
  CHECK(calls(assembly(parsed(mean)), "arrive") == 0);
  // The second product reads what the first has made, the first of the next step does not read what the second has.
  const std::string stack =
      R"(func @steps(%g0: f32[1,40], %h0: f32[1,40], %w: f32[40,40], %v: f32[40,40]) -> (g: f32[1,40], h: f32[1,40]) {
  %g, %h = scan {length=9} carry(%gt = %g0, %ht = %h0) {
    %y = contract %gt, %w {spec="ni,ij->nj"}
    %gn = tanh %y
    %z = contract %gn, %v {spec="ni,ij->nj"}
    %s = add %z, %ht
    %hn = tanh %s
    yield %gn, %hn
  }
  return %g, %h
}
)";
  CHECK(calls(assembly(parsed(stack)), "arrive") == 1);
}
