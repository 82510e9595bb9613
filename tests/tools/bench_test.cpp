// seqc bench: the share of the machine's limit, the slowest of many runs.
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

TEST_CASE("seqc bench: the slowest of many runs") {
  const test::TempDir folder;
  const std::string lstm = test::save_lstm(folder / "lstm.onnx");
  const std::vector<std::string> command = {"bench", lstm,         "--dim",   "T=1", "--dim",
                                            "N=1",   "--realtime", "--steps", "1001"};
  const test::ToolResult shown = test::run_seqc(command);
  CHECK(shown.err == "");
  REQUIRE(shown.exit_code == 0);
  for (const char* text : {"T=1, 1 thread\n", "median ", "99.9th percentile ", "maximum ", "of 1,001 steps",
                           "steps by how many medians they took: ", "page fault"})
    CHECK_MESSAGE(shown.out.find(text) != std::string::npos, text);

  std::vector<std::string> as_json = command;
  as_json.push_back("--json");
  const test::ToolResult result = test::run_seqc(as_json);
  REQUIRE(result.exit_code == 0);
  const auto report = nlohmann::json::parse(result.out);
  CHECK(report["steps"] == 1001);
  CHECK(report["median_us"] > 0);
  CHECK(report["p99_us"] >= report["median_us"]);
  CHECK(report["p999_us"] >= report["p99_us"]);
  CHECK(report["max_us"] >= report["p999_us"]);
  CHECK(report["slowest_step"] < 1001);
  CHECK(report["page_faults"] >= 0);
  int64_t steps = 0;
  double limit = 0;
  for (const auto& band : report["histogram"]) {
    steps += band["steps"].get<int64_t>();
    if (band["up_to_us"].is_null()) continue;
    CHECK(band["up_to_us"] > limit);
    limit = band["up_to_us"];
  }
  CHECK(steps == 1001);
  CHECK(report["histogram"].back()["up_to_us"].is_null());

  std::vector<std::string> two_threads = command;
  two_threads.insert(two_threads.end(), {"--threads", "2"});
  CHECK(test::is_one_error(test::run_seqc(two_threads), "--realtime: got --threads=2, expected one"));
  CHECK(test::run_seqc({"bench", lstm, "--steps", "5"}).exit_code != 0);  // says nothing without --realtime
}
