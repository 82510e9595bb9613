// Loops that are neither a scan nor a loop of the IR, and are unrolled; and those that could be and are not.
#include "tests/frontend/all_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;

Tensor number(int64_t value) { return Tensor::i64({}, {value}); }

/// A body with the step, the condition, which it hands on, and one carried value "in" that becomes "out".
GraphBuilder body_with(const std::function<void(GraphBuilder&)>& fill) {
  GraphBuilder body("body");
  body.input("step", DType::i64, {}).input("go", DType::boolean, {}).input("in", DType::f32, {});
  body.output("go_on").output("out");
  body.node("Identity", {"go"}, {"go_on"});
  fill(body);
  return body;
}

/// Ops of a function that repeat something.
int64_t repeats(const ir::Function& function) {
  return count_ops(function, ir::Opcode::Scan) + count_ops(function, ir::Opcode::Loop);
}

/// Each step makes it twice as long.
GraphBuilder growing_body() {
  return body_with([](GraphBuilder& body) {
    body.output("sum");
    body.node("Concat", {"in", "in"}, {"out"}).attr("axis", 0);
    body.constant("axes", Tensor::i64({1}, {0}));
    body.node("ReduceSum", {"out", "axes"}, {"sum"}).attr("keepdims", 0);
  });
}

TEST_CASE("a carried value that grows: its steps are unrolled, and nothing stays of the scan that was tried") {
  ModelBuilder model(13);
  model.input("x", DType::f32, {"N", 2}).output("y", DType::f32, {"", 2}).output("sums", DType::f32, {3, 2});
  model.constant("m", number(3));
  model.node("Loop", {"m", "", "x"}, {"y", "sums"}).attr("body", growing_body());
  const auto function = import_built(model);
  CHECK(repeats(*function) == 0);
  CHECK(count_ops(*function, ir::Opcode::Concat) == 4);  // three steps, and the rows
  CHECK(count_ops(*function, ir::Opcode::Iota) == 0);    // the scan's steps
  for (const int64_t n : {1, 5}) {
    Tensor x(DType::f32, {n, 2});
    for (int64_t i = 0; i < x.count(); ++i) x.set_real(i, 1);
    const auto got = run_all_ways(model, {x});
    CHECK(got[0].shape() == std::vector<int64_t>{8 * n, 2});
    const auto size = static_cast<double>(n);
    CHECK(numbers(got[1]) == std::vector<double>{2 * size, 2 * size, 4 * size, 4 * size, 8 * size, 8 * size});
  }
}

TEST_CASE("the number of steps to unroll: named dims and inputs must give it, no step needs a declared type") {
  const auto make = [](bool shaped, DType type = DType::f32) {
    ModelBuilder model(13);
    model.input("x", DType::f32, {1, 2}).output("y", DType::f32, {"", 2}).output("sums", type, {"", 2});
    GraphBuilder body = growing_body();
    auto& declared = *body.graph().mutable_output(2)->mutable_type() = tensor_type(DType::f32, {2});
    if (!shaped) declared.Clear();
    model.input("m", DType::i64, {});
    model.node("Loop", {"m", "", "x"}, {"y", "sums"}).attr("body", body).name("loop");
    return model;
  };
  Error error = error_of([&] { import_built(make(true)); });
  CHECK(error.kind() == ErrorKind::NeedsValues);
  CHECK(contains(error, "Loop \"loop\": M, the number of rows, (\"m\") depends on the values of \"m\""));
  const Tensor x = Tensor::f32({1, 2}, {3, 4});
  CHECK(numbers(run_all_ways(make(true), {x, number(2)}, {.input_values = {{"m", number(2)}}})[1]) ==
        std::vector<double>{6, 8, 12, 16});
  const auto none = run_all_ways(make(true), {x, number(0)}, {.input_values = {{"m", number(0)}}});
  CHECK(none[0].identical(x));
  CHECK(none[1].shape() == std::vector<int64_t>{0, 2});
  error = error_of([&] { import_built(make(false), {.input_values = {{"m", number(0)}}}); });
  CHECK(contains(error, "it has no step, and its body does not declare the type of the result \"sum\""));

  ModelBuilder named(13);
  named.input("x", DType::f32, {"T", 2}).output("y", DType::f32, {"", 2});
  named.node("Shape", {"x"}, {"s"});
  named.constant("0", number(0));
  named.node("Gather", {"s", "0"}, {"t"});
  named.node("Loop", {"t", "", "x"}, {"y", "sums"}).attr("body", growing_body()).name("loop");
  error = error_of([&] { import_built(named); });
  CHECK(error.kind() == ErrorKind::NeedsDims);
  CHECK(contains(error, "--dim T=..."));
  CHECK(run_all_ways(named, {Tensor(DType::f32, {3, 2})}, {.dims = {{"T", 3}}})[0].shape() ==
        std::vector<int64_t>{24, 2});
}

