#include <doctest/doctest.h>

#include <fmt/format.h>
#include <llvm/Support/raw_ostream.h>

#include <string>

#include "codegen/program_llvm.h"
#include "codegen/schedule.h"
#include "codegen/target_llvm.h"
#include "ir/parser.h"
#include "passes/pass.h"

namespace {

using namespace seqc;

/// What is decided for the product of a scan that reads an input of `rows` x 128 a step and collects a state of its size.
std::string product_loops(int rows) {
  const std::string text = fmt::format(
      "func @steps(%x: f32[9,{0},128], %h: f32[{0},128]) -> (y: f32[9,{0},128], last: f32[{0},128]) {{\n"
      "  const @r: f32[128,128] = splat(0.25)\n"
      "  %last, %y = scan {{length=9}} carry(%ht = %h) in(%xt = %x) {{\n"
      "    %a = tanh %xt\n"
      "    %b = mul %a, %ht\n"
      "    %p = contract %b, @r {{spec=\"ni,ij->nj\"}}\n"
      "    %h1 = sigmoid %p\n"
      "    yield %h1 emit %h1\n  }}\n  return %y, %last\n}}\n",
      rows);
  auto module = ir::parse_module(text, "steps");
  passes::PassContext context;
  passes::run_passes(*module->functions[0], passes::standard_pipeline(), context, {});
  std::string loops;
  for (const codegen::KernelSchedule& kernel : codegen::schedule(*module->functions[0]).ops)
    if (kernel.loops.find("product(s)") != std::string::npos) loops += kernel.loops;
  return loops;
}

/// How many prefetches stand in the code of a product of 12 rows whose epilogue reads a state, which this text adds up.
size_t prefetches(const std::string& sums) {
  auto module = ir::parse_module(
      "func @sums(%x: f32[12,128], %c: f32[12,128]) -> (y: f32[12,128]) {\n"
      "  const @r: f32[128,128] = splat(0.25)\n"
      "  %p = contract %x, @r {spec=\"ni,ij->nj\"}\n" +
          sums + "  return %y\n}\n",
      "sums");
  passes::PassContext context;
  passes::run_passes(*module->functions[0], passes::standard_pipeline(), context, {});
  const auto machine = codegen::make_target_machine({});
  llvm::LLVMContext llvm_context;
  const auto program =
      codegen::generate_program(llvm_context, *module->functions[0], codegen::describe_machine(*machine, {}), {});
  std::string text;
  llvm::raw_string_ostream out(text);
  program.module->print(out, nullptr);
  size_t count = 0;
  for (size_t at = 0; (at = text.find("call void @llvm.prefetch", at)) != std::string::npos; ++at) ++count;
  return count;
}

}  // namespace

TEST_SUITE_BEGIN("codegen");

TEST_CASE("far lines: a long product asks for what the next step reads, and for what it will write itself") {
  const std::string many = product_loops(96);
  CAPTURE(many);
  CHECK(many.find("what the next step reads of 1 input(s)") != std::string::npos);
  CHECK(many.find("lines of 1 result(s)") != std::string::npos);
  const std::string few = product_loops(3);  // small rows stay in the nearest caches
  CAPTURE(few);
  CHECK(few.find("the next step") == std::string::npos);
}

TEST_CASE("far lines: what an epilogue needs in several places is asked for once") {
  const size_t once = prefetches("  %a = tanh %c\n  %y = mul %p, %a\n");
  CHECK(once > 0);
  CHECK(prefetches("  %a = add %p, %c\n  %b = tanh %c\n  %d = mul %a, %c\n  %y = sub %d, %b\n") == once);
}

TEST_SUITE_END();
