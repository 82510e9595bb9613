// Semantics that changed between opsets, and forms that the backend suite leaves out.
#include <functional>
#include <map>

#include "tests/frontend/import_support.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Numbers = std::vector<double>;

/// One node on inputs of the given values, all of them run-time inputs.
Numbers run_node(int64_t opset, const char* op, const std::vector<Tensor>& inputs,
                 const std::function<void(NodeRef&)>& attributes = {}, const std::vector<Tensor>& constants = {}) {
  ModelBuilder model(opset);
  std::vector<std::string> names;
  for (const auto* group : {&inputs, &constants}) {
    for (const Tensor& tensor : *group) {
      names.push_back("i" + std::to_string(names.size()));
      ModelShape shape(tensor.shape().begin(), tensor.shape().end());
      if (group == &inputs)
        model.input(names.back(), tensor.dtype(), shape);
      else
        model.initializer(names.back(), tensor);
    }
  }
  model.output("y", DType::f32, {});
  NodeRef node = model.node(op, names, {"y"});
  if (attributes) attributes(node);
  return numbers(run_built(model, inputs)[0]);
}

TEST_CASE("broadcasting before opset 7 is explicit") {
  const Tensor a = Tensor::f32({2, 2}, {1, 2, 3, 4}), b = Tensor::f32({2}, {10, 20});
  CHECK(run_node(6, "Add", {a, b}, [](NodeRef& n) { n.attr("broadcast", 1); }) == Numbers{11, 22, 13, 24});
  CHECK(run_node(6, "Add", {a, b}, [](NodeRef& n) { n.attr("broadcast", 1).attr("axis", 0); }) ==
        Numbers{11, 12, 23, 24});
  CHECK_THROWS_AS(run_node(6, "Add", {a, b}), const Error&);
  CHECK_THROWS_AS(run_node(7, "Add", {a, b}, [](NodeRef& n) { n.attr("broadcast", 1); }), const Error&);
  CHECK(run_node(7, "Add", {a, b}) == Numbers{11, 22, 13, 24});
}

TEST_CASE("Softmax before opset 13 normalises the flattened tail") {
  const Tensor x(DType::f32, {2, 2, 2});
  for (const double p : run_node(12, "Softmax", {x})) CHECK(p == doctest::Approx(0.25));
  for (const double p : run_node(13, "Softmax", {x})) CHECK(p == doctest::Approx(0.5));
  for (const double p : run_node(12, "Softmax", {x}, [](NodeRef& n) { n.attr("axis", 0); }))
    CHECK(p == doctest::Approx(0.125));
}

TEST_CASE("attributes that became inputs") {
  const Tensor x = Tensor::f32({1, 4}, {-5, 1, 2, 9});
  const auto i64s = [](std::vector<int64_t> v) { return Tensor::i64({static_cast<int64_t>(v.size())}, v); };
  const Numbers clipped = {-1, 1, 2, 3};
  CHECK(run_node(6, "Clip", {x}, [](NodeRef& n) { n.attr("min", -1.0).attr("max", 3.0); }) == clipped);
  CHECK(run_node(11, "Clip", {x}, {}, {Tensor::f32({}, {-1}), Tensor::f32({}, {3})}) == clipped);
  const Numbers sliced = {1, 2};
  CHECK(run_node(9, "Slice", {x}, [](NodeRef& n) { n.ints("starts", {1}).ints("ends", {3}).ints("axes", {1}); }) ==
        sliced);
  CHECK(run_node(10, "Slice", {x}, {}, {i64s({1}), i64s({3}), i64s({1})}) == sliced);
  const Numbers padded = {7, -5, 1, 2, 9};
  CHECK(run_node(2, "Pad", {x}, [](NodeRef& n) { n.ints("pads", {0, 1, 0, 0}).attr("value", 7.0); }) == padded);
  CHECK(run_node(11, "Pad", {x}, {}, {i64s({0, 1, 0, 0}), Tensor::f32({}, {7})}) == padded);
  CHECK(run_node(18, "Pad", {x}, {}, {i64s({1, 0}), Tensor::f32({}, {7}), i64s({1})}) == padded);
  CHECK(run_node(11, "Pad", {x}, {}, {i64s({0, -1, 0, -1})}) == Numbers{1, 2});
  CHECK(run_node(12, "ReduceSum", {x}, [](NodeRef& n) { n.ints("axes", {1}); }) == Numbers{7});
  CHECK(run_node(13, "ReduceSum", {x}, {}, {i64s({1})}) == Numbers{7});
  CHECK(run_node(13, "ReduceSum", {x}, [](NodeRef& n) { n.attr("noop_with_empty_axes", 1); }) == Numbers{-5, 1, 2, 9});
  CHECK(run_node(11, "Squeeze", {x}, [](NodeRef& n) { n.ints("axes", {0}); }) == numbers(x));
  CHECK(run_node(1, "Reshape", {x}, [](NodeRef& n) { n.ints("shape", {2, -1}); }) == numbers(x));
}