TEST_CASE("a loop that would be too large is refused by name, with the reason why it is no scan") {
  ModelBuilder model(13);
  model.input("x", DType::f32, {1, 2}).output("y", DType::f32, {"", 2});
  model.constant("m", number(1'000'000'000));
  const GraphBuilder body = body_with([](GraphBuilder& b) {
    b.output("sum");
    b.node("Transpose", {"in"}, {"out"});
    b.node("ReduceSum", {"out"}, {"sum"}).attr("keepdims", 0);
  });
  model.node("Loop", {"m", "", "x"}, {"y", "sums"}).attr("body", body).name("loop");
  const Error error = error_of([&] { import_built(model); });
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK(contains(
      error, "Loop \"loop\": it must be unrolled, and the unrolled loops of this model have more than 10000 nodes"));
  CHECK(contains(error, "carried value 0 starts as f32[1,2] and becomes f32[2,1]"));
}

TEST_CASE("a condition that steps decide ends the unrolled loop") {
  const auto make = [](bool with_count) {
    GraphBuilder body("body");
    body.input("step", DType::i64, {}).input("go", DType::boolean, {}).input("in", DType::f32, {});
    body.output("go_on").output("out").output("row");
    body.constant("last", number(2));
    body.node("Less", {"step", "last"}, {"go_on"});
    body.node("Add", {"in", "in"}, {"out"});
    body.node("Identity", {"in"}, {"row"});
    ModelBuilder model(13);
    model.input("x", DType::f32, {2}).output("y", DType::f32, {2}).output("rows", DType::f32, {"", 2});
    model.constant("m", number(100)).constant("yes", Tensor::scalar_int(DType::boolean, 1));
    model.node("Loop", {with_count ? "m" : "", "yes", "x"}, {"y", "rows"}).attr("body", body);
    return model;
  };
  for (const bool with_count : {true, false}) {
    const auto got = run_all_ways(make(with_count), {Tensor::f32({2}, {1, 3})});
    CHECK(numbers(got[0]) == std::vector<double>{8, 24});
    CHECK(numbers(got[1]) == std::vector<double>{1, 3, 2, 6, 4, 12});
  }
}

TEST_CASE("a sequence that the loop reads while it builds it") {
  const GraphBuilder body = body_with([](GraphBuilder& b) {  // Fibonacci
    b.constant("1", number(-1)).constant("2", number(-2));
    b.node("SequenceAt", {"in", "1"}, {"last"});
    b.node("SequenceAt", {"in", "2"}, {"before"});
    b.node("Add", {"last", "before"}, {"next"});
    b.node("SequenceInsert", {"in", "next"}, {"out"});
  });
  ModelBuilder model(13);
  model.input("a", DType::f32, {1}).input("b", DType::f32, {1}).output("y", DType::f32, {""});
  model.constant("m", number(7));
  model.node("SequenceConstruct", {"a", "b"}, {"start"});
  model.node("Loop", {"m", "", "start"}, {"all"}).attr("body", body);
  model.node("ConcatFromSequence", {"all"}, {"y"}).attr("axis", 0);
  CHECK(numbers(run_all_ways(model, {Tensor::f32({1}, {0}), Tensor::f32({1}, {1})})[0]) ==
        std::vector<double>{0, 1, 1, 2, 3, 5, 8, 13, 21});
}

TEST_CASE("a sequence that starts with other shapes than the loop appends: a scan, and a list of both") {
  const GraphBuilder body = body_with([](GraphBuilder& b) {
    b.node("Cast", {"step"}, {"real"}).attr("to", 1);
    b.node("Add", {"real", "x"}, {"row"});
    b.node("SequenceInsert", {"in", "row"}, {"out"});
  });
  for (const bool named : {false, true}) {
    ModelBuilder model(13);
    model.input("x", DType::f32, {2})
        .input("z", DType::f32, {3})
        .input("t", DType::f32, {named ? ModelDim("T") : ModelDim(3)});
    model.output("s", sequence_of(tensor_type(DType::f32, {""})));
    model.node("Size", {"t"}, {"m"});
    model.node("SequenceConstruct", {"z", "x"}, {"start"});
    model.node("Loop", {"m", "", "start"}, {"s"}).attr("body", body);
    const Tensor x = Tensor::f32({2}, {5, 6}), z = Tensor::f32({3}, {1, 2, 3}), t(DType::f32, {3});
    if (named) CHECK(error_of([&] { import_built(model); }).kind() == ErrorKind::NeedsDims);
    const frontend::ImportOptions options =
        named ? frontend::ImportOptions{.dims = {{"T", 3}}} : frontend::ImportOptions{};
    CHECK(count_ops(*import_built(model, options), ir::Opcode::Scan) == 1);
    const auto got = run_all_ways(model, {x, z, t}, options);
    REQUIRE(got.size() == 5);
    CHECK(got[0].identical(z));
    CHECK(numbers(got[4]) == std::vector<double>{7, 8});
  }
}

/// [a, b] -> [b, a + b].
GraphBuilder pair_body() {
  return body_with([](GraphBuilder& b) {
    b.constant("0", number(0)).constant("1", number(1));
    b.node("SequenceAt", {"in", "0"}, {"a"});
    b.node("SequenceAt", {"in", "1"}, {"b"});
    b.node("Add", {"a", "b"}, {"next"});
    b.node("SequenceConstruct", {"b", "next"}, {"out"});
  });
}

TEST_CASE("a carried sequence that keeps its structure is carried element by element: scan or loop") {
  const auto make = [](bool named) {
    ModelBuilder model(13);
    model.input("a", DType::f32, {3}).input("b", DType::f32, {3});
    if (named)
      model.input("x", DType::f32, {"T"}).node("Size", {"x"}, {"m"});
    else
      model.input("m", DType::i64, {});
    model.output("s", sequence_of(tensor_type(DType::f32, {3})));
    model.node("SequenceConstruct", {"a", "b"}, {"start"});
    model.node("Loop", {"m", "", "start"}, {"s"}).attr("body", pair_body());
    return model;
  };
  CHECK(count_ops(*import_built(make(true)), ir::Opcode::Scan) == 1);
  CHECK(count_ops(*import_built(make(false)), ir::Opcode::Loop) == 1);
  const Tensor a = Tensor::f32({3}, {0, 1, 2}), b = Tensor::f32({3}, {1, 1, 1});
  for (const int64_t steps : {0, 1, 6}) {
    const auto scanned = run_all_ways(make(true), {a, b, Tensor(DType::f32, {steps})});
    const auto looped = run_all_ways(make(false), {a, b, number(steps)});
    for (const size_t i : {0, 1}) CHECK(scanned[i].identical(looped[i]));
    if (steps == 6) CHECK(numbers(scanned[1]) == std::vector<double>{13, 21, 29});
  }
}

TEST_CASE("an optional that the first step fills") {
  GraphBuilder fill("fill"), keep("keep");
  fill.output("s").node("SequenceConstruct", {"x"}, {"s"});
  keep.output("s").node("OptionalGetElement", {"in"}, {"s"});
  const GraphBuilder body = body_with([&](GraphBuilder& b) {
    b.node("OptionalHasElement", {"in"}, {"has"});
    b.node("If", {"has"}, {"s"}).attr("then_branch", keep).attr("else_branch", fill);
    b.node("Concat", {"x", "x"}, {"xx"}).attr("axis", 0);
    b.node("SequenceInsert", {"s", "xx"}, {"out"});
  });
  for (const int64_t steps : {0, 1, 3}) {
    ModelBuilder model(16);
    model.input("x", DType::f32, {1}).output("y", optional_of(sequence_of(tensor_type(DType::f32, {""}))));
    model.constant("m", number(steps));
    model.node("Optional", {}, {"none"}).attr("type", sequence_of(tensor_type(DType::f32, {})));
    model.node("Loop", {"m", "", "none"}, {"y"}).attr("body", body);
    model.output("has", DType::boolean, {}).node("OptionalHasElement", {"y"}, {"has"});
    const auto got = run_all_ways(model, {Tensor::f32({1}, {5})});
    REQUIRE(got.size() == static_cast<size_t>(steps == 0 ? 1 : steps + 2));
    CHECK(got.back().integer(0) == (steps > 0));
    for (size_t i = 1; i + 1 < got.size(); ++i) CHECK(numbers(got[i]) == std::vector<double>{5, 5});
  }
}

TEST_CASE("loops in loops: the inner one takes as many steps as the outer one has rows by now") {
  GraphBuilder inner("inner");  // sum of rows of what the outer loop carries
  inner.input("i", DType::i64, {}).input("g", DType::boolean, {}).input("acc", DType::f32, {2});
  inner.output("g_on").output("acc_out");
  inner.node("Identity", {"g"}, {"g_on"});
  inner.node("Gather", {"in", "i"}, {"row"});
  inner.node("Add", {"acc", "row"}, {"acc_out"});
  const GraphBuilder body = body_with([&](GraphBuilder& b) {
    b.constant("zero", Tensor::f32({2}, {0, 0})).constant("0", number(0)).constant("axis", Tensor::i64({1}, {0}));
    b.node("Shape", {"in"}, {"shape"});
    b.node("Gather", {"shape", "0"}, {"rows"});
    b.node("Loop", {"rows", "", "zero"}, {"sum"}).attr("body", inner);
    b.node("Unsqueeze", {"sum", "axis"}, {"sum_row"});
    b.node("Concat", {"in", "sum_row"}, {"out"}).attr("axis", 0);
  });
  ModelBuilder model(13);
  model.input("x", DType::f32, {"N", 2}).output("y", DType::f32, {"", 2});
  model.constant("m", number(3));
  model.node("Loop", {"m", "", "x"}, {"y"}).attr("body", body);
  CHECK(count_ops(*import_built(model), ir::Opcode::Scan) == 2);
  const auto got = run_all_ways(model, {Tensor::f32({2, 2}, {1, 2, 3, 4})});
  CHECK(numbers(got[0]) == std::vector<double>{1, 2, 3, 4, 4, 6, 8, 12, 16, 24});
}

TEST_CASE("appended rows whose size only a step's run can tell") {
  const GraphBuilder body = body_with([](GraphBuilder& b) {
    b.constant("0", Tensor::i64({1}, {0})).constant("1", number(1));
    b.node("Add", {"step", "1"}, {"end"});
    b.node("Unsqueeze", {"end", "0"}, {"ends"});
    b.node("Slice", {"x", "0", "ends"}, {"part"});
    b.node("SequenceInsert", {"in", "part"}, {"out"});
  });
  ModelBuilder model(13);
  model.input("x", DType::f32, {4}).output("s", sequence_of(tensor_type(DType::f32, {""})));
  model.constant("m", number(3));
  model.node("SequenceEmpty", {}, {"empty"});
  model.node("Loop", {"m", "", "empty"}, {"s"}).attr("body", body);
  const auto got = run_all_ways(model, {Tensor::f32({4}, {1, 2, 3, 4})});
  REQUIRE(got.size() == 3);
  CHECK(numbers(got[2]) == std::vector<double>{1, 2, 3});
}

TEST_CASE("a condition known at run time only: structures that stay make a loop, others are refused") {
  const auto make = [](const GraphBuilder& body) {
    ModelBuilder model(13);
    model.input("x", DType::f32, {1}).input("c", DType::boolean, {}).output("y");
    model.constant("m", number(3));
    model.node("Loop", {"m", "c", "x"}, {"y"}).attr("body", body).name("loop");
    return model;
  };
  GraphBuilder grows("body"), stays("body");
  for (GraphBuilder* body : {&grows, &stays}) {
    body->input("step", DType::i64, {}).input("go", DType::boolean, {}).input("in", DType::f32, {});
    body->output("go_on").output("out");
    body->constant("limit", Tensor::f32({}, {5})).constant("0", number(0));
    body->node("Gather", {"in", "0"}, {"first"});
    body->node("Less", {"first", "limit"}, {"go_on"});
  }
  stays.node("Add", {"in", "x"}, {"out"});
  grows.node("Concat", {"in", "in"}, {"out"}).attr("axis", 0);
  const Tensor x = Tensor::f32({1}, {3}), yes = Tensor::scalar_int(DType::boolean, 1);
  CHECK(numbers(run_all_ways(make(stays), {x, yes})[0]) == std::vector<double>{9});
  CHECK(error_of([&] { import_built(make(grows)); }).kind() == ErrorKind::NeedsValues);
  const Error error = error_of([&] { import_built(make(grows), {.input_values = {{"c", yes}}}); });
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK(contains(error, "Loop \"loop\": it must be unrolled, and its condition ends it at run time"));
}

}  // namespace
