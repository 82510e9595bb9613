// Models whose tensors hold strings: what moves them, the interpreter and compiled code alike, and what is refused.
#include "tests/frontend/all_ways.h"
#include "tests/frontend/node_case.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Texts = std::vector<std::string>;

/// "s0", "s1", ... with an empty string among them.
Tensor words(std::vector<int64_t> shape) {
  Texts texts;
  for (int64_t i = Tensor(DType::string, shape).count(); i > 0; --i)
    texts.push_back(i == 2 ? "" : fmt::format("s{}", i));
  return Tensor::strings(std::move(shape), texts);
}

/// Stands in for the strings of a tensor: their positions there.
Tensor positions(const Tensor& strings) {
  Tensor result(DType::i64, strings.shape());
  for (int64_t i = 0; i < result.count(); ++i) result.set_integer(i, i);
  return result;
}

struct Moved {
  int64_t opset;
  const char* op;
  std::vector<NodeInput> inputs;
  std::function<void(NodeRef&)> attributes = {};
  size_t outputs = 1;
};

/// Strings must move as numbers do: `texts` holds those of all inputs in a row, the numbers count them.
void check_moved(const Moved& c) {
  CAPTURE(c.op);
  CAPTURE(c.opset);
  NodeCase strings{c.opset, c.op, c.inputs, c.attributes, c.outputs}, numbers = strings;
  Texts texts;
  for (NodeInput& input : numbers.inputs) {
    if (input.missing || input.value.dtype() != DType::string) continue;
    Tensor counted = positions(input.value);
    for (int64_t i = 0; i < counted.count(); ++i) {
      counted.set_integer(i, static_cast<int64_t>(texts.size()));
      texts.emplace_back(input.value.text(i));
    }
    input.value = counted;
  }
  const auto got = run_case(strings), want = run_case(numbers);
  REQUIRE(got.size() == want.size());
  for (size_t k = 0; k < got.size(); ++k) {
    CAPTURE(k);
    REQUIRE(got[k].shape() == want[k].shape());
    if (got[k].dtype() != DType::string) {  // shapes and counts
      CHECK(got[k].identical(want[k]));
      continue;
    }
    for (int64_t i = 0; i < got[k].count(); ++i)
      CHECK(got[k].text(i) == texts.at(static_cast<size_t>(want[k].integer(i))));
  }
}

Tensor i64(std::vector<int64_t> shape, std::vector<int64_t> values) { return Tensor::i64(std::move(shape), values); }
NodeInput at(Tensor value, ModelShape shape = {}) { return at_run_time(std::move(value), std::move(shape)); }

TEST_CASE("strings: operators that shape, permute and repeat") {
  for (const bool known : {false, true}) {
    const NodeInput x{words({3, 1, 5}), known};
    check_moved({13, "Identity", {x}});
    check_moved({1, "Identity", {x}});
    check_moved({5, "Reshape", {x, fixed(i64({2}, {-1, 3}))}});
    check_moved({13, "Flatten", {x}, [](NodeRef& n) { n.attr("axis", 2); }});
    check_moved({11, "Squeeze", {x}, [](NodeRef& n) { n.ints("axes", {1}); }});
    check_moved({13, "Unsqueeze", {x, fixed(i64({2}, {0, -1}))}});
    check_moved({13, "Transpose", {x}, [](NodeRef& n) { n.ints("perm", {2, 0, 1}); }});
    check_moved({13, "Expand", {x, fixed(i64({4}, {2, 1, 7, 1}))}});
    check_moved({13, "Tile", {x, fixed(i64({3}, {2, 3, 1}))}});
    check_moved({13, "Shape", {x}});
    check_moved({13, "Size", {x}});
    check_moved(
        {13,
         "Slice",
         {x, fixed(i64({2}, {2, 4})), fixed(i64({2}, {-9, 0})), fixed(i64({2}, {0, 2})), fixed(i64({2}, {-1, -2}))}});
    check_moved({13, "Split", {x, fixed(i64({3}, {1, 0, 4}))}, [](NodeRef& n) { n.attr("axis", 2); }, 3});
    check_moved({18, "CenterCropPad", {x, fixed(i64({2}, {1, 3}))}, [](NodeRef& n) { n.ints("axes", {0, 2}); }});
    check_moved({11, "ReverseSequence", {NodeInput{words({4, 3, 2}), known}, at(i64({3}, {4, 0, 2}))}});
    check_moved(
        {13, "DepthToSpace", {NodeInput{words({1, 8, 2, 3}), known}}, [](NodeRef& n) { n.attr("blocksize", 2); }});
    check_moved(
        {13, "SpaceToDepth", {NodeInput{words({1, 2, 4, 6}), known}}, [](NodeRef& n) { n.attr("blocksize", 2); }});
  }
  check_moved({13, "Concat", {at(words({2, 0, 3})), at(words({2, 5, 3})), fixed(words({2, 1, 3}))}, [](NodeRef& n) {
                 n.attr("axis", 1);
               }});
  check_moved({13, "Transpose", {at(words({0, 4}), {"N", "M"})}});
  check_moved({13, "Transpose", {at(words({33, 17}), {"N", "M"})}});
}

