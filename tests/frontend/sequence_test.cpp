// Operators on sequences and optionals inside of a model.
#include <numeric>

#include "tests/frontend/all_ways.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Rows = std::vector<std::vector<double>>;

/// first, first+1, ...
Tensor counting(std::vector<int64_t> shape, double first) {
  Tensor tensor(DType::f32, std::move(shape));
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.set_real(i, first + static_cast<double>(i));
  return tensor;
}

Tensor number(int64_t value) { return Tensor::i64({}, {value}); }

/// The rows of a matrix.
Rows rows_of(const Tensor& matrix) {
  Rows rows(static_cast<size_t>(matrix.shape()[0]));
  const int64_t width = matrix.shape()[1];
  for (int64_t i = 0; i < matrix.count(); ++i) rows[static_cast<size_t>(i / width)].push_back(matrix.real(i));
  return rows;
}

TEST_CASE("sequences hold tensors of any shape, and give their elements as outputs of the model") {
  ModelBuilder model(17);
  model.input("x", DType::f32, {2, 3}).input("y", DType::f32, {5}).input("z", DType::f32, {1, 1, "N"});
  model.output("all", sequence_of(tensor_type(DType::f32, {}))).output("length", DType::i64, {});
  model.output("third", DType::f32, {});
  model.constant("front", number(0)).constant("back", number(-2));
  model.node("SequenceConstruct", {"x", "y"}, {"a"});
  model.node("SequenceInsert", {"a", "z", "front"}, {"b"});
  model.node("SequenceInsert", {"b", "y"}, {"c"});          // z x y y
  model.node("SequenceInsert", {"c", "x", "back"}, {"d"});  // z x x y y
  model.node("SequenceErase", {"d", "back"}, {"e"});        // z x x y
  model.node("SequenceErase", {"e"}, {"f"});                // z x x
  model.node("Identity", {"f"}, {"all"});
  model.node("SequenceLength", {"all"}, {"length"});
  model.node("SequenceAt", {"all", "back"}, {"third"});
  const Tensor x = counting({2, 3}, 1), y = counting({5}, 10), z = counting({1, 1, 7}, 20);
  CHECK(import_built(model)->output_names == std::vector<std::string>{"all.0", "all.1", "all.2", "length", "third"});
  const auto got = run_all_ways(model, {x, y, z});
  CHECK(got[0].identical(z));
  CHECK(got[1].identical(x));
  CHECK(got[2].identical(x));
  CHECK(got[3].integer(0) == 3);
  CHECK(got[4].identical(x));
}

/// `sequence` of rows [3], of which SequenceAt, SequenceInsert and SequenceErase at `position` become matrices.
void add_edits(ModelBuilder& model, const std::string& sequence, const std::string& position) {
  model.output("at", DType::f32, {3}).output("longer", DType::f32, {"", 3}).output("shorter", DType::f32, {"", 3});
  model.node("SequenceAt", {sequence, position}, {"at"});
  model.node("SequenceInsert", {sequence, "row", position}, {"more"});
  model.node("SequenceErase", {sequence, position}, {"less"});
  model.node("ConcatFromSequence", {"more"}, {"longer"}).attr("axis", 0).attr("new_axis", 1);
  model.node("ConcatFromSequence", {"less"}, {"shorter"}).attr("axis", 0).attr("new_axis", 1);
}

void check_edits(const std::vector<Tensor>& got, const Tensor& x, const Tensor& row, int64_t position) {
  Rows rows = rows_of(x);
  const auto count = static_cast<int64_t>(rows.size());
  const auto at = position < 0 ? position + count : position;
  CHECK(numbers(got[0]) == rows[static_cast<size_t>(at)]);
  Rows longer = rows, shorter = rows;
  longer.insert(longer.begin() + at, numbers(row));
  shorter.erase(shorter.begin() + at);
  CHECK(rows_of(got[1]) == longer);
  CHECK(rows_of(got[2]) == shorter);
}

