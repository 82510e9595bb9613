// Exporters' shape arithmetic is followed on named dims, and what cannot be decided without numbers says so.
#include <functional>

#include "tests/frontend/import_support.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using ir::Dim;

std::string output_type(const ModelBuilder& model, const frontend::ImportOptions& options = {}) {
  const auto function = import_built(model, options);
  return function->body().terminator()->operand(0)->type().str();
}

int64_t count_ops(const ir::Function& function, ir::Opcode code) {
  int64_t count = 0;
  ir::walk(function.body(), [&](const ir::Op* op) { count += op->code() == code; });
  return count;
}

TEST_CASE("Shape, Gather, Unsqueeze, Concat, ConstantOfShape: an initial state of named batch size") {
  ModelBuilder model(14);
  model.input("x", DType::f32, {"T", "N", 3}).output("h", DType::f32, {1, "N", 4});
  model.constant("one", Tensor::i64({}, {1})).constant("zero", Tensor::i64({1}, {0}));
  model.constant("lead", Tensor::i64({1}, {1})).constant("width", Tensor::i64({1}, {4}));
  model.node("Shape", {"x"}, {"s"});
  model.node("Gather", {"s", "one"}, {"n"});
  model.node("Unsqueeze", {"n", "zero"}, {"n1"});
  model.node("Concat", {"lead", "n1", "width"}, {"hs"}).attr("axis", 0);
  model.node("ConstantOfShape", {"hs"}, {"h"});
  CHECK(output_type(model) == "f32[1,N,4]");
  CHECK(output_type(model, {.dims = {{"N", 5}}}) == "f32[1,5,4]");
  CHECK(count_ops(*import_built(model), ir::Opcode::Dims) == 0);  // nothing of it is left to run time
}

TEST_CASE("arithmetic on dims: products, quotients, remainders, comparisons with where") {
  const auto reshaped = [](const std::function<void(ModelBuilder&)>& build) {
    ModelBuilder model(14);
    model.input("x", DType::f32, {"N", "T", 6}).output("y", DType::f32, {"a", "b"});
    model.node("Shape", {"x"}, {"s"});
    model.constant("0", Tensor::i64({1}, {0}))
        .constant("1", Tensor::i64({1}, {1}))
        .constant("2", Tensor::i64({1}, {2}));
    model.constant("3", Tensor::i64({1}, {3})).constant("-1", Tensor::i64({1}, {-1}));
    model.node("Gather", {"s", "0"}, {"n"});
    model.node("Gather", {"s", "1"}, {"t"});
    model.node("Gather", {"s", "2"}, {"c"});
    build(model);
    model.node("Concat", {"a", "b"}, {"target"}).attr("axis", 0);
    model.node("Reshape", {"x", "target"}, {"y"});
    return output_type(model);
  };
  CHECK(reshaped([](ModelBuilder& m) {
          m.node("Mul", {"n", "t"}, {"a"});
          m.node("Identity", {"c"}, {"b"});
        }) == "f32[N*T,6]");
  CHECK(reshaped([](ModelBuilder& m) {
          m.node("Div", {"c", "2"}, {"half"});
          m.node("Mul", {"n", "half"}, {"a"});
          m.node("Identity", {"-1"}, {"b"});
        }) == "f32[3*N,2*T]");
  CHECK(reshaped([](ModelBuilder& m) {  // the exporters' Expand idiom: -1 is replaced, names are not
          m.node("Equal", {"n", "-1"}, {"is"});
          m.node("Where", {"is", "1", "n"}, {"a"});
          m.node("Identity", {"-1"}, {"b"});
        }) == "f32[N,6*T]");
  CHECK(reshaped([](ModelBuilder& m) {
          m.node("Cast", {"t"}, {"f"}).attr("to", 1);
          m.node("Floor", {"f"}, {"g"});
          m.node("Cast", {"g"}, {"a"}).attr("to", 7);
          m.node("Identity", {"-1"}, {"b"});
        }) == "f32[T,6*N]");
  CHECK(reshaped([](ModelBuilder& m) {
          m.node("Mod", {"c", "-1"}, {"zero"});
          m.node("Add", {"n", "zero"}, {"a"});
          m.node("ReduceProd", {"c"}, {"b1"}).attr("keepdims", 1);
          m.node("Mul", {"b1", "t"}, {"b"});
        }) == "f32[N,6*T]");
}

TEST_CASE("decisions about named dims ask for numbers") {
  ModelBuilder model(14);
  model.input("x", DType::f32, {"N", 3}).input("z", DType::f32, {"M", 3}).output("y", DType::f32, {"N", 3});
  model.node("Add", {"x", "z"}, {"y"}).name("sum");
  const Error error = error_of([&] { import_built(model); });
  CHECK(error.kind() == ErrorKind::NeedsDims);
  CHECK(contains(error, "Add \"sum\""));
  CHECK(contains(error, "--dim M=..., --dim N=..."));
  CHECK(output_type(model, {.dims = {{"N", 1}, {"M", 4}}}) == "f32[4,3]");
  CHECK(output_type(model, {.input_shapes = {{"x", {4, 3}}, {"z", {4, 3}}}}) == "f32[4,3]");

  ModelBuilder squeeze(14);
  squeeze.input("x", DType::f32, {"N", 3}).output("y", DType::f32, {3});
  squeeze.constant("axes", Tensor::i64({1}, {0}));
  squeeze.node("Squeeze", {"x", "axes"}, {"y"}).name("q");
  CHECK(error_of([&] { import_built(squeeze); }).kind() == ErrorKind::NeedsDims);
  CHECK(error_of([&] { import_built(squeeze, {.dims = {{"N", 2}}}); }).kind() == ErrorKind::BadInput);
  CHECK(output_type(squeeze, {.dims = {{"N", 1}}}) == "f32[3]");
}

