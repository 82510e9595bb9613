// --value: inputs that decide a model's structure get fixed values, whole or real.
#include <doctest/doctest.h>

#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

TEST_CASE("--value fixes the scales of a resize") {
  using namespace seqc::test;
  const TempDir dir;
  ModelBuilder model(13);
  model.input("x", DType::f32, {4, 6}).input("scales", DType::f32, {2}).output("y", DType::f32, {"A", "B"});
  model.node("Resize", {"x", "", "scales"}, {"y"});
  const std::string file = model.save(dir / "m.onnx").string();
  CHECK(run_seqc({"inspect", file, "--print-after", "import"}).exit_code == 1);  // which scales?
  const auto real = run_seqc({"inspect", file, "--print-after", "import", "--value", "scales=0.5,1.5"});
  CHECK(real.exit_code == 0);
  CHECK((real.out + real.err).find("f32[2,9]") != std::string::npos);
  const auto whole = run_seqc({"inspect", file, "--print-after", "import", "--value", "scales=2,1"});
  CHECK(whole.exit_code == 0);
  CHECK((whole.out + whole.err).find("f32[8,6]") != std::string::npos);
  CHECK(run_seqc({"inspect", file, "--value", "scales=1.5,x"}).exit_code == 2);
  ModelBuilder reshape(13);
  reshape.input("x", DType::f32, {4}).input("shape", DType::i64, {1}).output("y", DType::f32, {"A"});
  reshape.node("Reshape", {"x", "shape"}, {"y"});
  const std::string other = reshape.save(dir / "r.onnx").string();
  const auto refused = run_seqc({"inspect", other, "--print-after", "import", "--value", "shape=4.5"});
  CHECK(refused.exit_code == 1);
  CHECK((refused.out + refused.err).find("not whole") != std::string::npos);
}