TEST_CASE("positions known at import, in a sequence of a named length and in a list") {
  for (const bool named : {true, false}) {
    for (const int64_t position : {0, 2, -1, -3}) {
      INFO((named ? "named, position " : "list, position ") << position);
      ModelBuilder model(13);
      model.input("x", DType::f32, {named ? ModelDim("T") : ModelDim(5), 3}).input("row", DType::f32, {3});
      model.constant("p", number(position));
      model.node("SplitToSequence", {"x"}, {"s"}).attr("keepdims", 0);
      add_edits(model, "s", "p");
      const auto sizes = named ? std::vector<int64_t>{3, 4, 9} : std::vector<int64_t>{5};
      for (const int64_t t : sizes) {
        const Tensor x = counting({t, 3}, 1), row = counting({3}, -9);
        check_edits(run_all_ways(model, {x, row}), x, row, position);
      }
    }
  }
}

TEST_CASE("positions known at run time, where elements are alike") {
  for (const bool named : {true, false}) {
    ModelBuilder model(13);
    model.input("x", DType::f32, {named ? ModelDim("T") : ModelDim(4), 3}).input("row", DType::f32, {3});
    model.input("p", DType::i32, {1});
    if (named) {
      model.node("SplitToSequence", {"x"}, {"s"}).attr("keepdims", 0);
    } else {
      std::vector<std::string> rows;
      for (int64_t i = 0; i < 4; ++i) {
        rows.push_back("x" + std::to_string(i));
        model.constant("i" + std::to_string(i), number(i));
        model.node("Gather", {"x", "i" + std::to_string(i)}, {rows.back()});
      }
      model.node("SequenceConstruct", rows, {"s"});
    }
    add_edits(model, "s", "p");
    const Tensor x = counting({4, 3}, 1), row = counting({3}, -9);
    for (int64_t position = -4; position < 4; ++position) {
      INFO((named ? "named, position " : "list, position ") << position);
      Tensor p(DType::i32, {1});
      p.set_integer(0, position);
      check_edits(run_all_ways(model, {x, row, p}), x, row, position);
    }
    Tensor end(DType::i32, {1});
    end.set_integer(0, 4);  // a position for SequenceInsert only
    CHECK(rows_of(run_all_ways(model, {x, row, end})[1]).back() == numbers(row));
  }
}

TEST_CASE("positions that cannot be taken") {
  const auto make = [](const char* op, int64_t position, bool run_time, bool alike) {
    ModelBuilder model(13);
    model.input("x", DType::f32, {2}).input("y", DType::f32, {alike ? 2 : 3}).output("o");
    if (run_time)
      model.input("p", DType::i64, {});
    else
      model.constant("p", number(position));
    model.node("SequenceConstruct", {"x", "y"}, {"s"});
    const bool insert = std::string_view(op) == "SequenceInsert";
    model.node(op, insert ? std::vector<std::string>{"s", "x", "p"} : std::vector<std::string>{"s", "p"}, {"o"})
        .name("n");
    return model;
  };
  for (const char* op : {"SequenceAt", "SequenceErase", "SequenceInsert"}) {
    CAPTURE(op);
    const int64_t end = std::string_view(op) == "SequenceInsert" ? 3 : 2;
    for (const int64_t position : {end, int64_t{-3}, int64_t{1000000}}) {
      const Error error = error_of([&] { import_built(make(op, position, false, true)); });
      CHECK(error.kind() == ErrorKind::BadInput);
      CHECK(contains(error, fmt::format("{} \"n\": position {} in a sequence of 2", op, position)));
    }
    const Error error = error_of([&] { import_built(make(op, 0, true, false)); });
    CHECK(error.kind() == ErrorKind::NeedsValues);
    CHECK(contains(error, fmt::format("{} \"n\": position, in a sequence whose elements are not all alike,", op)));
    CHECK_NOTHROW(import_built(make(op, 0, true, false), {.input_values = {{"p", number(1)}}}));
  }
  ModelBuilder empty(13);
  empty.output("o").constant("p", number(0));
  empty.node("SequenceEmpty", {}, {"s"});
  empty.node("SequenceErase", {"s", "p"}, {"o"});
  CHECK(contains(error_of([&] { import_built(empty); }), "erasing from an empty sequence"));
}

