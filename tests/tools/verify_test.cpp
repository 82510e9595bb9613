// seqc verify. How a culprit is found: tests/runtime/verify_test.cpp.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "runtime/npy.h"
#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/support/ort.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc;
using namespace seqc::test;

TEST_CASE("seqc verify: random inputs, and inputs from files") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string();
  const ToolResult random = run_seqc({"verify", model, "--dim", "T=7", "--no-ort"});
  CHECK(random.exit_code == 0);
  CHECK(random.err.find("note: random inputs with N=1;") == 0);
  CHECK(random.out.find("unoptimised code  agrees") != std::string::npos);
  CHECK(random.out.find("optimised code    agrees") != std::string::npos);
  runtime::save_npy((folder / "X.npy").string(), lstm_x(5, 3));
  runtime::save_npy((folder / "h0.npy").string(), lstm_h0(3));
  const ToolResult files = run_seqc({"verify", model, "--input", "X=" + (folder / "X.npy").string(), "--input",
                                     "h0=" + (folder / "h0.npy").string(), "--threads", "2", "--json", "--no-ort"});
  CHECK(files.err == "");
  CHECK(files.exit_code == 0);
  const auto report = nlohmann::json::parse(files.out);
  CHECK(report["agrees"] == true);
  CHECK(report["dims"]["T"] == 5);
  CHECK(report["ways"].size() == 2);
  CHECK(report["at_fault"].empty());
}

TEST_CASE("seqc verify: beyond a tolerance of nothing, rounding is a difference; exit code 1") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string(), kept = (folder / "kept").string();
  const ToolResult result =
      run_seqc({"verify", model, "--dim", "T=9", "--rtol", "0", "--atol", "0", "--no-ort", "--save", kept});
  CHECK(result.exit_code == 1);
  // The vectorised tanh is not the C library's: no pass changes a bit that the interpreter sees, apart from sums.
  CHECK(result.out.find("differs") != std::string::npos);
  CHECK(result.out.find("  at fault: ") != std::string::npos);
  CHECK(result.out.find("first time step: ") != std::string::npos);
  CHECK(result.out.find("its input is in ") != std::string::npos);
  CHECK_FALSE(list(kept).empty());
}

TEST_CASE("seqc verify: ONNX Runtime, where it is installed") {
  const auto library = ort_library();
  if (!library) return;
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string();
  ::setenv("SEQC_ORT", library->c_str(), 1);
  const ToolResult result = run_seqc({"verify", model, "--dim", "T=7", "--dim", "N=2"});
  CHECK(result.exit_code == 0);
  CHECK(result.out.find("ONNX Runtime      agrees") != std::string::npos);
}

TEST_CASE("seqc verify: what is wrong is said") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string();
  CHECK(is_one_error(run_seqc({"verify", (folder / "none.onnx").string()}), "none.onnx"));
  CHECK(run_seqc({"verify", model, "--rtol", "-1"}).exit_code == 2);
  REQUIRE(run_seqc({"build", model, "-o", folder.path().string()}).exit_code == 0);
  CHECK(is_one_error(run_seqc({"verify", (folder / "lstm.so").string()}), "a library holds no IR"));
}