TEST_CASE("strings: operators that pick by index or condition") {
  const Tensor x = words({4, 5});
  check_moved({13, "Gather", {at(x), at(i64({2, 2}, {0, -1, 3, 2}))}, [](NodeRef& n) { n.attr("axis", 0); }});
  check_moved({13, "Gather", {at(x), fixed(i64({}, {-2}))}, [](NodeRef& n) { n.attr("axis", 1); }});
  check_moved({13, "Gather", {fixed(x), at(i64({3}, {4, 0, -5}))}, [](NodeRef& n) { n.attr("axis", 1); }});
  check_moved({13, "Gather", {at(x), at(i64({0}, {}), {"K"})}});
  check_moved({13, "GatherElements", {at(x), at(i64({2, 5}, {0, 1, 2, 3, -1, -2, 0, 0, 1, 2}))}});
  check_moved({13, "GatherND", {at(x), at(i64({3, 2}, {0, 0, 3, 4, -1, -5}))}});
  check_moved({12, "GatherND", {at(x), at(i64({4, 1}, {0, 3, 4, -1}))}, [](NodeRef& n) { n.attr("batch_dims", 1); }});
  const NodeInput updates = at(words({2, 5}));
  check_moved({9, "Scatter", {at(x), at(i64({2, 5}, {0, 1, 2, 3, 0, 1, 0, 0, 1, 2})), updates}});
  check_moved({18, "ScatterElements", {fixed(x), at(i64({2, 5}, {0, 1, 2, 3, 0, 1, 0, 0, 1, 2})), updates}});
  check_moved({16, "ScatterND", {at(x), at(i64({2, 1}, {3, 0})), updates}});
  Tensor mask(DType::boolean, {4, 1});
  mask.set_integer(1, 1);
  mask.set_integer(3, 1);
  check_moved({16, "Where", {at(mask), at(x), at(words({5}))}});
  check_moved({9, "Where", {at(mask), at(x), fixed(words({1}))}});
  check_moved({9, "Where", {at(mask), fixed(words({})), fixed(words({1, 1}))}});
  check_moved({11, "Compress", {at(x), at(mask.reshaped({4}))}, [](NodeRef& n) { n.attr("axis", 0); }});
  check_moved({11, "Compress", {at(x), at(mask.reshaped({4}))}});
  check_moved({11, "OneHot", {at(i64({3}, {2, -1, 7})), fixed(i64({}, {4})), at(words({2}))}});
  check_moved({11, "OneHot", {at(i64({3}, {2, -1, 7})), fixed(i64({}, {4})), fixed(words({2}))}});
}

