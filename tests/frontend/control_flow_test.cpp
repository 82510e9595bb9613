// If, Loop and Scan: which IR they become, and that it computes what ONNX says.
#include "tests/frontend/all_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;

GraphBuilder branch(const char* op, const char* output = "b") {
  GraphBuilder graph(op);
  graph.output(output);
  graph.node(op, {"x"}, {output});
  return graph;
}

TEST_CASE("If with a known condition imports one branch only") {
  for (const bool condition : {true, false}) {
    ModelBuilder model(14);
    model.input("x", DType::f32, {2}).output("y", DType::f32, {2});
    Tensor c(DType::boolean, {});
    c.set_integer(0, condition);
    model.constant("c", c);
    // The other branch is senseless, as exporters leave them behind.
    model.node("If", {"c"}, {"y"})
        .attr("then_branch", branch(condition ? "Neg" : "Frobnicate"))
        .attr("else_branch", branch(condition ? "Frobnicate" : "Abs"));
    CHECK(numbers(run_built(model, {Tensor::f32({2}, {1, -2})})[0]) ==
          (condition ? std::vector<double>{-1, 2} : std::vector<double>{1, 2}));
  }
}

TEST_CASE("If on a run-time condition is a real if") {
  ModelBuilder model(14);
  model.input("c", DType::boolean, {1}).input("x", DType::f32, {"N"}).output("y", DType::f32, {"N"});
  model.node("If", {"c"}, {"y"}).attr("then_branch", branch("Neg")).attr("else_branch", branch("Abs"));
  const auto function = import_built(model);
  CHECK(count_ops(*function, ir::Opcode::If) == 1);
  Tensor yes(DType::boolean, {1});
  yes.set_integer(0, 1);
  const Tensor x = Tensor::f32({2}, {1, -2});
  CHECK(numbers(ir::interpret(*function, {yes, x})[0]) == std::vector<double>{-1, 2});
  CHECK(numbers(ir::interpret(*function, {Tensor(DType::boolean, {1}), x})[0]) == std::vector<double>{1, 2});
}

TEST_CASE("If on the size of a named dim: branches that agree stay, others ask for numbers") {
  const auto make = [](const char* other) {
    ModelBuilder model(14);
    model.input("x", DType::f32, {"N", 1}).output("y", DType::f32, {"N"});
    model.node("Size", {"x"}, {"n"});
    model.constant("one", Tensor::i64({}, {1}));
    model.node("Equal", {"n", "one"}, {"c"});
    model.node("If", {"c"}, {"y"}).name("if").attr("then_branch", branch("Neg")).attr("else_branch", branch(other));
    return model;
  };
  CHECK(count_ops(*import_built(make("Abs")), ir::Opcode::If) == 1);
  CHECK(numbers(run_built(make("Abs"), {Tensor::f32({1, 1}, {2})})[0]) == std::vector<double>{-2});
  CHECK(numbers(run_built(make("Abs"), {Tensor::f32({2, 1}, {2, -3})})[0]) == std::vector<double>{2, 3});
  const Error error = error_of([&] { import_built(make("Size")); });  // a scalar of integers
  CHECK(error.kind() == ErrorKind::NeedsDims);
  CHECK(contains(error, "If \"if\""));
  CHECK(contains(error, "--dim N="));
  CHECK(count_ops(*import_built(make("Size"), {.dims = {{"N", 4}}}), ir::Opcode::If) == 0);
}

TEST_CASE("a senseless branch on a run-time condition names the input to fix") {
  ModelBuilder model(14);
  model.input("c", DType::boolean, {}).input("x", DType::f32, {2}).output("y", DType::f32, {2});
  model.node("If", {"c"}, {"y"}).name("if").attr("then_branch", branch("Neg")).attr("else_branch", branch("Det"));
  const Error error = error_of([&] { import_built(model); });
  CHECK(error.kind() == ErrorKind::NeedsValues);
  CHECK(contains(error, "\"c\""));
  Tensor yes(DType::boolean, {});
  yes.set_integer(0, 1);
  CHECK(numbers(run_built(model, {yes, Tensor::f32({2}, {1, 2})}, {.input_values = {{"c", yes}}})[0]) ==
        std::vector<double>{-1, -2});
}