TEST_CASE("sequences hold one element type") {
  ModelBuilder mixed(13);
  mixed.input("x", DType::f32, {2}).input("n", DType::i64, {2}).output("o");
  mixed.node("SequenceConstruct", {"x", "n"}, {"o"}).name("s");
  CHECK(contains(error_of([&] { import_built(mixed); }),
                 "SequenceConstruct \"s\": input 1 is i64[2], expected elements of f32 as in input 0"));
  ModelBuilder inserted(13);
  inserted.input("n", DType::i64, {2}).output("o");
  inserted.node("SequenceEmpty", {}, {"e"});
  inserted.node("SequenceInsert", {"e", "n"}, {"o"}).name("i");
  CHECK(contains(error_of([&] { import_built(inserted); }),
                 "SequenceInsert \"i\": tensor is i64[2], expected elements of f32 as in the sequence"));
  ModelBuilder tensor(13);
  tensor.input("n", DType::i64, {2}).output("o");
  tensor.node("SequenceLength", {"n"}, {"o"}).name("l");
  CHECK(contains(error_of([&] { import_built(tensor); }), "SequenceLength \"l\": input 0 is no sequence"));
}

TEST_CASE("SplitToSequence: equal parts with a rest, given parts with an empty one, no part at all") {
  const auto make = [](const Tensor& split, ModelShape shape) {
    ModelBuilder model(13);
    model.input("x", DType::f32, shape).output("s", sequence_of(tensor_type(DType::f32, {"", ""})));
    model.constant("split", split);
    model.node("SplitToSequence", {"x", "split"}, {"s"}).attr("axis", -1).name("split");
    return model;
  };
  const auto sizes = [&](const Tensor& split, int64_t width) {
    std::vector<int64_t> sizes;
    double next = 1;
    for (const Tensor& part : run_all_ways(make(split, {1, width}), {counting({1, width}, 1)})) {
      sizes.push_back(part.shape()[1]);
      for (const double value : numbers(part)) CHECK(value == next++);
    }
    return sizes;
  };
  using Sizes = std::vector<int64_t>;
  CHECK(sizes(number(3), 7) == Sizes{3, 3, 1});
  CHECK(sizes(number(9), 7) == Sizes{7});
  CHECK(sizes(number(1), 3) == Sizes{1, 1, 1});
  CHECK(sizes(number(4), 0) == Sizes{});
  CHECK(sizes(Tensor::i64({4}, {2, 0, 4, 1}), 7) == Sizes{2, 0, 4, 1});
  const auto refuses = [&](const Tensor& split, std::string_view text) {
    return contains(error_of([&] { import_built(make(split, {1, 7})); }), text);
  };
  CHECK(refuses(number(0), "split holds 0, expected 1 or more"));
  CHECK(refuses(Tensor::i64({2}, {8, -1}), "split holds -1, expected 0 or more"));
  CHECK(refuses(Tensor::i64({2}, {3, 3}), "the sum of split is 6, expected 7"));
  CHECK(refuses(Tensor::i64({0}, {}), "the sum of split is 0, expected 7"));
  CHECK(error_of([&] { import_built(make(number(2), {1, "N"})); }).kind() == ErrorKind::NeedsDims);
}

TEST_CASE("the number of outputs must be known") {
  ModelBuilder model(13);
  model.input("x", DType::f32, {"T", 3}).output("s", sequence_of(tensor_type(DType::f32, {3})));
  model.node("SplitToSequence", {"x"}, {"s"}).attr("keepdims", 0);
  const Error error = error_of([&] { import_built(model); });
  CHECK(error.kind() == ErrorKind::NeedsDims);
  CHECK(contains(error, "output \"s\": a sequence of T elements; give numbers to the named dims: --dim T=..."));
  const auto got = run_all_ways(model, {counting({4, 3}, 0)}, {.dims = {{"T", 4}}});
  REQUIRE(got.size() == 4);
  CHECK(numbers(got[3]) == std::vector<double>{9, 10, 11});

  ModelBuilder twice(13);
  twice.input("x", DType::f32, {2, 3}).output("s", sequence_of(tensor_type(DType::f32, {3})));
  twice.output("s.1", DType::f32, {2, 3});
  twice.node("SplitToSequence", {"x"}, {"s"});
  twice.node("Neg", {"x"}, {"s.1"});
  CHECK(contains(error_of([&] { import_built(twice); }), "output \"s.1\": the model has two outputs of this name"));
}

GraphBuilder sequence_branch(const std::vector<std::string>& elements) {
  GraphBuilder branch("branch");
  branch.output("b");
  branch.node("SequenceConstruct", elements, {"b"});
  return branch;
}

