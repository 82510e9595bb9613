// Which models draw random numbers, as told from the file.
#include "tests/frontend/import_support.h"

namespace {

using namespace seqc;
using namespace seqc::test;

bool draws(const onnx::ModelProto& model, const std::map<std::string, Tensor>& inputs = {}) {
  const TempDir folder;
  write_file(folder / "m.onnx", model.SerializeAsString());
  return frontend::draws_random_numbers((folder / "m.onnx").string(), inputs);
}
bool draws(const ModelBuilder& model, const std::map<std::string, Tensor>& inputs = {}) {
  return draws(model.build(), inputs);
}

ModelBuilder with_node(const char* op, int64_t opset = 15) {
  ModelBuilder model(opset);
  model.input("x", DType::f32, {3}).output("y");
  model.node(op, {"x"}, {"y"});
  return model;
}

TEST_CASE("random operators are found by name") {
  for (const char* op :
       {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"})
    CHECK(draws(with_node(op)));
  for (const char* op : {"Relu", "Dropout"}) CHECK_FALSE(draws(with_node(op)));
  ModelBuilder other(15);  // of another domain
  other.opset("mine", 1).input("x", DType::f32, {3}).output("y");
  other.node("Bernoulli", {"x"}, {"y"}).domain("mine");
  CHECK_FALSE(draws(other));
}

TEST_CASE("Dropout is random unless it certainly does not train") {
  const Tensor half = Tensor::scalar(DType::f32, 0.5), none = Tensor::scalar(DType::f32, 0);
  const Tensor yes = Tensor::scalar(DType::boolean, 1), no = Tensor::scalar(DType::boolean, 0);
  ModelBuilder model(13);
  model.input("x", DType::f32, {3}).input("r", DType::f32, {}).input("t", DType::boolean, {}).output("y");
  model.node("Dropout", {"x", "r", "t"}, {"y"});
  CHECK(draws(model));
  CHECK(draws(model, {{"r", half}, {"t", yes}}));
  CHECK_FALSE(draws(model, {{"r", half}, {"t", no}}));
  CHECK_FALSE(draws(model, {{"r", none}, {"t", yes}}));
  ModelBuilder constant(13);
  constant.input("x", DType::f32, {3}).output("y").constant("t", no);
  constant.node("Dropout", {"x", "", "t"}, {"y"});
  CHECK_FALSE(draws(constant));
  CHECK(draws(with_node("Dropout", 6)));
  CHECK_FALSE(draws(with_node("Dropout", 7)));
  ModelBuilder old(6);
  old.input("x", DType::f32, {3}).output("y");
  old.node("Dropout", {"x"}, {"y"}).attr("is_test", 1);
  CHECK_FALSE(draws(old));
}

TEST_CASE("random operators inside of subgraphs and functions count") {
  GraphBuilder branch("branch");
  branch.node("RandomUniformLike", {"x"}, {"b"});
  branch.output("b");
  ModelBuilder model(15);
  model.input("c", DType::boolean, {}).input("x", DType::f32, {3}).output("y");
  model.node("If", {"c"}, {"y"}).attr("then_branch", branch).attr("else_branch", branch);
  CHECK(draws(model));

  ModelBuilder caller(15);
  caller.opset("mine", 1).input("x", DType::f32, {3}).output("y");
  caller.node("Noise", {"x"}, {"y"}).domain("mine");
  onnx::ModelProto proto = caller.build();
  proto.set_ir_version(8);
  auto* function = proto.add_functions();
  function->set_name("Noise");
  function->set_domain("mine");
  function->add_input("a");
  function->add_output("b");
  auto* import = function->add_opset_import();
  import->set_domain("");
  import->set_version(15);
  auto* inner = function->add_node();
  inner->set_op_type("Bernoulli");
  inner->add_input("a");
  inner->add_output("b");
  CHECK(draws(proto));
  inner->set_op_type("Relu");
  CHECK_FALSE(draws(proto));
}

}  // namespace