/// sum' = sum + x[step] (x from outside), stacked: sum' and the step number.
GraphBuilder summing_body(bool stacked) {
  GraphBuilder body("body");
  body.input("step", DType::i64, {}).input("go", DType::boolean, {}).input("sum", DType::f32, {2});
  body.output("go_on").output("next");
  body.node("Identity", {"go"}, {"go_on"});
  body.node("Gather", {"x", "step"}, {"row"}).attr("axis", 0);
  body.node("Add", {"sum", "row"}, {"next"});
  if (stacked) {
    body.output("copy").output("number");
    body.node("Identity", {"next"}, {"copy"});
    body.node("Cast", {"step"}, {"number"}).attr("to", 1);
  }
  return body;
}

TEST_CASE("a counted Loop with stacked results is a scan") {
  ModelBuilder model(14);
  model.input("x", DType::f32, {"T", 2}).output("y", DType::f32, {2});
  model.output("rows", DType::f32, {"T", 2}).output("steps", DType::f32, {"T"});
  model.node("Shape", {"x"}, {"s"});
  model.constant("0", Tensor::i64({}, {0}));
  model.node("Gather", {"s", "0"}, {"t"});
  model.initializer("start", Tensor::f32({2}, {100, 200}));
  model.node("Loop", {"t", "", "start"}, {"y", "rows", "steps"}).attr("body", summing_body(true));
  const auto function = import_built(model);
  CHECK(count_ops(*function, ir::Opcode::Scan) == 1);
  const auto got = ir::interpret(*function, {Tensor::f32({3, 2}, {1, 2, 3, 4, 5, 6})});
  CHECK(numbers(got[0]) == std::vector<double>{109, 212});
  CHECK(numbers(got[1]) == std::vector<double>{101, 202, 104, 206, 109, 212});
  CHECK(numbers(got[2]) == std::vector<double>{0, 1, 2});
  CHECK(ir::interpret(*function, {Tensor(DType::f32, {0, 2})})[1].shape() == std::vector<int64_t>{0, 2});
}

