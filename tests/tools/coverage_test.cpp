// seqc inspect --coverage and --operators.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc::test;
using nlohmann::json;

namespace {

/// The entry of a node by name; fails the test if there is none, or two.
json node(const json& report, const std::string& name) {
  json found;
  int count = 0;
  for (const json& entry : report["nodes"])
    if (entry["name"] == name) found = entry, ++count;
  CAPTURE(name);
  REQUIRE(count == 1);
  return found;
}

bool has(const json& text, const std::string& part) { return text.get<std::string>().find(part) != std::string::npos; }

/// x -> Foo -> relu, x -> RegexFullMatch, relu -> Softmax with an unknown attribute; what Foo gives has no known type.
ModelBuilder several_faults() {
  ModelBuilder model(20);
  model.opset("my.ops", 3);
  model.input("x", DType::f32, {"N", 5}).output("y", DType::f32, {"N", 5}).output("z", DType::boolean, {"N", 5});
  model.node("Relu", {"x"}, {"a"}).name("first");
  model.node("Foo", {"a"}, {"b"}).name("foo").domain("my.ops").attr("alpha", 2);
  model.node("Relu", {"b"}, {"c"}).name("behind");
  model.node("RegexFullMatch", {"x"}, {"z"}).name("regex").attr("pattern", "a");
  model.node("Softmax", {"a"}, {"d"}).name("softmax").attr("color", "red");
  model.node("Tanh", {"d"}, {"e"}).name("tanh");
  model.node("Add", {"c", "e"}, {"y"}).name("sum");
  model.node("StringConcat", {"x", "x"}, {"unused"}).name("unused");
  return model;
}

}  // namespace

TEST_CASE("seqc inspect --coverage: all refusals at once") {
  const TempDir folder;
  const std::string model = several_faults().save(folder / "m.onnx").string();
  const ToolResult result = run_seqc({"inspect", "--coverage", model, "--json"});
  CHECK(result.err == "");
  CHECK(result.exit_code == 1);
  const json report = json::parse(result.out);
  CHECK(report["complete"] == false);
  CHECK(node(report, "first")["state"] == "compiled");
  CHECK(node(report, "foo")["state"] == "refused");
  CHECK(node(report, "foo")["opset"] == 3);
  CHECK(has(node(report, "foo")["message"], "operator Foo of domain my.ops, version 3 is not supported"));
  CHECK(node(report, "behind")["state"] == "not reached");
  CHECK(has(node(report, "behind")["message"], "depends on a refused node"));
  CHECK(has(node(report, "regex")["message"], "strings"));
  CHECK(node(report, "softmax")["state"] == "refused");
  CHECK(has(node(report, "softmax")["message"], "attribute color is not known in opset 20"));
  CHECK(node(report, "tanh")["state"] == "compiled");  // shape inference knows what Softmax gives
  CHECK(node(report, "sum")["state"] == "not reached");
  CHECK(node(report, "unused")["state"] == "not needed");
  CHECK(report["operators"]["Relu"]["compiled"] == 1);
  CHECK(report["refused"] == 3);

  const ToolResult text = run_seqc({"inspect", "--coverage", model});
  CHECK(text.exit_code == 1);
  CHECK(text.out.find("8 nodes, 2 compiled, 3 refused, 2 not reached, 1 not needed") != std::string::npos);
  CHECK(text.out.find("  Softmax \"softmax\", opset 20\n") != std::string::npos);
}