TEST_CASE("strings: nearest resizes repeat and drop them") {
  const Tensor x = words({1, 1, 3, 5});
  const auto nearest = [](NodeRef& n) {
    n.attr("mode", "nearest").attr("coordinate_transformation_mode", "asymmetric");
  };
  check_moved({13, "Resize", {at(x), missing(), fixed(Tensor::f32({4}, {1, 1, 2, 0.6f}))}, nearest});
  check_moved({9, "Upsample", {at(x), fixed(Tensor::f32({4}, {1, 1, 2, 1.5f}))}});
  const Error linear = error_of([&] {
    run_case({13, "Resize", {at(x), missing(), fixed(Tensor::f32({4}, {1, 1, 2, 2}))}, [](NodeRef& n) {
                n.attr("mode", "linear");
              }});
  });
  CHECK(linear.kind() == ErrorKind::Unsupported);
  CHECK(contains(linear, "X is string[1,1,3,5]: strings are moved only, in mode nearest"));
}

Texts texts(const Tensor& tensor) {
  Texts result;
  for (int64_t i = 0; i < tensor.count(); ++i) result.emplace_back(tensor.text(i));
  return result;
}

TEST_CASE("strings: what numbers fill with zeros, strings fill with empty ones") {
  const NodeInput x = at(Tensor::strings({3}, {"a", "b", "c"}));
  const auto pad = [&](std::vector<NodeInput> inputs, const char* mode) {
    return texts(run_case({19, "Pad", std::move(inputs), [&](NodeRef& n) { n.attr("mode", mode); }})[0]);
  };
  const NodeInput pads = fixed(i64({2}, {2, 1}));
  CHECK(pad({x, pads}, "constant") == Texts{"", "", "a", "b", "c", ""});
  CHECK(pad({x, pads, fixed(Tensor::strings({}, {"-"}))}, "constant") == Texts{"-", "-", "a", "b", "c", "-"});
  CHECK(pad({x, pads, at(Tensor::strings({}, {"-"}))}, "constant") == Texts{"-", "-", "a", "b", "c", "-"});
  CHECK(pad({x, pads}, "reflect") == Texts{"c", "b", "a", "b", "c", "b"});
  CHECK(pad({x, pads}, "edge") == Texts{"a", "a", "a", "b", "c", "c"});
  CHECK(pad({x, pads}, "wrap") == Texts{"b", "c", "a", "b", "c", "a"});
  CHECK(pad({at(Tensor(DType::string, {0})), pads}, "constant") == Texts{"", "", ""});
  CHECK(texts(run_case({18, "CenterCropPad", {x, fixed(i64({1}, {6}))}})[0]) == Texts{"", "a", "b", "c", "", ""});
  const Tensor square = Tensor::strings({2, 2}, {"a", "b", "c", "d"});
  CHECK(texts(run_case({14, "Trilu", {at(square)}})[0]) == Texts{"a", "b", "", "d"});
  CHECK(texts(run_case({14, "Trilu", {fixed(square), at(i64({}, {0}))}, [](NodeRef& n) { n.attr("upper", 0); }})[0]) ==
        Texts{"a", "", "c", "d"});
}

TEST_CASE("strings: constants of every form") {
  ModelBuilder model(13);
  model.input("i", DType::i64, {"K"}).output("a").output("b").output("c").output("d");
  model.initializer("table", Tensor::strings({3}, {"naïve", "", "日本"}));
  model.node("Constant", {}, {"one"}).attr("value_string", "only");
  model.node("Constant", {}, {"two"}).strings("value_strings", {"x", "y"});
  model.constant("three", Tensor::strings({1, 1}, {"z"}));
  model.node("Gather", {"table", "i"}, {"a"});
  model.node("Identity", {"one"}, {"b"});
  model.node("Gather", {"two", "i"}, {"c"});
  model.node("Identity", {"three"}, {"d"});
  const auto got = run_both_ways(model, {i64({4}, {1, 0, -2, 1})});
  CHECK(texts(got[0]) == Texts{"", "naïve", "", ""});
  CHECK(texts(got[1]) == Texts{"only"});
  CHECK(got[1].rank() == 0);
  CHECK(texts(got[2]) == Texts{"y", "x", "x", "y"});
  CHECK(got[3].identical(Tensor::strings({1, 1}, {"z"})));
}