TEST_CASE("a Loop whose trip count comes at run time is a loop, without stacked results") {
  const auto make = [](bool stacked) {
    ModelBuilder model(14);
    model.input("x", DType::f32, {4, 2}).input("n", DType::i64, {1}).output("y", DType::f32, {2});
    model.initializer("start", Tensor::f32({2}, {0, 0}));
    std::vector<std::string> outputs = {"y"};
    if (stacked) outputs.insert(outputs.end(), {"rows", "steps"});
    model.node("Loop", {"n", "", "start"}, outputs).name("loop").attr("body", summing_body(stacked));
    return model;
  };
  const auto function = import_built(make(false));
  CHECK(count_ops(*function, ir::Opcode::Loop) == 1);
  const Tensor x = Tensor::f32({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(numbers(ir::interpret(*function, {x, Tensor::i64({1}, {3})})[0]) == std::vector<double>{9, 12});
  CHECK(numbers(ir::interpret(*function, {x, Tensor::i64({1}, {0})})[0]) == std::vector<double>{0, 0});
  const Error error = error_of([&] { import_built(make(true)); });
  CHECK(error.kind() == ErrorKind::NeedsValues);
  CHECK(contains(error, "Loop \"loop\": M"));
  CHECK(contains(error, "\"n\""));
  CHECK(numbers(run_built(make(true), {x, Tensor::i64({1}, {2})},
                          {.input_values = {{"n", Tensor::i64({1}, {2})}}})[0]) == std::vector<double>{4, 6});
}

TEST_CASE("a Loop that ends by its condition") {
  GraphBuilder body("body");
  body.input("step", DType::i64, {}).input("go", DType::boolean, {}).input("v", DType::f32, {});
  body.output("go_on").output("next");
  body.node("Add", {"v", "v"}, {"next"});
  body.node("Less", {"next", "limit"}, {"go_on"});
  ModelBuilder model(14);
  model.input("v0", DType::f32, {}).input("limit", DType::f32, {}).output("y", DType::f32, {});
  model.initializer("yes", Tensor::scalar_int(DType::boolean, 1));
  model.node("Loop", {"", "yes", "v0"}, {"y"}).attr("body", body);
  CHECK(numbers(run_built(model, {Tensor::f32({}, {3}), Tensor::f32({}, {50})})[0]) ==
        std::vector<double>{96 / 2 + 48});
}

TEST_CASE("a Loop of no steps that a run-time condition could end gives no rows") {
  ModelBuilder model(13);
  model.input("go", DType::boolean, {}).input("x", DType::f32, {3}).output("y").output("rows");
  model.initializer("M", Tensor::scalar_int(DType::i64, 0));
  GraphBuilder body;
  body.input("i", DType::i64, {}).input("c", DType::boolean, {}).input("h", DType::f32, {3});
  body.node("Identity", {"c"}, {"on"});
  body.node("Neg", {"h"}, {"h1"});
  body.node("Abs", {"h"}, {"row"});
  body.output("on").output("h1").output("row");
  model.node("Loop", {"M", "go", "x"}, {"y", "rows"}).attr("body", body);
  const auto got = run_built(model, {Tensor::scalar_int(DType::boolean, 1), Tensor::f32({3}, {1, 2, 3})});
  CHECK(numbers(got[0]) == std::vector<double>{1, 2, 3});
  CHECK(got[1].shape() == std::vector<int64_t>{0, 3});
}

TEST_CASE("a Loop that appends to a sequence stacks its elements") {
  GraphBuilder body("body");
  body.input("step", DType::i64, {}).input("go", DType::boolean, {}).input("seq", DType::f32, {});
  body.output("go_on").output("longer");
  body.node("Identity", {"go"}, {"go_on"});
  body.node("SequenceAt", {"parts", "step"}, {"part"});
  body.node("Neg", {"part"}, {"negated"});
  body.node("SequenceInsert", {"seq", "negated"}, {"longer"});
  ModelBuilder model(14);
  model.input("x", DType::f32, {"T", 2}).output("y", DType::f32, {2, "T"});
  model.node("SplitToSequence", {"x"}, {"parts"}).attr("axis", 0).attr("keepdims", 0);
  model.node("SequenceLength", {"parts"}, {"t"});
  model.node("SequenceEmpty", {}, {"empty"});
  model.node("Loop", {"t", "", "empty"}, {"all"}).attr("body", body);
  model.node("ConcatFromSequence", {"all"}, {"y"}).attr("axis", 1).attr("new_axis", 1);
  const auto got = run_built(model, {Tensor::f32({3, 2}, {1, 2, 3, 4, 5, 6})});
  CHECK(got[0].shape() == std::vector<int64_t>{2, 3});
  CHECK(numbers(got[0]) == std::vector<double>{-1, -3, -5, -2, -4, -6});
}

/// state' = 2 state + x + z; emits state' and x - z.
GraphBuilder scan_body() {
  GraphBuilder body("body");
  body.input("state", DType::f32, {}).input("xt", DType::f32, {}).input("zt", DType::f32, {});
  body.output("next").output("copy").output("difference");
  body.node("Add", {"state", "state"}, {"twice"});
  body.node("Add", {"twice", "xt"}, {"part"});
  body.node("Add", {"part", "zt"}, {"next"});
  body.node("Identity", {"next"}, {"copy"});
  body.node("Sub", {"xt", "zt"}, {"difference"});
  return body;
}

TEST_CASE("Scan: every combination of directions") {
  const std::vector<double> x = {1, 2, 3}, z = {10, 20, 30};
  for (int bits = 0; bits < 16; ++bits) {
    CAPTURE(bits);
    const auto reverse = [&](int i) { return (bits >> i) & 1; };
    ModelBuilder model(14);
    model.input("x", DType::f32, {"T"}).input("z", DType::f32, {3});
    model.output("last", DType::f32, {}).output("a", DType::f32, {3}).output("b", DType::f32, {3});
    model.initializer("zero", Tensor::f32({}, {0}));
    model.node("Scan", {"zero", "x", "z"}, {"last", "a", "b"})
        .attr("body", scan_body())
        .attr("num_scan_inputs", 2)
        .ints("scan_input_directions", {reverse(0), reverse(1)})
        .ints("scan_output_directions", {reverse(2), reverse(3)});
    const auto got =
        run_built(model, {Tensor::f32({3}, {1, 2, 3}), Tensor::f32({3}, {10, 20, 30})}, {.dims = {{"T", 3}}});
    double state = 0;
    std::vector<double> a(3), b(3);
    for (size_t t = 0; t < 3; ++t) {
      const double xt = x[reverse(0) ? 2 - t : t], zt = z[reverse(1) ? 2 - t : t];
      state = 2 * state + xt + zt;
      a[reverse(2) ? 2 - t : t] = state;
      b[reverse(3) ? 2 - t : t] = xt - zt;
    }
    CHECK(numbers(got[0])[0] == state);
    CHECK(numbers(got[1]) == a);
    CHECK(numbers(got[2]) == b);
  }
}

TEST_CASE("Scan along other axes, and the batched Scan of opset 8") {
  GraphBuilder body("body");
  body.input("sum", DType::f32, {2}).input("xt", DType::f32, {2}).output("next").output("copy");
  body.node("Add", {"sum", "xt"}, {"next"});
  body.node("Identity", {"next"}, {"copy"});
  ModelBuilder model(14);
  model.input("x", DType::f32, {2, "T"}).output("last", DType::f32, {2}).output("all", DType::f32, {2, "T"});
  model.initializer("zero", Tensor::f32({2}, {0, 0}));
  model.node("Scan", {"zero", "x"}, {"last", "all"})
      .attr("body", body)
      .attr("num_scan_inputs", 1)
      .ints("scan_input_axes", {-1})
      .ints("scan_output_axes", {1});
  const auto got = run_built(model, {Tensor::f32({2, 3}, {1, 2, 3, 10, 20, 30})});
  CHECK(numbers(got[0]) == std::vector<double>{6, 60});
  CHECK(numbers(got[1]) == std::vector<double>{1, 3, 6, 10, 30, 60});

  ModelBuilder batched(8);
  batched.input("h", DType::f32, {"B", 2}).input("x", DType::f32, {"B", 2, 2});
  batched.output("last", DType::f32, {"B", 2}).output("all", DType::f32, {"B", 2, 2});
  batched.node("Scan", {"", "h", "x"}, {"last", "all"}).attr("body", body).attr("num_scan_inputs", 1);
  const auto rows =
      run_built(batched, {Tensor::f32({2, 2}, {0, 0, 100, 100}), Tensor::f32({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8})});
  CHECK(numbers(rows[0]) == std::vector<double>{4, 6, 112, 114});
  CHECK(numbers(rows[1]) == std::vector<double>{1, 2, 4, 6, 105, 106, 112, 114});
}

TEST_CASE("a carried value that changes its type is refused") {
  GraphBuilder body("body");
  body.input("sum", DType::f32, {2}).input("xt", DType::f32, {2}).output("next");
  body.node("Concat", {"sum", "xt"}, {"next"}).attr("axis", 0);
  ModelBuilder model(14);
  model.input("x", DType::f32, {3, 2}).output("last", DType::f32, {2});
  model.initializer("zero", Tensor::f32({2}, {0, 0}));
  model.node("Scan", {"zero", "x"}, {"last"}).name("grow").attr("body", body).attr("num_scan_inputs", 1);
  const Error error = error_of([&] { import_built(model); });
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK(contains(error, "Scan \"grow\": carried value 0 starts as f32[2] and becomes f32[4]"));
}

}  // namespace
