// Products in front of a scan whose rows are made while it runs.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <span>

#include "codegen/deferred.h"
#include "frontend/onnx/import.h"
#include "ir/parser.h"
#include "runtime/compile.h"
#include "runtime/explain.h"
#include "runtime/program.h"
#include "runtime/session.h"
#include "tests/support/onnx_model.h"
#include "tests/support/random_inputs.h"
#include "tests/support/run_model.h"

using namespace seqc;
using ir::DType;

namespace {

struct Layer {
  const char* cell;
  int64_t inputs, hidden;
  bool backwards = false;
};

/// Layers of T steps, each on top of the one before, with all states of the last.
std::unique_ptr<ir::Function> stack(const std::vector<Layer>& layers, bool fixed_steps = false) {
  test::Random random(1);
  const auto tensor = [&](std::vector<int64_t> shape) {
    return test::random_tensor(DType::f32, std::move(shape), random);
  };
  test::ModelBuilder model(14);
  const auto shape = [&](int64_t features) -> test::ModelShape {
    return {fixed_steps ? test::ModelDim(43) : test::ModelDim("T"), 1, features};
  };
  model.input("x0", DType::f32, shape(layers[0].inputs)).initializer("axis", ir::Tensor::i64({1}, {1}));
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const std::string cell = layer.cell;
    const int64_t gates = cell == "LSTM" ? 4 : cell == "RNN" ? 1 : 3;
    const auto name = [&](const char* text, size_t number) { return text + std::to_string(number); };
    model.initializer(name("W", i), tensor({1, gates * layer.hidden, layer.inputs}));
    model.initializer(name("R", i), tensor({1, gates * layer.hidden, layer.hidden}));
    model.initializer(name("B", i), tensor({1, 2 * gates * layer.hidden}));
    auto node = model.node(cell.substr(0, cell.find('_')), {name("x", i), name("W", i), name("R", i), name("B", i)},
                           {name("y", i)});
    node.attr("hidden_size", layer.hidden).attr("direction", layer.backwards ? "reverse" : "forward");
    if (cell == "GRU_lbr") node.attr("linear_before_reset", 1);
    model.node("Squeeze", {name("y", i), "axis"}, {name("x", i + 1)});
  }
  model.output("x" + std::to_string(layers.size()), DType::f32, shape(layers.back().hidden));
  const std::string bytes = model.bytes();
  return frontend::import_model_bytes(std::as_bytes(std::span(bytes)), "layers.onnx");
}

/// Steps that read a normalised product of their inputs: h becomes tanh(h R + norm(x W) s). With `both`, h R is divided by its
/// sum of squares first, by kernels behind the product.
std::unique_ptr<ir::Function> normalised(int64_t inputs, int64_t hidden, bool backwards, bool both = false) {
  const char* state = both ? R"(    %cc = mul %c, %c
    %squares = reduce %cc {kind=sum, axes=[1]}
    %least = add %squares, f32(1)
    %cell = reshape %least {shape=[1,1]}
    %e = div %c, %cell
    %d = add %e, %xt)"
                           : "    %d = add %c, %xt";
  return std::move(
      ir::parse_module(
          fmt::format(
              R"(func @steps(%x: f32[T,1,{0}], %w: f32[{0},{1}], %r: f32[{1},{1}], %s: f32[{1}], %h0: f32[1,{1}]) -> (y: f32[T,1,{1}], last: f32[1,{1}]) {{
  %p = contract %x, %w {{spec="tni,ij->tnj"}}
  %q = mul %p, %p
  %sum = reduce %q {{kind=sum, axes=[2]}}
  %above = add %sum, f32(1)
  %root = sqrt %above
  %column = reshape %root {{shape=[T,1,1]}}
  %n = div %p, %column
  %m = mul %n, %s
  %last, %y = scan {{length=T{2}}} carry(%h = %h0) in(%xt = %m) {{
    %c = contract %h, %r {{spec="ni,ij->nj"}}
{3}
    %g = tanh %d
    yield %g emit %g
  }}
  return %y, %last
}}
)",
              inputs, hidden, backwards ? ", reverse=true" : "", state),
          "steps")
          ->functions[0]);
}

