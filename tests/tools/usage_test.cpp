// What every subcommand shares: help, usage errors, exit codes.
#include <doctest/doctest.h>

#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc::test;

namespace {

const std::vector<std::string> kCommands = {"build", "run", "inspect", "opt", "test", "bench"};

bool is_usage_error(const ToolResult& result) {
  return result.exit_code == 2 && result.out.empty() && result.err.starts_with("error: ") &&
         result.err.find("--help shows the usage") != std::string::npos;
}

}  // namespace

TEST_CASE("seqc: help teaches, with examples, for every subcommand") {
  const ToolResult overview = run_seqc({"--help"});
  CHECK(overview.exit_code == 0);
  CHECK(overview.err == "");
  for (const std::string& command : kCommands) {
    CAPTURE(command);
    CHECK(overview.out.find("  " + command + " ") != std::string::npos);
    const ToolResult help = run_seqc({command, "--help"});
    CHECK(help.exit_code == 0);
    CHECK(help.out.find("Examples:\n  seqc " + command) != std::string::npos);
  }
}

TEST_CASE("seqc: version") {
  const ToolResult version = run_seqc({"--version"});
  CHECK(version.exit_code == 0);
  CHECK(version.out.starts_with("seqc "));
}

TEST_CASE("seqc: wrong usage is exit code 2 with a hint") {
  CHECK(is_usage_error(run_seqc({})));
  CHECK(is_usage_error(run_seqc({"frobnicate"})));
  for (const std::string& command : kCommands) {
    CAPTURE(command);
    CHECK(is_usage_error(run_seqc({command})));
    CHECK(is_usage_error(run_seqc({command, "x", "--frobnicate"})));
  }
  CHECK(is_usage_error(run_seqc({"build", "m.onnx", "--emit=exe"})));
  CHECK(is_usage_error(run_seqc({"build", "m.onnx", "--name=3d"})));
  CHECK(is_usage_error(run_seqc({"build", "m.onnx", "--disable=no-such-pass"})));
  for (const char* dim : {"N", "N=", "=4", "N=x", "N=-1", "N=99999999999999999999"}) {
    CAPTURE(dim);
    CHECK(is_usage_error(run_seqc({"run", "m.onnx", "--dim", dim})));
  }
  CHECK(is_usage_error(run_seqc({"run", "m.onnx", "--threads=0"})));
  CHECK(is_usage_error(run_seqc({"run", "m.onnx", "--format=csv"})));
  CHECK(is_usage_error(run_seqc({"run", "m.onnx", "--input", "x.npy"})));
  CHECK(is_usage_error(run_seqc({"opt", "m.seq", "--passes=no-such-pass"})));
  CHECK(is_usage_error(run_seqc({"inspect", "m.onnx", "--ir=no-such-stage"})));
  CHECK(is_usage_error(run_seqc({"bench", "m.onnx", "--runs=-3"})));
}

TEST_CASE("seqc: a missing file is one error") {
  const TempDir folder;
  for (const std::string command : {"build", "run", "inspect", "bench"}) {
    CAPTURE(command);
    CHECK(is_one_error(run_seqc({command, (folder / "none.onnx").string()}), "none.onnx"));
    CHECK(is_one_error(run_seqc({command, (folder / "none.seq").string()}), "none.seq"));
  }
  CHECK(is_one_error(run_seqc({"opt", (folder / "none.seq").string()}), "none.seq"));
  CHECK(is_one_error(run_seqc({"test", (folder / "none").string()}), "no such folder"));
  CHECK(is_one_error(run_seqc({"test", folder.path().string()}), "no case there"));
}
