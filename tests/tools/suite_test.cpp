// seqc test: conformance cases.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "frontend/onnx/import.h"
#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc::test;
namespace fs = std::filesystem;

namespace {

void save_data_set(const fs::path& folder, const Tensor& x, const Tensor& y) {
  fs::create_directories(folder);
  seqc::frontend::save_tensor_proto((folder / "input_0.pb").string(), x, "X");
  seqc::frontend::save_tensor_proto((folder / "output_0.pb").string(), y, "Y");
}

/// A case Y = 2 X whose second data set expects `y`.
void save_case(const fs::path& folder, const Tensor& y) {
  fs::create_directories(folder);
  save_doubler(folder / "model.onnx");
  save_data_set(folder / "test_data_set_0", Tensor::f32({1, 3}, {1, 2, 3}), Tensor::f32({1, 3}, {2, 4, 6}));
  save_data_set(folder / "test_data_set_1", Tensor::f32({2, 3}, {1, 2, 3, 4, 5, 6}), y);
}

const Tensor kRight = Tensor::f32({2, 3}, {2, 4, 6, 8, 10, 12.01f});

}  // namespace

TEST_CASE("seqc test: finds cases at any depth and passes what is within tolerance") {
  const TempDir folder;
  save_case(folder / "a", kRight);
  save_case(folder / "b/c", kRight);
  for (const char* how : {"--threads=2", "--interpret", "--interpret=final"}) {
    CAPTURE(how);
    const ToolResult result = run_seqc({"test", folder.path().string(), how});
    CHECK(result.exit_code == 0);
    CHECK(result.err == "");
    CHECK(result.out == "2 cases: 2 passed, 0 failed, 0 refused\n");
  }
  const ToolResult strict = run_seqc({"test", (folder / "a").string(), "--rtol=1e-6"});
  CHECK(strict.exit_code == 1);
  CHECK(strict.out ==
        "FAILED  " + (folder / "a").string() +
            ": test_data_set_1: output \"Y\" [1,2]: got 12, expected 12.01; 1 of 6 elements differ, by at "
            "most 0.01\n1 cases: 0 passed, 1 failed, 0 refused\n");
}

TEST_CASE("seqc test: failures and refusals are told apart and named") {
  const TempDir folder;
  save_case(folder / "good", kRight);
  save_case(folder / "shape", Tensor::f32({3, 2}, {2, 4, 6, 8, 10, 12}));
  save_case(folder / "broken", kRight);
  write_file(folder / "broken/model.onnx", "no model");
  save_case(folder / "refused", kRight);
  ModelBuilder model(14);
  model.input("X", DType::f32, {"N", 3}).output("Y", DType::f32, {"N", 3}).node("Frobnicate", {"X"}, {"Y"});
  model.save(folder / "refused/model.onnx");

  const ToolResult text = run_seqc({"test", folder.path().string()});
  CHECK(text.exit_code == 1);
  CHECK(text.out.ends_with("4 cases: 1 passed, 2 failed, 1 refused\n"));
  CHECK(text.out.find("REFUSED " + (folder / "refused").string()) != std::string::npos);
  CHECK(text.out.find("output \"Y\" got f32[2,3], expected f32[3,2]") != std::string::npos);

  const auto report = nlohmann::json::parse(run_seqc({"test", folder.path().string(), "--json"}).out);
  CHECK(report["cases"] == 4);
  CHECK(report["passed"] == 1);
  CHECK(report["failed"].size() == 2);
  CHECK(report["refused"][0]["case"] == (folder / "refused").string());
  CHECK(run_seqc({"test", (folder / "refused").string()}).exit_code == 1);
  CHECK(run_seqc({"test", (folder / "refused").string(), (folder / "good").string(), "--allow-refused"}).exit_code ==
        0);
}

TEST_CASE("seqc test: random models are compared by type and shape, and the report says so") {
  const TempDir folder;
  const auto save = [&](const char* name, const Tensor& y, bool training) {
    fs::create_directories(folder / name);
    ModelBuilder model(13);
    model.input("X", DType::f32, {4}).output("Y", DType::f32, {4});
    model.initializer("ratio", Tensor::scalar(DType::f32, 0.5));
    model.initializer("training", Tensor::scalar(DType::boolean, training ? 1 : 0));
    model.node("Dropout", {"X", "ratio", "training"}, {"Y"});
    model.save(folder / name / "model.onnx");
    save_data_set(folder / name / "test_data_set_0", Tensor::f32({4}, {1, 2, 3, 4}), y);
  };
  save("copies", Tensor::f32({4}, {1, 2, 3, 4}), false);
  save("drops", Tensor::f32({4}, {100, 100, 100, 100}), true);  // no draw gives these
  const ToolResult text = run_seqc({"test", folder.path().string()});
  CHECK(text.exit_code == 0);
  CHECK(text.out == "RANDOM  " + (folder / "drops").string() +
                        ": compared by type and shape only\n2 cases: 2 passed (1 random: by type and shape only), 0 "
                        "failed, 0 refused\n");
  const auto report = nlohmann::json::parse(run_seqc({"test", folder.path().string(), "--json"}).out);
  CHECK(report["passed"] == 2);
  CHECK(report["random"] == nlohmann::json::array({(folder / "drops").string()}));

  save("shape", Tensor::f32({2, 2}, {0, 0, 0, 0}), true);
  const ToolResult shape = run_seqc({"test", (folder / "shape").string()});
  CHECK(shape.exit_code == 1);
  CHECK(shape.out.find("output \"Y\" got f32[4], expected f32[2,2]") != std::string::npos);
  CHECK(run_seqc({"test", "--help"}).out.find("draws random numbers") != std::string::npos);
}
