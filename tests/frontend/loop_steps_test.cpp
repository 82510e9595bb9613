// Loops whose number of steps follows from their condition, and slices that move with the step.
#include "tests/frontend/import_support.h"

namespace {

using namespace seqc;
using namespace seqc::test;

int64_t count_ops(const ir::Function& function, ir::Opcode code) {
  int64_t count = 0;
  ir::walk(function.body(), [&](const ir::Op* op) { count += op->code() == code; });
  return count;
}

/// How a loop decides: `first` and `next` write the condition from a counter before the loop and in the body.
struct Rule {
  const char* name;
  int64_t start, step;        ///< of the counter
  const char* op;             ///< compares it with the limit, or
  bool limit_first;           ///< the limit with it
  bool negated;               ///< by Not
  const char* trip;           ///< "", "most", "T"
  bool begins_always;         ///< the condition is not asked before the first step
  std::vector<int64_t> want;  ///< steps for T = 0, 1, 2, 5
};

/// Adds 1 to a sum at each step, and stacks the counter.
ModelBuilder counting_model(const Rule& rule) {
  ModelBuilder model(14);
  model.input("x", DType::f32, {"T", 2}).output("sum", DType::f32, {}).output("counts", DType::i64, {"K"});
  model.output("last", DType::i64, {});
  model.initializer("zero", Tensor::i64({}, {0})).initializer("start", Tensor::i64({}, {rule.start}));
  model.initializer("step", Tensor::i64({}, {rule.step})).initializer("f1", Tensor::f32({}, {1}));
  model.initializer("yes", Tensor::scalar_int(DType::boolean, 1));
  model.initializer("f0", Tensor::f32({}, {0})).initializer("most", Tensor::i64({}, {9223372036854775807}));
  model.node("Shape", {"x"}, {"shape"});
  model.node("Gather", {"shape", "zero"}, {"T"});
  const auto condition = [&](GraphBuilder& graph, const char* counter, const char* result) {
    const std::string compared = rule.negated ? std::string(result) + "_not" : result;
    const std::vector<std::string> inputs =
        rule.limit_first ? std::vector<std::string>{"T", counter} : std::vector<std::string>{counter, "T"};
    graph.node(rule.op, inputs, {compared});
    if (rule.negated) graph.node("Not", {compared}, {result});
  };
  condition(model, "start", "go");
  GraphBuilder body("body");
  body.input("t", DType::i64, {}).input("c", DType::boolean, {});
  body.input("count", DType::i64, {}).input("total", DType::f32, {});
  body.output("go_on").output("count_next").output("total_next").output("seen");
  body.node("Add", {"count", "step"}, {"count_next"});
  body.node("Add", {"total", "f1"}, {"total_next"});
  body.node("Identity", {"count"}, {"seen"});
  condition(body, "count_next", "go_on");
  model.node("Loop", {rule.trip, rule.begins_always ? "yes" : "go", "start", "f0"}, {"last", "sum", "counts"})
      .attr("body", body);
  return model;
}

TEST_SUITE_BEGIN("frontend");

TEST_CASE("a Loop with stacked results whose condition counts is a scan of as many steps") {
  const Rule rules[] = {
      {"Less", 0, 1, "Less", false, false, "most", false, {0, 1, 2, 5}},
      {"no trip count", 0, 1, "Less", false, false, "", false, {0, 1, 2, 5}},
      {"at most T steps", 0, 1, "LessOrEqual", false, false, "T", false, {0, 1, 2, 5}},
      {"one more", 0, 1, "LessOrEqual", false, false, "most", false, {1, 2, 3, 6}},
      {"Greater", 0, 1, "Greater", true, false, "most", false, {0, 1, 2, 5}},
      {"not GreaterOrEqual", 0, 1, "GreaterOrEqual", false, true, "most", false, {0, 1, 2, 5}},
      {"in twos from 1", 1, 2, "Less", false, false, "most", false, {0, 0, 1, 2}},
      {"the first step in any case", 0, 1, "Less", false, false, "most", true, {1, 1, 2, 5}},
  };
  for (const Rule& rule : rules) {
    CAPTURE(rule.name);
    const auto function = import_built(counting_model(rule));
    CHECK(count_ops(*function, ir::Opcode::Scan) == 1);
    CHECK(count_ops(*function, ir::Opcode::Loop) == 0);
    size_t i = 0;
    for (const int64_t length : {0, 1, 2, 5}) {
      CAPTURE(length);
      const auto got = ir::interpret(*function, {Tensor(DType::f32, {length, 2})});
      const int64_t steps = rule.want[i++];
      CHECK(numbers(got[0]) == std::vector<double>{static_cast<double>(steps)});
      REQUIRE(got[1].shape() == std::vector<int64_t>{steps});
      CHECK(got[2].integer(0) == rule.start + steps * rule.step);
      for (int64_t t = 0; t < steps; ++t) CHECK(got[1].integer(t) == rule.start + t * rule.step);
    }
  }
}

TEST_CASE("a Loop whose condition does not fall from step to step stays a loop, or is refused") {
  // The counter moves away from the limit: either no step at all, or no end.
  const Rule rule{"away", 0, -1, "Less", false, false, "most", false, {}};
  const Error error = error_of([&] { import_built(counting_model(rule)); });
  CHECK(contains(error, "Loop"));
}

TEST_CASE("a condition of two parts ends with the first") {
  GraphBuilder body("body");
  body.input("t", DType::i64, {}).input("go", DType::boolean, {}).input("v", DType::f32, {});
  body.output("go_on").output("next").output("row");
  body.constant("1", Tensor::i64({}, {1}));
  body.node("Add", {"v", "v"}, {"next"});
  body.node("Identity", {"v"}, {"row"});
  body.node("Add", {"t", "1"}, {"n"});
  body.node("Less", {"n", "five"}, {"a"});
  body.node("Less", {"n", "three"}, {"b"});
  body.node("And", {"a", "b"}, {"both"});
  body.node("And", {"go", "both"}, {"go_on"});
  ModelBuilder model(14);
  model.input("v0", DType::f32, {}).output("y", DType::f32, {}).output("rows", DType::f32, {"K"});
  model.initializer("five", Tensor::i64({}, {5})).initializer("three", Tensor::i64({}, {3}));
  model.initializer("yes", Tensor::scalar_int(DType::boolean, 1));
  model.node("Loop", {"", "yes", "v0"}, {"y", "rows"}).attr("body", body);
  const auto got = run_built(model, {Tensor::f32({}, {1})});
  CHECK(numbers(got[0]) == std::vector<double>{8});
  CHECK(numbers(got[1]) == std::vector<double>{1, 2, 4});
}

/// y[t] = x[t + from : t + from + size] along `axis`, flattened over T steps less `fewer`.
ModelBuilder moving_slices(int64_t axis, int64_t from, int64_t size, int64_t fewer) {
  ModelBuilder model(14);
  model.input("x", DType::f32, {"T", "T"}).output("y", DType::f32, {"K", "", ""});
  for (const auto& [name, value] : {std::pair("from", from), {"size", size}, {"fewer", fewer}})
    model.initializer(name, Tensor::i64({1}, {value}));
  model.initializer("axes", Tensor::i64({1}, {axis})).initializer("zero", Tensor::i64({}, {0}));
  model.initializer("steps", Tensor::i64({1}, {1}));
  model.node("Shape", {"x"}, {"shape"});
  model.node("Gather", {"shape", "zero"}, {"T"});
  model.node("Sub", {"T", "fewer"}, {"count"});
  GraphBuilder body("body");
  body.input("t", DType::i64, {}).input("go", DType::boolean, {});
  body.output("go_on").output("part");
  body.node("Identity", {"go"}, {"go_on"});
  body.node("Add", {"t", "from"}, {"start"});
  body.node("Add", {"start", "size"}, {"end"});
  body.node("Slice", {"x", "start", "end", "axes", "steps"}, {"part"}).name("slice");
  model.node("Loop", {"count", ""}, {"y"}).attr("body", body);
  return model;
}

TEST_CASE("a Slice that moves with the loop's step reads the rows at hand") {
  const Tensor x = Tensor::f32({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(numbers(run_built(moving_slices(0, 0, 1, 0), {x})[0]) == std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(numbers(run_built(moving_slices(1, 0, 1, 0), {x})[0]) == std::vector<double>{1, 4, 7, 2, 5, 8, 3, 6, 9});
  CHECK(numbers(run_built(moving_slices(0, 0, 2, 1), {x})[0]) ==
        std::vector<double>{1, 2, 3, 4, 5, 6, 4, 5, 6, 7, 8, 9});
  CHECK(numbers(run_built(moving_slices(0, 1, 1, 1), {x})[0]) == std::vector<double>{4, 5, 6, 7, 8, 9});
}

TEST_SUITE_END();

}  // namespace
