// --profile of seqc run, bench and inspect, and the page of seqc inspect --html.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "runtime/npy.h"
#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc;
using namespace seqc::test;

TEST_CASE("seqc run --profile: a trace, a table, and the outputs as ever") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string(), trace = (folder / "trace.json").string();
  const std::string plain = (folder / "plain").string(), profiled = (folder / "profiled").string();
  REQUIRE(run_seqc({"run", model, "--dim", "T=9", "--seed", "3", "--outputs", plain}).exit_code == 0);
  const ToolResult result =
      run_seqc({"run", model, "--dim", "T=9", "--seed", "3", "--outputs", profiled, "--profile", trace});
  REQUIRE(result.exit_code == 0);
  for (const char* text : {"GFLOP/s", "limit", "contract ", "[lstm]", "between kernels", "trace of the last run"}) {
    CAPTURE(text);
    CHECK(result.out.find(text) != std::string::npos);
  }
  CHECK(read_file(profiled + "/output_0.npy") == read_file(plain + "/output_0.npy"));
  const auto events = nlohmann::json::parse(read_file(trace))["traceEvents"];
  CHECK(events.size() > 20);
}

TEST_CASE("seqc bench --profile: figures of each kernel as JSON") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string(), trace = (folder / "trace.json").string();
  const ToolResult result =
      run_seqc({"bench", model, "--dim", "T=9", "--runs", "5", "--no-limit", "--json", "--profile", trace});
  REQUIRE(result.exit_code == 0);
  const auto profile = nlohmann::json::parse(result.out)["profile"];
  double share = profile["between_us"].get<double>() / profile["run_us"].get<double>();
  bool recurrence = false;
  for (const auto& kernel : profile["kernels"]) {
    share += kernel["share"].get<double>();
    recurrence = recurrence || (kernel["calls"] == 9 && kernel["gflops"] > 0 && kernel["limit_share"] > 0);
    CHECK(kernel["gb_per_s"] > 0);
  }
  CHECK(share == doctest::Approx(1).epsilon(0.02));
  CHECK(recurrence);
  CHECK(list(folder.path()) == std::vector<std::string>{"lstm.onnx", "trace.json"});
}

TEST_CASE("seqc run --profile: libraries tell nothing") {
  const TempDir folder;
  REQUIRE(run_seqc({"build", save_lstm(folder / "lstm.onnx").string(), "-o", folder.path().string()}).exit_code == 0);
  CHECK(is_one_error(run_seqc({"run", (folder / "lstm.so").string(), "--profile", (folder / "t.json").string()}),
                     "tells nothing of its kernels"));
}

TEST_CASE("seqc inspect --html: one page with everything, from nowhere else") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string(), page = (folder / "lstm.html").string();
  const ToolResult result = run_seqc(
      {"inspect", model, "--html", page, "--dim", "N=2", "--dim", "T=20", "--profile", (folder / "t.json").string()});
  CHECK(result.err == "");
  REQUIRE(result.exit_code == 0);
  const std::string html = read_file(page);
  for (const char* text :
       {"<h2>Layers</h2>", "<svg class=\"graph\"", "<svg class=\"memory\"", "<b>hoist-projections</b>",
        "<b>fuse-gates</b>", "no change: ", "<ins>", "<del>", "<h2>Scans</h2>", "<h2>Time to run</h2>",
        "<h2>Time to compile</h2>", "kernels, as code generation gets them"}) {
    CAPTURE(text);
    CHECK(html.find(text) != std::string::npos);
  }
  for (const char* foreign : {"http://", "https://", "<script", "<link", "@import", "src="})
    CHECK(html.find(foreign) == std::string::npos);
  const auto count = [&](const std::string& text) {
    size_t found = 0;
    for (size_t at = 0; (at = html.find(text, at)) != std::string::npos; ++at) ++found;
    return found;
  };
  CHECK(count("<details") == count("</details>"));
  CHECK(count("<svg") == count("</svg>"));
  CHECK(run_seqc({"inspect", model, "--html", page, "--dot"}).exit_code == 2);
  CHECK(run_seqc({"inspect", model, "--profile", page}).exit_code == 2);
}
