// seqc bench: the share of the machine's limit.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc;

namespace {

nlohmann::json bench(const std::string& model, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"bench", model, "--runs", "20", "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const test::ToolResult result = test::run_seqc(arguments);
  REQUIRE(result.exit_code == 0);
  return nlohmann::json::parse(result.out);
}

}  // namespace

TEST_CASE("seqc bench: the limit of a model's products beside its time") {
  const test::TempDir folder;
  const std::string lstm = test::save_lstm(folder / "lstm.onnx");
  const auto short_run = bench(lstm, {"--dim", "T=10", "--dim", "N=1"});
  CHECK(short_run["limit_us"] > 0);
  CHECK(short_run["peak_gflops"] > 0.1);
  CHECK(short_run["limit_share"] > 0);
  CHECK(short_run["limit_share"] < 1);  // so small a layer is far from it, on a busy machine as well
  const auto long_run = bench(lstm, {"--dim", "T=1000", "--dim", "N=1"});
  CHECK(long_run["limit_us"] > 10 * short_run["limit_us"].get<double>());
  CHECK_FALSE(bench(lstm, {"--no-limit"}).contains("limit_us"));
  CHECK_FALSE(
      bench(test::save_doubler(folder / "doubler.onnx")).contains("limit_us"));  // multiplies nothing by weights
}