TEST_CASE("strings: both branches of an If, of equal and of different sizes") {
  for (const bool same : {true, false}) {
    ModelBuilder model(16);
    model.input("c", DType::boolean, {}).input("x", DType::string, {"N", 2}).input("keep", DType::boolean, {"N"});
    model.output("y", DType::string, {"", 2});
    GraphBuilder yes("yes"), no("no");
    yes.output("b");
    yes.node("Compress", {"x", "keep"}, {"b"}).attr("axis", 0);
    if (same) {
      yes = GraphBuilder("same");
      yes.output("b");
      yes.node("Identity", {"x"}, {"b"});
    }
    no.output("e");
    no.initializer("word", Tensor::strings({1, 1}, {"no"}));
    no.node("Shape", {"x"}, {"s"});
    no.node("Expand", {"word", "s"}, {"e"});
    model.node("If", {"c"}, {"y"}).attr("then_branch", yes).attr("else_branch", no);
    const Tensor x = Tensor::strings({3, 2}, {"a", "b", "c", "d", "e", "f"}),
                 keep = Tensor::of<uint8_t>(DType::boolean, {3}, std::vector<uint8_t>{1, 0, 1});
    const Tensor on = Tensor::scalar_int(DType::boolean, 1), off = Tensor::scalar_int(DType::boolean, 0);
    CHECK(texts(run_all_ways(model, {on, x, keep})[0]) ==
          (same ? Texts{"a", "b", "c", "d", "e", "f"} : Texts{"a", "b", "e", "f"}));
    CHECK(texts(run_all_ways(model, {off, x, keep})[0]) == Texts(6, "no"));
  }
}

/// newest' = keep[step] ? x[step] : newest, also as a row.
GraphBuilder newest_body(bool counted) {
  GraphBuilder body("body");
  body.input("step", DType::i64, {}).input("go", DType::boolean, {}).input("newest", DType::string, {2});
  body.output("go_on").output("next").output("row");
  body.node("Gather", {"keep", "step"}, {"k"}).attr("axis", 0);
  body.node("Gather", {"x", "step"}, {"here"}).attr("axis", 0);
  body.node("Where", {"k", "here", "newest"}, {"next"});
  body.node("Identity", {"next"}, {"row"});
  if (counted)
    body.node("Identity", {"go"}, {"go_on"});
  else
    body.node("Gather", {"more", "step"}, {"go_on"});
  return body;
}

TEST_CASE("strings: a Loop carries and stacks them, counted or ended by its condition") {
  for (const bool counted : {true, false}) {
    ModelBuilder model(16);
    model.input("x", DType::string, {"T", 2}).input("keep", DType::boolean, {"T"}).input("more", DType::boolean, {"T"});
    model.input("go", DType::boolean, {}).input("start", DType::string, {2}).output("y").output("rows");
    model.node("Shape", {"x"}, {"s"});
    model.constant("0", i64({}, {0}));
    model.node("Gather", {"s", "0"}, {"t"});
    model.node("Loop", {"t", counted ? "" : "go", "start"}, {"y", "rows"}).attr("body", newest_body(counted));
    const Tensor x = Tensor::strings({3, 2}, {"a", "b", "c", "d", "e", "f"}),
                 start = Tensor::strings({2}, {"", "start"});
    const Tensor keep = Tensor::of<uint8_t>(DType::boolean, {3}, std::vector<uint8_t>{0, 1, 0}),
                 more = Tensor::of<uint8_t>(DType::boolean, {3}, std::vector<uint8_t>{1, 0, 1});
    const Tensor yes = Tensor::scalar_int(DType::boolean, 1);
    const auto got = run_all_ways(model, {x, keep, more, yes, start});
    CHECK(texts(got[0]) == Texts{"c", "d"});
    CHECK(texts(got[1]) == (counted ? Texts{"", "start", "c", "d", "c", "d"} : Texts{"", "start", "c", "d"}));
    const auto none = run_all_ways(
        model, {Tensor(DType::string, {0, 2}), Tensor(DType::boolean, {0}), Tensor(DType::boolean, {0}), yes, start});
    CHECK(texts(none[0]) == Texts{"", "start"});
    CHECK(none[1].shape() == std::vector<int64_t>{0, 2});
  }
}

