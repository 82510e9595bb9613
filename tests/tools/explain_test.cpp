// seqc explain.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc::test;

TEST_CASE("seqc explain: what became of an LSTM, and why") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string();
  const ToolResult result = run_seqc({"explain", model});
  CHECK(result.err == "");
  REQUIRE(result.exit_code == 0);
  for (const char* text :
       {"1 scan,", "(lstm), T steps", "each step runs 1 kernel(s):", "+ hoist ", "- hoist ", "+ fuse ",
        "4 products become one", "- unroll ", "is known at run time only", " threads ", "+ memory "}) {
    CAPTURE(text);
    CHECK(result.out.find(text) != std::string::npos);
  }
  CHECK(result.out.find("\noutside of scans\n") == std::string::npos);
  CHECK(run_seqc({"explain", model, "--all"}).out.find("\noutside of scans\n") != std::string::npos);
}

TEST_CASE("seqc explain: one topic, other sizes, JSON") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string();
  const std::string unroll = run_seqc({"explain", model, "--topic", "unroll", "--dim", "T=100"}).out;
  CHECK(unroll.find("- unroll ") != std::string::npos);
  CHECK(unroll.find("its body holds a contract") != std::string::npos);
  CHECK(unroll.find("hoist") == std::string::npos);
  const auto report = nlohmann::json::parse(run_seqc({"explain", model, "--json", "--dim", "T=1"}).out);
  CHECK(report["scans"][0]["gone"] == "its only step stands in its place");
  CHECK(report["shared_from_operations"] > 0);
  CHECK(report["kernels"].size() >= 1);
}

TEST_CASE("seqc explain: what is wrong is said") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string();
  CHECK(run_seqc({"explain", model, "--topic", "speed"}).exit_code == 2);
  CHECK(run_seqc({"explain"}).exit_code == 2);
  REQUIRE(run_seqc({"build", model, "-o", folder.path().string()}).exit_code == 0);
  CHECK(is_one_error(run_seqc({"explain", (folder / "lstm.so").string()}), "a library holds no IR"));
}
