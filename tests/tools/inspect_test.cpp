// seqc inspect and seqc opt.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

using namespace seqc::test;

TEST_CASE("seqc inspect: a summary that a person reads") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string();
  const ToolResult result = run_seqc({"inspect", model});
  CHECK(result.err == "");
  REQUIRE(result.exit_code == 0);
  for (const char* text : {"inputs    X: f32[T,N,3]\n          h0: f32[1,N,5]\n", "outputs   Y: f32[T,1,N,5]\n",
                           "dims      N, T\n", "nodes     1: 1 LSTM\n", "160*N*T\n", "workspace "}) {
    CAPTURE(text);
    CHECK(result.out.find(text) != std::string::npos);
  }
  const ToolResult figures = run_seqc({"inspect", model, "--dim", "T=100", "--dim", "N=2"});
  CHECK(figures.out.find("32,000\n") != std::string::npos);
}

TEST_CASE("seqc inspect: JSON") {
  const TempDir folder;
  const ToolResult result = run_seqc({"inspect", save_lstm(folder / "lstm.onnx").string(), "--json", "--dim", "N=1"});
  const auto report = nlohmann::json::parse(result.out);
  CHECK(report["inputs"][0]["type"] == "f32[T,1,3]");
  CHECK(report["layers"][0]["name"] == "lstm");
  CHECK(report["multiply_adds"] == "160*T");
  CHECK(report["ops"]["scan"] == 1);
}

TEST_CASE("seqc inspect: the IR of any stage, and as a graph") {
  const TempDir folder;
  const std::string model = save_lstm(folder / "lstm.onnx").string();
  const std::string import = run_seqc({"inspect", model, "--ir=import"}).out;
  CHECK(import.find("scan") != std::string::npos);
  CHECK(import.find("kernel") == std::string::npos);
  const std::string final = run_seqc({"inspect", model, "--ir"}).out;
  CHECK(final.find("kernel {kind=contract}") != std::string::npos);
  CHECK(run_seqc({"inspect", model, "--ir=final"}).out == final);
  CHECK(run_seqc({"inspect", model, "--ir=hoist-projections"}).out.find("kernel") == std::string::npos);
  const std::string graph = run_seqc({"inspect", model, "--dot"}).out;
  CHECK(graph.starts_with("digraph "));
  CHECK(graph.find("subgraph cluster_") != std::string::npos);
  CHECK(graph.ends_with("}\n"));
}

TEST_CASE("seqc inspect: a built library") {
  const TempDir folder;
  REQUIRE(run_seqc({"build", save_lstm(folder / "lstm.onnx").string(), "-o", folder.path().string()}).exit_code == 0);
  const std::string library = (folder / "lstm.so").string();
  CHECK(run_seqc({"inspect", library}).out.find("X: f32[T,N,3], h0: f32[1,N,5]") != std::string::npos);
  CHECK(is_one_error(run_seqc({"inspect", library, "--ir"}), "a library holds no IR"));
  write_file(library, read_file(library).substr(0, 2000));
  CHECK(is_one_error(run_seqc({"inspect", library}), "lstm.so"));
}

TEST_CASE("seqc opt: passes over IR text") {
  const TempDir folder;
  const std::string file = (folder / "f.seq").string(), result = (folder / "g.seq").string();
  write_file(
      file,
      "func @main(%x: f32[N]) -> (y: f32[N]) {\n  %a = neg %x\n  %b = neg %x\n  %c = add %a, %b\n  return %c\n}\n");
  const ToolResult once = run_seqc({"opt", file, "--passes=eliminate-common-subexpressions,eliminate-dead-code"});
  CHECK(once.err == "");
  CHECK(
      once.out ==
      "func @main(%x: f32[N]) -> (y: f32[N]) {\n  %a = neg %x : f32[N]\n  %c = add %a, %a : f32[N]\n  return %c\n}\n");
  CHECK(run_seqc({"opt", file, "--passes=standard", "-o", result}).exit_code == 0);
  CHECK(read_file(result).find("kernel {kind=map}") != std::string::npos);
  CHECK(run_seqc({"opt", "--list-passes"}).out.find("fuse-gates ") != std::string::npos);
}

TEST_CASE("seqc opt: faults of the text are told with their line, and nothing is written") {
  const TempDir folder;
  const std::string file = (folder / "f.seq").string(), result = (folder / "g.seq").string();
  write_file(file, "func @main(%x: f32[N]) -> (y: f32[N]) {\n  %a = frobnicate %x\n  return %a\n}\n");
  const ToolResult failed = run_seqc({"opt", file, "--passes=fold", "-o", result});
  CHECK(failed.exit_code == 1);
  CHECK(failed.err.starts_with("error: " + file + ":2:8: got 'frobnicate', expected an op"));
  CHECK(list(folder.path()) == std::vector<std::string>{"f.seq"});
}