/// Steps with a product that one thread does, or each, in front of one that all threads share.
std::unique_ptr<ir::Function> small_and_large() {
  return std::move(
      ir::parse_module(
          R"(func @steps(%x: f32[T,1,64], %w: f32[64,64], %r: f32[64,64], %v: f32[64,1024], %h0: f32[1,64]) -> (y: f32[T,1,64]) {
  %p = contract %x, %w {spec="tni,ij->tnj"}
  %last, %y = scan {length=T} carry(%h = %h0) in(%xt = %p) {
    %c = contract %h, %r {spec="ni,ij->nj"}
    %d = add %c, %xt
    %g = tanh %d
    %wide = contract %g, %v {spec="ni,ij->nj"}
    %cut = reshape %wide {shape=[1,64,16]}
    %sum = reduce %cut {kind=sum, axes=[2]}
    %e = tanh %sum
    yield %e emit %e
  }
  return %y
}
)",
          "steps")
          ->functions[0]);
}

/// For a processor with as many registers as this takes; the tests that run code run on whatever there is.
runtime::CompileOptions wide() {
  runtime::CompileOptions options;
  options.target.triple = "x86_64-pc-linux-gnu";
  options.target.cpu = "x86-64-v4";
  return options;
}

/// How many products are made in part while a scan runs.
int64_t deferred(std::unique_ptr<ir::Function> function) {
  int64_t found = 0;
  for (const runtime::PhaseExplanation& kernel : runtime::explain(std::move(function), wide()).kernels)
    found += kernel.loops.find("while the scan runs") != std::string::npos;
  return found;
}

/// The same bits as from code that makes all rows in front (code that measures each kernel does), when threads share the
/// steps, and when one runs them alone.
void check_bits(const std::function<std::unique_ptr<ir::Function>()>& make, const std::vector<int64_t>& steps) {
  for (const int64_t worth_sharing : {0, 600, 2000}) {
    CAPTURE(worth_sharing);
    runtime::CompileOptions options, in_front;
    options.target.worth_sharing = in_front.target.worth_sharing = worth_sharing;
    in_front.profiles = true;
    const auto function = make();
    const auto program = runtime::Program::compile(make(), options);
    const auto reference = runtime::Program::compile(make(), in_front);
    for (const int64_t count : steps) {
      CAPTURE(count);
      const auto inputs = test::random_inputs(*function, {{"T", count}}, 3);
      const auto expected = runtime::Session(reference).run(inputs);
      for (const int threads : {1, 2, 3}) {
        CAPTURE(threads);
        for (int run = 0; run < 2; ++run) {
          const auto got = test::run_model(program->model(), inputs, threads);
          for (size_t i = 0; i < got.size(); ++i) REQUIRE(got[i].identical(expected[i]));
        }
      }
    }
  }
}

void check_bits(const std::vector<Layer>& layers, const std::vector<int64_t>& steps, bool fixed_steps = false) {
  CAPTURE(layers[0].cell);
  CAPTURE(layers[0].inputs);
  CAPTURE(layers[0].hidden);
  check_bits([&] { return stack(layers, fixed_steps); }, steps);
}

}  // namespace

TEST_CASE("deferred rows: which products have them") {
  CHECK(deferred(stack({{"LSTM", 64, 64}})) == 1);
  CHECK(deferred(stack({{"LSTM", 13, 100, true}})) == 1);
  CHECK(deferred(stack({{"GRU", 64, 64}})) == 1);
  CHECK(deferred(stack({{"GRU_lbr", 5, 65}})) == 1);
  CHECK(deferred(stack({{"RNN", 64, 128}})) == 1);
  CHECK(deferred(stack({{"LSTM", 20, 64}, {"LSTM", 64, 64}})) == 2);
  CHECK(deferred(stack({{"LSTM", 8, 768}})) == 0);  // 9 MB of weights come from memory
  CHECK(deferred(stack({{"RNN", 64, 64}})) == 1);   // by other threads only: its weights stay in the first cache
}

TEST_CASE("deferred rows: beside weights in the first cache where one row is too little for the multipliers") {
  const auto meanwhile = [](const char* cpu, const Layer& layer) {
    runtime::CompileOptions options = wide();
    options.target.cpu = cpu;
    const std::string loops = runtime::explain(stack({layer}), options).scans.at(0).phases.at(0).loops;
    return loops.find("makes 8 rows of a product in front meanwhile") != std::string::npos;
  };
  for (const Layer& layer :
       {Layer{"RNN", 64, 64}, Layer{"RNN", 13, 60}, Layer{"LSTM", 20, 33}, Layer{"GRU_lbr", 9, 40}}) {
    CAPTURE(layer.hidden);
    CHECK_FALSE(meanwhile("znver4", layer));
    CHECK(meanwhile("znver5", layer));
  }
}