TEST_CASE("Split: uneven parts from opset 18 on") {
  ModelBuilder model(18);
  model.input("x", DType::f32, {5})
      .output("a", DType::f32, {2})
      .output("b", DType::f32, {2})
      .output("c", DType::f32, {1});
  model.node("Split", {"x"}, {"a", "b", "c"}).attr("num_outputs", 3);
  const auto parts = run_built(model, {Tensor::f32({5}, {1, 2, 3, 4, 5})});
  CHECK(numbers(parts[0]) == Numbers{1, 2});
  CHECK(numbers(parts[2]) == Numbers{5});
}

TEST_CASE("operators younger than the backend suite at hand") {
  const Tensor x = Tensor::f32({3}, {-1, 0, 2});
  CHECK(run_node(20, "Gelu", {x})[2] == doctest::Approx(1.9544997));
  CHECK(run_node(20, "Gelu", {x}, [](NodeRef& n) { n.attr("approximate", "tanh"); })[2] == doctest::Approx(1.9545977));
  CHECK(run_node(18, "Mish", {x})[2] == doctest::Approx(1.9439590));
  CHECK(run_node(18, "BitwiseAnd", {Tensor::i64({2}, {6, 12}), Tensor::i64({2}, {3, 8})}) == Numbers{2, 8});
  const Tensor g = Tensor::f32({1, 4, 1}, {1, 3, 10, 20});
  const auto groups = [](NodeRef& n) { n.attr("num_groups", 2).attr("epsilon", 0.0); };
  const Numbers by_group =
      run_node(18, "GroupNormalization", {g}, groups, {Tensor::f32({2}, {1, 2}), Tensor::f32({2}, {0, 5})});
  CHECK(by_group == Numbers{-1, 1, 3, 7});
  const Numbers by_channel =
      run_node(21, "GroupNormalization", {g}, groups, {Tensor::f32({4}, {1, 1, 2, 2}), Tensor::f32({4}, {0, 0, 5, 5})});
  CHECK(by_channel == Numbers{-1, 1, 3, 7});
  CHECK(run_node(19, "Pad", {x}, [](NodeRef& n) { n.attr("mode", "wrap"); }, {Tensor::i64({2}, {1, 0})}) ==
        Numbers{2, -1, 0, 2});
}

TEST_CASE("Einsum: chains, ellipses, diagonals, implied results") {
  const Tensor a = Tensor::f32({2, 3}, {1, 2, 3, 4, 5, 6}), v = Tensor::f32({3}, {1, 10, 100}),
               s = Tensor::f32({2, 2}, {1, 2, 3, 4});
  const auto einsum = [](const char* equation, const std::vector<Tensor>& inputs) {
    return run_node(12, "Einsum", inputs, [&](NodeRef& n) { n.attr("equation", equation); });
  };
  CHECK(einsum("ij,j->i", {a, v}) == Numbers{321, 654});
  CHECK(einsum("ij->ji", {a}) == Numbers{1, 4, 2, 5, 3, 6});
  CHECK(einsum("ji", {a}) == Numbers{1, 4, 2, 5, 3, 6});
  CHECK(einsum("ij,jk", {s, a}) == Numbers{9, 12, 15, 19, 26, 33});
  CHECK(einsum("ii->i", {s}) == Numbers{1, 4});
  CHECK(einsum("ii", {s}) == Numbers{5});
  CHECK(einsum("...j,j->...", {a, v}) == Numbers{321, 654});
  CHECK(einsum("ki,ij,j->k", {s, a, v}) == Numbers{321 + 2 * 654, 3 * 321 + 4 * 654});
  CHECK(einsum("ij,kl->", {s, s}) == Numbers{100});
  CHECK(einsum("i,j->ij", {Tensor::f32({2}, {1, 2}), Tensor::f32({2}, {3, 4})}) == Numbers{3, 4, 6, 8});
}