TEST_CASE("shapes that come as inputs ask for their values") {
  ModelBuilder model(14);
  model.input("x", DType::f32, {6}).input("shape", DType::i64, {2}).output("y", DType::f32, {"a", "b"});
  model.node("Reshape", {"x", "shape"}, {"y"}).name("r");
  const Error error = error_of([&] { import_built(model); });
  CHECK(error.kind() == ErrorKind::NeedsValues);
  CHECK(contains(error, "Reshape \"r\": shape (\"shape\") depends on the values of \"shape\""));
  const Tensor shape = Tensor::i64({2}, {2, 3});
  const auto function = import_built(model, {.input_values = {{"shape", shape}}});
  CHECK(function->body().argument_count() == 2);
  CHECK(function->body().terminator()->operand(0)->type().str() == "f32[2,3]");
}

TEST_CASE("shapes that depend on data inside a loop are refused by name") {
  GraphBuilder body("body");
  body.input("sum", DType::f32, {6}).input("row", DType::i64, {2}).output("next");
  body.node("Reshape", {"sum", "row"}, {"shaped"}).name("r");
  body.node("Identity", {"shaped"}, {"next"});
  ModelBuilder model(14);
  model.input("x", DType::f32, {6}).input("rows", DType::i64, {3, 2}).output("y", DType::f32, {6});
  model.node("Scan", {"x", "rows"}, {"y"}).attr("body", body).attr("num_scan_inputs", 1);
  const Error error = error_of([&] { import_built(model); });
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK(contains(error, "Reshape \"r\": shape (\"row\") is known at run time only"));
}

TEST_CASE("slices with bounds from shapes") {
  const auto sliced = [](const std::string& start, const std::string& end, int64_t step = 1) {
    ModelBuilder model(14);
    model.input("x", DType::f32, {"T", 3}).input("table", DType::f32, {50, 3}).output("y", DType::f32, {"T", 3});
    for (const int64_t value : {-1, 0, 1, 5}) model.constant(std::to_string(value), Tensor::i64({1}, {value}));
    model.constant("max", Tensor::i64({1}, {INT64_MAX})).constant("min", Tensor::i64({1}, {INT64_MIN}));
    model.constant("step", Tensor::i64({1}, {step}));
    model.node("Shape", {"x"}, {"s"}).attr("end", 1);
    model.node("Slice", {end == "s" ? "table" : "x", start, end, "0", "step"}, {"y"});
    return output_type(model);
  };
  CHECK(sliced("0", "max") == "f32[T,3]");
  CHECK(sliced("1", "max") == "f32[T - 1,3]");
  CHECK(sliced("0", "-1") == "f32[T - 1,3]");
  CHECK(sliced("-1", "max") == "f32[1,3]");
  CHECK(sliced("0", "5") == "f32[min(5, T),3]");
  CHECK(sliced("-1", "min", -1) == "f32[T,3]");
  CHECK(sliced("0", "s") == "f32[T,3]");  // the first T rows of a table
  CHECK(sliced("0", "max", 2) == "f32[floordiv(T + 1, 2),3]");
}

TEST_CASE("a run-time tensor of dims appears only where it is needed") {
  ModelBuilder model(14);
  model.input("x", DType::i64, {"T"}).output("y", DType::i64, {"T"});
  model.node("Shape", {"x"}, {"s"});
  model.node("Add", {"x", "s"}, {"y"});
  const auto function = import_built(model);
  CHECK(count_ops(*function, ir::Opcode::Dims) == 1);
  CHECK(numbers(ir::interpret(*function, {Tensor::i64({3}, {10, 20, 30})})[0]) == std::vector<double>{13, 23, 33});
}

TEST_CASE("dims without names, old zero dims, unknown ranks") {
  ModelBuilder model(14);
  model.input("x", DType::f32, {"", 3}).output("y", DType::f32, {"", 3});
  model.node("Neg", {"x"}, {"y"});
  CHECK(output_type(model) == "f32[x_dim0,3]");
  CHECK(output_type(model, {.dims = {{"x_dim0", 2}}}) == "f32[2,3]");

  ModelBuilder zero(14);
  zero.input("x", DType::f32, {0, 3}).output("y", DType::f32, {0, 3});
  zero.node("Neg", {"x"}, {"y"});
  CHECK(output_type(zero, {.input_shapes = {{"x", {4, 3}}}}) == "f32[4,3]");

  ModelBuilder rankless = model;
  rankless.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->clear_shape();
  CHECK(error_of([&] { import_built(rankless); }).kind() == ErrorKind::NeedsDims);
  CHECK(output_type(rankless, {.input_shapes = {{"x", {4, 3}}}}) == "f32[4,3]");
}

TEST_CASE("reshape keeps its answer for empty sequences") {
  ModelBuilder model(14);
  model.input("x", DType::f32, {"T", 2, 6}).output("y", DType::f32, {"T", 12});
  model.constant("shape", Tensor::i64({3}, {0, -1, 4}));
  model.node("Reshape", {"x", "shape"}, {"y"});
  CHECK(output_type(model) == "f32[T,3,4]");
  CHECK(output_type(model, {.dims = {{"T", 0}}}) == "f32[0,3,4]");
}

}  // namespace