TEST_CASE("strings: a Scan, and the rows behind a sequence's end in opset 8") {
  GraphBuilder body("body");
  body.input("state", DType::string, {}).input("in", DType::string, {}).output("next").output("out");
  body.node("Identity", {"in"}, {"next"});
  body.node("Identity", {"state"}, {"out"});
  ModelBuilder model(16);
  model.input("s", DType::string, {}).input("x", DType::string, {"T"}).output("last").output("late");
  model.node("Scan", {"s", "x"}, {"last", "late"}).attr("num_scan_inputs", 1).attr("body", body);
  const auto got = run_all_ways(model, {Tensor::strings({}, {"first"}), Tensor::strings({3}, {"a", "b", "c"})});
  CHECK(texts(got[0]) == Texts{"c"});
  CHECK(texts(got[1]) == Texts{"first", "a", "b"});

  ModelBuilder old(8);
  old.input("lengths", DType::i64, {"N"}).input("s", DType::string, {"N"}).input("x", DType::string, {"N", "T"});
  old.output("last").output("late");
  old.node("Scan", {"lengths", "s", "x"}, {"last", "late"}).attr("num_scan_inputs", 1).attr("body", body);
  const auto padded = run_all_ways(
      old,
      {i64({2}, {1, 3}), Tensor::strings({2}, {"p", "q"}), Tensor::strings({2, 3}, {"a", "b", "c", "d", "e", "f"})},
      {.dims = {{"N", 2}}});
  CHECK(texts(padded[0]) == Texts{"a", "f"});
  CHECK(texts(padded[1]) == Texts{"p", "", "", "q", "d", "e"});
}

TEST_CASE("strings: sequences and optionals of them") {
  ModelBuilder model(18);
  const auto type = sequence_of(tensor_type(DType::string, {"N"}));
  model.input("s", type).input("x", DType::string, {"T", 2}).input("p", DType::i64, {});
  model.output("n", DType::i64, {})
      .output("picked")
      .output("joined")
      .output("t", type)
      .output("has", DType::boolean, {});
  model.output("o", optional_of(tensor_type(DType::string, {"T", 2})));
  model.node("SequenceEmpty", {}, {"empty"}).attr("dtype", 8);
  model.node("SequenceInsert", {"empty", "x"}, {"one"});
  model.node("SequenceLength", {"one"}, {"n"});
  model.node("SplitToSequence", {"x"}, {"rows"}).attr("keepdims", 0);
  model.node("SequenceAt", {"rows", "p"}, {"picked"});
  model.constant("front", i64({}, {0}));
  model.node("SequenceErase", {"rows", "front"}, {"rest"});
  model.node("ConcatFromSequence", {"rest"}, {"joined"}).attr("axis", 0).attr("new_axis", 1);
  GraphBuilder body("body");
  body.input("e", DType::string, {""}).output("r", DType::string, {""});
  body.node("Concat", {"e", "e"}, {"r"}).attr("axis", 0);
  model.node("SequenceMap", {"s"}, {"t"}).attr("body", body);
  model.node("Optional", {"x"}, {"o"});
  model.node("OptionalHasElement", {"o"}, {"has"});
  const Tensor x = Tensor::strings({3, 2}, {"a", "b", "c", "d", "e", "f"});
  const auto got = run_all_ways(model, {Tensor::strings({1}, {"u"}), Tensor::strings({2}, {"v", ""}), x, i64({}, {-2})},
                                {.input_shapes = {{"s.0", {1}}, {"s.1", {2}}}, .sequence_lengths = {{"s", 2}}});
  REQUIRE(got.size() == 7);
  CHECK(got[0].integer(0) == 1);
  CHECK(texts(got[1]) == Texts{"c", "d"});
  CHECK(texts(got[2]) == Texts{"c", "d", "e", "f"});
  CHECK(texts(got[3]) == Texts{"u", "u"});
  CHECK(texts(got[4]) == Texts{"v", "", "v", ""});
  CHECK(got[5].integer(0) == 1);
  CHECK(got[6].identical(x));
}