TEST_CASE("seqc inspect --coverage: subgraphs and functions") {
  const TempDir folder;
  GraphBuilder body("body");
  body.input("i", DType::i64, {}).input("go", DType::boolean, {}).input("s", DType::f32, {3});
  body.output("go_on", DType::boolean, {}).output("next", DType::f32, {3});
  body.node("Identity", {"go"}, {"go_on"}).name("same");
  body.node("StringNormalizer", {"s"}, {"t"}).name("strings");
  body.node("Tanh", {"s"}, {"next"}).name("inside");
  body.node("Bar", {"s"}, {"u"}).name("not needed");
  GraphBuilder other("other"), chosen("chosen");
  chosen.output("then", DType::f32, {3}).node("Baz", {"x"}, {"then"}).name("in branch");
  other.output("else", DType::f32, {3}).node("Relu", {"x"}, {"else"}).name("never taken");
  ModelBuilder model(16);
  model.input("x", DType::f32, {3}).output("y", DType::f32, {3}).output("w", DType::f32, {3});
  model.initializer("steps", Tensor::i64({}, {4})).initializer("yes", Tensor::scalar_int(DType::boolean, 1));
  model.node("Loop", {"steps", "yes", "x"}, {"y"}).name("loop").attr("body", body);
  model.node("If", {"yes"}, {"w"}).name("if").attr("then_branch", chosen).attr("else_branch", other);
  auto proto = model.build();
  auto* function = proto.add_functions();
  function->set_name("F"), function->set_domain("f"), function->add_input("p"), function->add_output("q");
  auto* import = function->add_opset_import();
  import->set_version(16);
  auto* inner = function->add_node();
  inner->set_op_type("Unheard"), inner->set_name("in function"), inner->add_input("p"), inner->add_output("q");
  auto* domain = proto.add_opset_import();
  domain->set_domain("f"), domain->set_version(1);
  auto* call = proto.mutable_graph()->add_node();
  call->set_op_type("F"), call->set_domain("f"), call->set_name("call"), call->add_input("x"), call->add_output("v");
  proto.mutable_graph()->add_output()->set_name("v");
  write_file(folder / "m.onnx", proto.SerializeAsString());

  const json report = json::parse(run_seqc({"inspect", "--coverage", (folder / "m.onnx").string(), "--json"}).out);
  CHECK(node(report, "inside")["state"] == "compiled");
  CHECK(node(report, "inside")["graph"] == "Loop \"loop\" > body");
  CHECK(node(report, "strings")["state"] == "not needed");
  CHECK(node(report, "not needed")["state"] == "not needed");
  CHECK(node(report, "loop")["state"] == "compiled");
  CHECK(node(report, "in branch")["state"] == "refused");
  CHECK(node(report, "in branch")["graph"] == "If \"if\" > then_branch");
  CHECK(node(report, "never taken")["state"] == "not needed");
  CHECK(node(report, "in function")["state"] == "refused");
  CHECK(has(node(report, "in function")["graph"], "F \"call\" > F"));
  CHECK(node(report, "call")["state"] == "not reached");
}

TEST_CASE("seqc inspect --coverage: a model that compiles, and faults of the model as a whole") {
  const TempDir folder;
  const ToolResult good = run_seqc({"inspect", "--coverage", save_lstm(folder / "lstm.onnx").string()});
  CHECK(good.err == "");
  CHECK(good.exit_code == 0);
  CHECK(good.out.find("1 nodes, 1 compiled\n") != std::string::npos);

  ModelBuilder model(13);
  model.input("x", DType::f32, {2}).output("y", DType::f32, {2}).node("Add", {"x", "s"}, {"y"}).name("sum");
  model.node("Neg", {"x"}, {"z"}).name("neg");
  model.output("z", DType::f32, {2});
  model.input("waves", DType::f32, {2});
  auto proto = model.build();
  auto* complex = proto.mutable_graph()->add_initializer();
  complex->set_name("s"), complex->set_data_type(onnx::TensorProto::COMPLEX64), complex->add_dims(0);
  proto.mutable_graph()->mutable_input(1)->mutable_type()->mutable_tensor_type()->set_elem_type(
      onnx::TensorProto::COMPLEX64);
  write_file(folder / "m.onnx", proto.SerializeAsString());
  const ToolResult bad = run_seqc({"inspect", "--coverage", (folder / "m.onnx").string(), "--json"});
  CHECK(bad.exit_code == 1);
  const json report = json::parse(bad.out);
  REQUIRE(report["faults"].size() == 2);
  CHECK(has(report["faults"][0], "input \"waves\""));
  CHECK(has(report["faults"][1], "initializer \"s\""));
  CHECK(node(report, "neg")["state"] == "compiled");
  CHECK(node(report, "sum")["state"] == "not reached");

  CHECK(is_one_error(run_seqc({"inspect", "--coverage", (folder / "none.onnx").string()}), "none.onnx"));
}

TEST_CASE("seqc inspect --operators: the table in frontend/onnx/OPERATORS.md") {
  const std::filesystem::path file = SEQC_SOURCE_DIR "/frontend/onnx/OPERATORS.md";
  const ToolResult result = run_seqc({"inspect", "--operators"});
  REQUIRE(result.exit_code == 0);
  if (const char* rewrite = std::getenv("SEQC_REWRITE"); rewrite && std::string(rewrite) == "1")
    write_file(file, result.out);
  // SEQC_REWRITE=1 writes the table anew after a change of the operators.
  CHECK(read_file(file) == result.out);

  const json rows = json::parse(run_seqc({"inspect", "--operators", "--json"}).out);
  const auto row = [&](const std::string& name) {
    const auto it = std::find_if(rows.begin(), rows.end(), [&](const json& r) { return r["name"] == name; });
    REQUIRE(it != rows.end());
    return *it;
  };
  CHECK(row("LSTM")["support"] == "imported");
  CHECK(row("LSTM")["versions"] == std::vector<int>{1, 7, 14, 22});
  CHECK(row("Scan")["since"] == 8);
  CHECK(row("StringNormalizer")["support"] == "refused");
  CHECK(row("Gather")["strings"] == true);
  CHECK(row("Unique")["strings"] == false);
  CHECK(run_seqc({"inspect", "--operators", "m.onnx"}).exit_code == 2);
  CHECK(run_seqc({"inspect"}).exit_code == 2);
}