TEST_CASE("If on a run-time condition: sequences of the same structure, lists and stacks") {
  const auto make = [](const GraphBuilder& other) {
    ModelBuilder model(16);
    model.input("c", DType::boolean, {}).input("x", DType::f32, {3, 2}).input("y", DType::f32, {2});
    model.output("s", sequence_of(tensor_type(DType::f32, {2})));
    model.node("If", {"c"}, {"s"})
        .name("if")
        .attr("then_branch", sequence_branch({"y", "y", "y"}))
        .attr("else_branch", other);
    return model;
  };
  GraphBuilder split("split");
  split.output("b");
  split.node("SplitToSequence", {"x"}, {"b"}).attr("keepdims", 0);
  const Tensor x = counting({3, 2}, 1), y = counting({2}, 8), yes = Tensor::scalar_int(DType::boolean, 1),
               no = Tensor::scalar_int(DType::boolean, 0);
  CHECK(count_ops(*import_built(make(split)), ir::Opcode::If) == 1);
  CHECK(numbers(run_all_ways(make(split), {no, x, y})[1]) == std::vector<double>{3, 4});
  CHECK(numbers(run_all_ways(make(split), {yes, x, y})[1]) == std::vector<double>{8, 9});

  for (const GraphBuilder& other : {sequence_branch({"y"}), sequence_branch({"x", "y", "y"})}) {
    const Error error = error_of([&] { import_built(make(other)); });
    CHECK(error.kind() == ErrorKind::NeedsValues);
    CHECK(contains(error, "\"c\""));
    CHECK_NOTHROW(run_all_ways(make(other), {no, x, y}, {.input_values = {{"c", no}}}));
  }
}

TEST_CASE("optionals: with an element, without one, and where they may not stand") {
  ModelBuilder model(18);
  model.input("x", DType::f32, {3}).output("has", DType::boolean, {}).output("has_none", DType::boolean, {});
  model.output("nothing", DType::boolean, {}).output("plain", DType::boolean, {}).output("y", DType::f32, {3});
  model.output("none", optional_of(tensor_type(DType::f32, {3})))
      .output("some", optional_of(tensor_type(DType::f32, {3})));
  model.node("Optional", {"x"}, {"some"});
  model.node("Optional", {}, {"none"}).attr("type", tensor_type(DType::f32, {3}));
  model.node("OptionalHasElement", {"some"}, {"has"});
  model.node("OptionalHasElement", {"none"}, {"has_none"});
  model.node("OptionalHasElement", {}, {"nothing"});
  model.node("OptionalHasElement", {"x"}, {"plain"});
  model.node("OptionalGetElement", {"some"}, {"got"});
  model.node("Identity", {"got"}, {"same"});
  model.node("OptionalGetElement", {"same"}, {"y"});
  const Tensor x = counting({3}, 1);
  CHECK(import_built(model)->output_names ==
        std::vector<std::string>{"has", "has_none", "nothing", "plain", "y", "some"});
  const auto got = run_all_ways(model, {x});
  for (const size_t i : {0, 1, 2, 3}) CHECK(got[i].integer(0) == (i == 0 || i == 3));
  CHECK(got[4].identical(x));
  CHECK(got[5].identical(x));

  const auto refusal = [](auto&& fill) {
    ModelBuilder wrong(16);
    wrong.output("o");
    wrong.node("Optional", {}, {"none"}).attr("type", sequence_of(tensor_type(DType::f32, {})));
    fill(wrong);
    return std::string(error_of([&] { import_built(wrong); }).what());
  };
  CHECK(refusal([](auto& m) { m.node("OptionalGetElement", {"none"}, {"o"}).name("g"); }) ==
        "test.onnx: OptionalGetElement \"g\": input \"none\" is an optional without an element");
  CHECK(refusal([](auto& m) {
          m.node("Neg", {"none"}, {"o"}).name("neg");
        }).find("is an optional without an element, expected a tensor") != std::string::npos);
  CHECK(refusal([](auto& m) {
          m.node("SequenceLength", {"none"}, {"o"}).name("l");
        }).find("input 0 is an optional without an element, expected a sequence") != std::string::npos);
  CHECK(refusal([](auto& m) {
          m.node("OptionalHasElement", {}, {"o"}).name("h");
        }).find("input 0 (input) is missing") != std::string::npos);
  CHECK(refusal([](auto& m) {
          m.node("Optional", {}, {"o"}).name("p");
        }).find("it has neither an input nor the attribute type") != std::string::npos);
}