TEST_CASE("deferred rows: what is read besides, read by others, or summed in other types is made in front") {
  const auto planned = [](const std::string& between, const std::string& result) {
    const std::string text =
        fmt::format(R"(func @steps(%x: f32[T,1,64], %h0: f32[1,128]) -> (y: f32[T,1,128], z: f32[T,1,128]) {{
  const @w: f32[64,128] = splat(0.5)
  const @r: f32[128,128] = splat(0.25)
  const @b: f32[128] = splat(1)
  %p = contract %x, @w {{spec="tni,ij->tnj"}}
{}
  %last, %y = scan {{length=T}} carry(%h = %h0) in(%q = %s) {{
    %c = contract %h, @r {{spec="ni,ij->nj"}}
    %d = add %c, %q
    %g = tanh %d
    yield %g emit %g
  }}
  %z = neg {}
  return %y, %z
}}
)",
                    between, result);
    auto function = std::move(ir::parse_module(text, "steps")->functions[0]);
    return codegen::plan_deferred(*runtime::lower(std::move(function), wide()).function).size();
  };
  CHECK(planned("  %s = add %p, @b", "%y") == 1);
  CHECK(planned("  %s = add %p, @b", "%s") == 0);
  CHECK(planned("  %m = reduce %x {kind=sum, axes=[2]}\n  %n = reshape %m {shape=[T,1,1]}\n  %s = add %p, %n", "%y") ==
        0);
}

TEST_CASE("deferred rows: the same bits as when all are made in front") {
  const std::vector<int64_t> steps = {0, 1, 7, 8, 9, 16, 17, 23, 24, 31, 36, 50};
  for (const char* cell : {"LSTM", "GRU", "GRU_lbr", "RNN"}) {
    check_bits({{cell, 64, 64}}, steps);
    check_bits({{cell, 5, 100, true}}, steps);
    check_bits({{cell, 33, 130}}, steps);
  }
  check_bits({{"LSTM", 1, 64}}, steps);
  check_bits({{"LSTM", 300, 65, true}}, steps);
  check_bits({{"LSTM", 1501, 66}}, {15, 16, 17});  // many terms of its rows beside each of the steps' product
  check_bits({{"LSTM", 1501, 66}}, {43}, true);    // and the sums of those in front are made in parts
  check_bits({{"LSTM", 64, 64}}, {43}, true);
  // Beside weights in the first cache, see above; the loops of the narrow ones have less than one pass.
  check_bits({{"RNN", 13, 31}}, steps);
  check_bits({{"LSTM", 1, 1}}, steps);
  check_bits({{"GRU", 200, 3, true}}, steps);
  check_bits({{"GRU_lbr", 5, 7}}, steps);
}

TEST_CASE("deferred rows: also with kernels behind the product that work row by row") {
  const auto plans = codegen::plan_deferred(*runtime::lower(normalised(64, 128, false), wide()).function);
  REQUIRE(plans.size() == 1);
  CHECK(plans[0].behind.size() == 2);
  const std::vector<int64_t> steps = {0, 1, 7, 8, 15, 16, 17, 24, 41};
  for (const bool backwards : {false, true}) {
    check_bits([&] { return normalised(64, 128, backwards); }, steps);
    check_bits([&] { return normalised(7, 131, backwards); }, steps);
    check_bits([&] { return normalised(64, 192, backwards, true); }, steps);
    check_bits([&] { return normalised(9, 203, backwards, true); }, steps);
  }
}

TEST_CASE("deferred rows: threads share them where they share the kernel beside, and meet before they are read") {
  const auto by_all = [](std::unique_ptr<ir::Function> function) {
    runtime::CompileOptions options = wide();
    options.target.worth_sharing = 600;
    const std::string loops = runtime::explain(std::move(function), options).scans.at(0).phases.at(0).loops;
    REQUIRE(loops.find("makes 8 rows of a product in front meanwhile") != std::string::npos);
    return loops.find("when there is one thread") == std::string::npos;
  };
  CHECK(by_all(stack({{"GRU", 64, 130}})));
  CHECK(by_all(normalised(64, 192, false, true)));
  CHECK_FALSE(by_all(normalised(64, 192, false)));
  CHECK_FALSE(by_all(small_and_large()));
  check_bits(small_and_large, {0, 1, 16, 17, 43});
}

TEST_CASE("deferred rows: what they are made from lives until the scan that reads them ends") {
  const std::vector<int64_t> steps = {0, 9, 16, 40, 41};
  check_bits({{"LSTM", 64, 64}, {"LSTM", 64, 64, true}, {"GRU", 64, 100}}, steps);
  check_bits({{"RNN", 20, 128}, {"RNN", 128, 128}, {"RNN", 128, 128}, {"RNN", 128, 128}}, steps);
  check_bits({{"RNN", 20, 128}, {"RNN", 128, 128}, {"RNN", 128, 128}, {"RNN", 128, 128}}, {43}, true);
}