TEST_CASE("strings: operators that compute with them are refused by name") {
  const NodeInput x = at(words({3}));
  const auto refusal = [](const NodeCase& c) {
    const Error error = error_of([&] { import_built(build_case(c)); });
    CHECK(error.kind() == ErrorKind::Unsupported);
    return std::string(error.what());
  };
  for (const char* op : {"NonZero", "Unique", "CastLike", "Add", "Relu", "StringNormalizer", "TfIdfVectorizer"}) {
    CAPTURE(op);
    const std::string text = refusal({18, op, {x}});
    CHECK(text.find(op) != std::string::npos);
    CHECK(text.find("strings are moved, and ") != std::string::npos);
  }
  CHECK(refusal({19, "Equal", {x, x}}) ==
        "test.onnx: Equal \"node\": input 0 (\"in0\") is string[3]: strings are moved, and no operator computes with "
        "them (opset 19)");
  const auto to = [](int type) { return [type](NodeRef& n) { n.attr("to", type); }; };
  CHECK(refusal({13, "Cast", {x}, to(1)}).find("in0\") is string[3]") != std::string::npos);
  CHECK(refusal({13, "Cast", {at(i64({1}, {1}))}, to(8)}).find("element type STRING is not supported here") !=
        std::string::npos);
  CHECK(refusal({13, "Cast", {fixed(i64({1}, {1}))}, to(8)}).find("element type STRING is not supported here") !=
        std::string::npos);
  CHECK(refusal({20, "StringConcat", {x, x}}).find("strings are moved, and nothing else") != std::string::npos);
}

TEST_CASE("strings: faults of models") {
  const auto fault = [](auto&& fill, ErrorKind kind = ErrorKind::BadInput) {
    ModelBuilder model(16);
    model.input("x", DType::string, {2}).output("y");
    fill(model);
    const Error error = error_of([&] { import_built(model); });
    CHECK(error.kind() == kind);
    return std::string(error.what());
  };
  const auto initializer = [&](auto&& change) {
    return fault([&](ModelBuilder& model) {
      onnx::TensorProto proto = tensor_proto("w", Tensor::strings({2}, {"a", "b"}));
      change(proto);
      *model.graph().add_initializer() = proto;
      model.node("Concat", {"x", "w"}, {"y"}).attr("axis", 0);
    });
  };
  CHECK(initializer([](auto& proto) { proto.set_string_data(1, std::string("a\0b", 3)); }) ==
        "test.onnx: initializer \"w\": string 1 of string[2] holds a NUL character, which is not supported");
  CHECK(initializer([](auto& proto) { proto.set_raw_data("abcdefghijklmnop"); }).find("expected string_data") !=
        std::string::npos);
  CHECK(initializer([](auto& proto) { proto.add_string_data("c"); }).find("got 3 elements, expected 2") !=
        std::string::npos);
  CHECK(fault([](ModelBuilder& model) {
          model.node("Gather", {"x", "x"}, {"y"}).name("g");
        }).find("expected integers") != std::string::npos);
  CHECK(fault([](ModelBuilder& model) { model.node("Where", {"x", "x", "x"}, {"y"}); }).find("bool") !=
        std::string::npos);
  CHECK(fault(
            [](ModelBuilder& model) {
              model.node("ConstantOfShape", {"x"}, {"y"}).attr("value", Tensor::strings({1}, {"a"}));
            },
            ErrorKind::Unsupported)
            .find("is string[2]") != std::string::npos);
  CHECK(fault([](ModelBuilder& model) {
          model.constant("s", i64({1}, {2}));
          model.node("ConstantOfShape", {"s"}, {"y"}).attr("value", Tensor::strings({1}, {"a"}));
        }).find("attribute value is string[1], expected a number") != std::string::npos);
  ModelBuilder model(16);
  model.input("x", DType::string, {2}).output("y").node("Identity", {"x"}, {"y"});
  const Error error = error_of([&] { import_built(model, {.input_values = {{"x", words({2})}}}); });
  CHECK(error.kind() == ErrorKind::Unsupported);
  CHECK(contains(error, "input \"x\": strings cannot be given a fixed value"));
}

}  // namespace
