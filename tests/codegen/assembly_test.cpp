// The inner loops of recurrent layers, read from their assembly: sums stay in registers.
#include <doctest/doctest.h>

#include <span>

#include "codegen/codegen.h"
#include "frontend/onnx/import.h"
#include "runtime/compile.h"
#include "tests/support/assembly.h"
#include "tests/support/onnx_model.h"
#include "tests/support/random_inputs.h"

using namespace seqc;
using ir::DType;

namespace {

/// One layer, whose input has as many features as it has hidden units; 33 steps are enough for rows that are made while it
/// runs.
std::string layer(const std::string& cell, int64_t hidden, int64_t batch, int64_t steps = 33) {
  const int64_t gates = cell == "LSTM" ? 4 : 3;
  test::Random random(1);
  const auto tensor = [&](std::vector<int64_t> shape) {
    return test::random_tensor(DType::f32, std::move(shape), random);
  };
  test::ModelBuilder model(14);
  model.input("X", DType::f32, {steps, batch, hidden}).output("Y", DType::f32, {steps, 1, batch, hidden});
  model.initializer("W", tensor({1, gates * hidden, hidden})).initializer("R", tensor({1, gates * hidden, hidden}));
  model.initializer("B", tensor({1, 2 * gates * hidden}));
  auto node = model.node(cell, {"X", "W", "R", "B"}, {"Y"}).attr("hidden_size", hidden);
  if (cell == "GRU") node.attr("linear_before_reset", 1);
  return model.bytes();
}

std::string assembly(const std::string& model, const std::string& cpu) {
  runtime::CompileOptions options;
  options.target.triple = "x86_64-pc-linux-gnu";
  options.target.cpu = cpu;
  auto function = frontend::import_model_bytes(std::as_bytes(std::span(model)), "layer.onnx");
  const runtime::Lowered lowered = runtime::lower(std::move(function), options);
  const test::TempDir folder;
  const std::string path = (folder / "layer.s").string();
  codegen::emit(*lowered.function, options.target, codegen::EmitKind::Assembly, "layer", path);
  return test::read_file(path);
}

std::vector<test::ProductLoop> loop_of(const std::string& inside, const std::string& before = "") {
  return test::product_loops("kernel_h:\n\tpushq\t%rbx\n" + before + "\tvmovaps\t%ymm0, 32(%rsp)\n.LBB1_1:   # loop\n" +
                             "\tvbroadcastss\t(%rdi,%rax,4), %ymm2\n" + inside +
                             "\tvfmadd231ps\t(%rsi), %ymm2, %ymm1\n\taddq\t$4, %rax\n\tjb\t.LBB1_1\n"
                             "\tvmovaps\t32(%rsp), %ymm0\n\tpopq\t%rbx\n\tretq\n");
}

}  // namespace

TEST_CASE("assembly: the reader finds spills inside a product's loop, and there alone") {
  CHECK(loop_of("").size() == 1);
  CHECK(loop_of("").at(0).multiply_adds == 1);
  CHECK(loop_of("").at(0).function == "kernel_h");
  CHECK(loop_of("").at(0).stack.empty());
  CHECK(loop_of("\tvmovaps\t%ymm3, 64(%rsp)                # 32-byte Spill\n").at(0).stack ==
        std::vector<std::string>{"vmovaps %ymm3, 64(%rsp)"});
  CHECK(loop_of("\tvmovaps\t64(%rsp,%rcx), %ymm3\n").at(0).stack.size() == 1);
  CHECK(loop_of("\tvfmadd231ps\t64(%rsp), %ymm2, %ymm3\n").at(0).stack.size() == 1);
  CHECK(loop_of("\tmovq\t8(%rsp), %rcx\n\tmovq\t%rcx, 16(%rsp)\n").at(0).stack.size() == 2);
  // %rbp is a register like others, unless it holds the frame.
  CHECK(loop_of("\tvmovaps\t-64(%rbp), %ymm3\n").at(0).stack.empty());
  CHECK(loop_of("\tvmovaps\t-64(%rbp), %ymm3\n", "\tmovq\t%rsp, %rbp\n").at(0).stack.size() == 1);
  // Loops with other arithmetic are epilogues, and may read sums from memory.
  CHECK(loop_of("\tvmulps\t64(%rsp), %ymm3, %ymm3\n").empty());
  // Of loops in loops the inner one counts.
  CHECK(loop_of(".LBB1_2:\n\tvfmadd231ps\t(%r8), %ymm2, %ymm3\n\tjb\t.LBB1_2\n").size() == 1);
}

TEST_CASE("assembly: products of recurrent layers spill nothing") {
  struct Layer {
    const char* cell;
    int64_t hidden;
  };
  for (const char* cpu : {"x86-64-v3", "x86-64-v4"})
    for (const Layer& wanted : {Layer{"LSTM", 64}, Layer{"LSTM", 128}, Layer{"LSTM", 256}, Layer{"GRU", 128}})
      for (const int64_t batch : {1, 16}) {
        CAPTURE(cpu);
        CAPTURE(wanted.cell);
        CAPTURE(wanted.hidden);
        CAPTURE(batch);
        const auto loops = test::product_loops(assembly(layer(wanted.cell, wanted.hidden, batch), cpu));
        CHECK(loops.size() >= 2);  // input projections and recurrence
        for (const test::ProductLoop& loop : loops) {
          CAPTURE(loop.function);
          CHECK(loop.multiply_adds >= 8);  // enough sums to hide the latency of a multiply-add
          CHECK(loop.stack == std::vector<std::string>());
        }
      }
}

TEST_CASE("assembly: exp multiplies by its power of two at once where the processor can") {
  test::ModelBuilder model(14);
  model.input("X", DType::f32, {67}).output("Y", DType::f32, {67});
  model.node("Exp", {"X"}, {"Y"});
  CHECK(assembly(model.bytes(), "x86-64-v4").find("vscalefps") != std::string::npos);
  CHECK(assembly(model.bytes(), "x86-64-v3").find("vscalefps") == std::string::npos);
}

TEST_CASE("assembly: what one thread runs alone divides nothing into shares") {
  const auto divides = [](const std::string& text) { return text.find("\tdiv") != std::string::npos; };
  for (const char* cell : {"LSTM", "GRU"}) {
    CAPTURE(cell);
    CHECK(!divides(assembly(layer(cell, 16, 1, 1), "x86-64-v4")));
    CHECK(divides(assembly(layer(cell, 256, 16), "x86-64-v4")));
  }
}