/// (a, b) -> (a * outer, a + b), with `outer` from the graph around.
GraphBuilder map_body() {
  GraphBuilder body("map_body");
  body.input("a", DType::f32, {""}).input("b", DType::f32, {""}).output("product", DType::f32, {""});
  body.output("sum", DType::f32, {""});
  body.node("Mul", {"a", "outer"}, {"product"});
  body.node("Add", {"a", "b"}, {"sum"});
  return body;
}

TEST_CASE("SequenceMap: one scan where elements are alike, else once for each; sees the graph around") {
  const auto make = [](const std::vector<std::string>& elements) {
    ModelBuilder model(17);
    model.input("x", DType::f32, {3})
        .input("y", DType::f32, {3})
        .input("z", DType::f32, {1})
        .input("b", DType::f32, {1});
    model.input("outer", DType::f32, {});
    model.output("p", sequence_of(tensor_type(DType::f32, {""})))
        .output("s", sequence_of(tensor_type(DType::f32, {""})));
    model.node("SequenceConstruct", elements, {"seq"});
    model.node("SequenceMap", {"seq", "b"}, {"p", "s"}).attr("body", map_body()).name("map");
    return model;
  };
  const std::vector<Tensor> inputs = {counting({3}, 1), counting({3}, 5), counting({1}, 9), counting({1}, 100),
                                      Tensor::f32({}, {2})};
  CHECK(count_ops(*import_built(make({"x", "y"})), ir::Opcode::Scan) == 1);
  CHECK(count_ops(*import_built(make({"x", "z"})), ir::Opcode::Scan) == 0);
  auto got = run_all_ways(make({"x", "y"}), inputs);
  REQUIRE(got.size() == 4);
  CHECK(numbers(got[1]) == std::vector<double>{10, 12, 14});
  CHECK(numbers(got[2]) == std::vector<double>{101, 102, 103});
  got = run_all_ways(make({"x", "z", "y"}), inputs);
  REQUIRE(got.size() == 6);
  CHECK(numbers(got[1]) == std::vector<double>{18});
  CHECK(numbers(got[4]) == std::vector<double>{109});
  CHECK(numbers(got[5]) == std::vector<double>{105, 106, 107});
}

TEST_CASE("SequenceMap: a named length, no element, lengths that differ") {
  ModelBuilder model(17);
  model.input("x", DType::f32, {"T", 2}).input("z", DType::f32, {"T", 2}).input("outer", DType::f32, {});
  model.output("y", DType::f32, {"T", 2});
  model.node("SplitToSequence", {"x"}, {"xs"}).attr("keepdims", 0);
  model.node("SplitToSequence", {"z"}, {"zs"}).attr("keepdims", 0);
  model.node("SequenceMap", {"xs", "zs"}, {"p", "s"}).attr("body", map_body()).name("map");
  model.node("ConcatFromSequence", {"s"}, {"y"}).attr("axis", 0).attr("new_axis", 1);
  for (const int64_t t : {1, 5}) {
    const auto got = run_all_ways(model, {counting({t, 2}, 1), counting({t, 2}, 10), Tensor::f32({}, {1})});
    for (int64_t i = 0; i < 2 * t; ++i) CHECK(got[0].real(i) == 11 + 2 * static_cast<double>(i));
  }

  ModelBuilder empty(17);
  empty.input("x", DType::f32, {2}).input("outer", DType::f32, {}).output("n", DType::i64, {});
  empty.node("SequenceEmpty", {}, {"none"});
  empty.node("SequenceMap", {"none", "x"}, {"p", "s"}).attr("body", map_body());
  empty.node("SequenceLength", {"s"}, {"n"});
  CHECK(run_all_ways(empty, {counting({2}, 1), Tensor::f32({}, {1})})[0].integer(0) == 0);

  ModelBuilder wrong(17);
  wrong.input("x", DType::f32, {2}).input("outer", DType::f32, {}).output("p");
  wrong.node("SequenceConstruct", {"x", "x"}, {"two"});
  wrong.node("SequenceConstruct", {"x"}, {"one"});
  wrong.node("SequenceMap", {"two", "one"}, {"p", "s"}).attr("body", map_body()).name("map");
  CHECK(contains(error_of([&] { import_built(wrong); }),
                 "SequenceMap \"map\": the length of sequence 1 is 1, expected 2"));
}

}  // namespace