TEST_CASE("MatMul broadcasts batches without copies of the smaller side") {
  const Tensor a = Tensor::f32({2, 1, 1, 2}, {1, 2, 3, 4}), b = Tensor::f32({3, 2, 1}, {1, 1, 1, 10, 0, 5});
  CHECK(run_node(13, "MatMul", {a, b}) == Numbers{3, 21, 10, 7, 43, 20});
}

TEST_CASE("a model-local function is expanded, with its attributes") {
  ModelBuilder model(15);
  model.opset("own", 1).input("x", DType::f32, {2}).output("y", DType::f32, {2});
  model.node("Leak", {"x"}, {"y"}).domain("own").name("call").attr("slope", 0.5);
  onnx::ModelProto proto = model.build();
  auto* function = proto.add_functions();
  function->set_name("Leak");
  function->set_domain("own");
  function->add_input("a");
  function->add_output("b");
  function->add_attribute("slope");
  function->add_opset_import()->set_version(15);
  auto* node = function->add_node();
  node->set_op_type("LeakyRelu");
  node->add_input("a");
  node->add_output("b");
  auto* attribute = node->add_attribute();
  attribute->set_name("alpha");
  attribute->set_type(onnx::AttributeProto::FLOAT);
  attribute->set_ref_attr_name("slope");
  const auto imported = import_bytes(proto.SerializeAsString());
  CHECK(numbers(ir::interpret(*imported, {Tensor::f32({2}, {-4, 3})})[0]) == Numbers{-2, 3});
}

TEST_CASE("initializers of every type, raw and typed, and as old inputs") {
  for (int code = 0; code < ir::kDTypeCount; ++code) {
    const auto type = static_cast<DType>(code);
    CAPTURE(ir::name(type));
    Tensor value(type, {2});
    if (type == DType::string) value = Tensor::strings({2}, {"one", ""});
    if (ir::is_arithmetic(type)) value.set_integer(0, 1);
    if (ir::is_arithmetic(type)) value.set_integer(1, ir::is_unsigned_integer(type) || type == DType::boolean ? 0 : -1);
    for (const bool raw : {true, false}) {
      ModelBuilder model(14);
      model.input("x", DType::f32, {1}).output("y", type, {2});
      *model.graph().add_initializer() = tensor_proto("w", value, raw);
      model.node("Identity", {"w"}, {"y"});
      CHECK(run_built(model, {Tensor::f32({1}, {0})})[0].identical(value));
    }
  }
  ModelBuilder old(8);
  old.ir_version(3).input("x", DType::f32, {2}).output("y", DType::f32, {2});
  old.initializer("w", Tensor::f32({2}, {3, 4}));
  old.node("Mul", {"x", "w"}, {"y"});
  const auto function = import_built(old);
  CHECK(function->body().argument_count() == 1);
}

TEST_CASE("tensor files: what is written is read") {
  const TempDir dir;
  const std::string file = (dir / "t.pb").string();
  const Tensor value = Tensor::f32({2, 1, 3}, {1, 2, 3, 4, 5, 6});
  frontend::save_tensor_proto(file, value, "weights");
  std::string name;
  CHECK(frontend::load_tensor_proto(file, &name).identical(value));
  CHECK(name == "weights");
  CHECK_THROWS_AS(frontend::save_tensor_proto((dir / "absent/t.pb").string(), value, "w"), const Error&);
  CHECK_THROWS_AS(frontend::load_tensor_proto((dir / "absent.pb").string()), const Error&);
}

TEST_CASE("the summary of a model") {
  const TempDir dir;
  ModelBuilder model(14);
  model.input("x", DType::f32, {"N", 3, ""}).output("y", DType::f32, {"N", 3});
  model.initializer("w", Tensor::f32({3, 1}, {1, 2, 3}));
  model.node("Mul", {"x", "w"}, {"z"});
  model.node("Neg", {"z"}, {"y"});
  const auto summary = frontend::summarize_model(model.save(dir / "m.onnx").string());
  CHECK(summary.opsets.at("ai.onnx") == 14);
  CHECK(summary.operators == std::map<std::string, int64_t>{{"Mul", 1}, {"Neg", 1}});
  REQUIRE(summary.inputs.size() == 1);
  CHECK(summary.inputs[0].type == "f32[N,3,?]");
  CHECK(summary.inputs[0].tensor->str() == "f32[N,3,x_dim2]");
  CHECK(summary.initializer_bytes == 12);
}

}  // namespace
