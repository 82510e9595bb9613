// seqc convert: models as ONNX files for other runtimes.
#include <doctest/doctest.h>

#include "frontend/onnx/import.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

namespace {

using namespace seqc::test;

/// A recurrence as old exporters wrote it.
ModelBuilder old_gru() {
  ModelBuilder model(7);
  model.input("X", DType::f32, {"T", "N", 2}).output("Y", DType::f32, {"T", 1, "N", 3});
  model.initializer("W", Tensor(DType::f32, {1, 9, 2})).initializer("R", Tensor(DType::f32, {1, 9, 3}));
  model.node("GRU", {"X", "W", "R"}, {"Y"}).attr("hidden_size", 3).name("gru");
  return model;
}

}  // namespace

TEST_SUITE_BEGIN("tools");

TEST_CASE("convert: an old ONNX file becomes a new one, dims become numbers") {
  const TempDir folder;
  const std::string from = old_gru().save(folder / "old.onnx").string(), to = (folder / "new.onnx").string();
  const ToolResult result = run_seqc({"convert", from, "-o", to, "--opset", "18", "--dim", "N=4"});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "");
  const auto summary = seqc::frontend::summarize_model(to);
  CHECK(summary.opsets.at("ai.onnx") == 18);
  CHECK(summary.operators.at("GRU") == 1);
  CHECK(summary.inputs.at(0).type == "f32[T,4,2]");
  CHECK(run_seqc({"convert", from, "-o", to, "--no-recurrent"}).exit_code == 0);
  CHECK(seqc::frontend::summarize_model(to).operators.count("GRU") == 0);
  CHECK(seqc::frontend::summarize_model(to).operators.at("Scan") == 1);
}

TEST_CASE("convert: IR text, and what is refused") {
  const TempDir folder;
  const std::string to = (folder / "m.onnx").string();
  write_file(folder / "m.seq", "func @main(%x: f32[N]) -> (y: f32[N]) {\n  %0 = tanh %x : f32[N]\n  return %0\n}\n");
  CHECK(run_seqc({"convert", (folder / "m.seq").string(), "-o", to}).exit_code == 0);
  CHECK(seqc::frontend::summarize_model(to).operators.at("Tanh") == 1);
  write_file(folder / "bits.seq",
             "func @main(%x: i32[N]) -> (y: i32[N]) {\n  %0 = or %x, i32(1) : i32[N]\n  return %0\n}\n");
  CHECK(is_one_error(run_seqc({"convert", (folder / "bits.seq").string(), "-o", (folder / "b.onnx").string()}),
                     "--opset 18"));
  CHECK(list(folder.path()) == std::vector<std::string>{"bits.seq", "m.onnx", "m.seq"});
  CHECK(run_seqc({"convert", to}).exit_code == 2);
  CHECK(run_seqc({"convert", to, "-o", to, "--opset", "12"}).exit_code == 2);
  CHECK(run_seqc({"convert", "--help"}).out.find("--no-recurrent") != std::string::npos);
}

TEST_SUITE_END();
