// Hooks for profiles are in the code of those who ask, and in nobody else's.
#include <doctest/doctest.h>

#include "codegen/code_key_llvm.h"
#include "codegen/program_llvm.h"
#include "codegen/schedule.h"
#include "codegen/target_llvm.h"
#include "ir/parser.h"
#include "passes/pass.h"

using namespace seqc;

namespace {

std::unique_ptr<ir::Function> kernels() {
  auto module = ir::parse_module(R"(
func @main(%x: f32[T,1,8]) -> (h: f32[1,64]) {
  const @W: f32[64,8] = splat(0.5)
  const @R: f32[64,64] = splat(0.25)
  %h0 = broadcast f32(0) {shape=[1,64]}
  %h = scan {length=T} carry(%ht = %h0) in(%xt = %x) {
    %p = contract %xt, @W {spec="ni,ji->nj"}
    %r = contract %ht, @R {spec="ni,ji->nj"}
    %s = add %p, %r
    %h1 = tanh %s
    yield %h1
  }
  return %h
}
)");
  auto function = std::move(module->functions[0]);
  passes::PassContext context;
  passes::run_passes(*function, passes::standard_pipeline(), context, {});
  return function;
}

std::string code(const ir::Function& function, codegen::Told told, codegen::Schedule* schedule = nullptr) {
  codegen::Target target;
  target.triple = "x86_64-pc-linux-gnu";
  target.cpu = "x86-64-v3";
  const auto machine = codegen::make_target_machine(target);
  codegen::ProgramOptions options;
  options.told = told;
  options.schedule = schedule;
  llvm::LLVMContext context;
  const auto program =
      codegen::generate_program(context, function, codegen::describe_machine(*machine, target), options);
  std::string text;
  llvm::raw_string_ostream out(text);
  program.module->print(out, nullptr);
  return text;
}

}  // namespace

TEST_CASE("profile: code without hooks is the same, whoever looks on; with them every kernel has three") {
  const auto function = kernels();
  const std::string plain = code(*function, {});
  codegen::Schedule schedule;
  CHECK(code(*function, {}, &schedule) == plain);
  const auto ops = codegen::profiled_ops(*function);
  REQUIRE(ops.size() == schedule.ops.size());
  for (size_t i = 0; i < ops.size(); ++i) CHECK(ops[i] == schedule.ops[i].op);
  const std::string profiled = code(*function, {.kernels = true});
  const auto calls = [](const std::string& text) {
    size_t count = 0;
    // A call through a pointer of three arguments: context, op, thread.
    for (size_t at = 0; (at = text.find("call void %", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  size_t expected = 0;
  for (const ir::Op* op : ops) expected += op->code() == ir::Opcode::Kernel ? 3 : 2;
  CHECK(calls(profiled) == calls(plain) + expected);
}

TEST_CASE("profile: hooks are part of the code's key") {
  const auto function = kernels();
  const auto machine = codegen::make_target_machine({});
  codegen::ProgramOptions options;
  options.embed_constants = false;
  const std::string plain = codegen::code_key(*function, {}, *machine, options);
  options.told.kernels = true;
  const std::string profiled = codegen::code_key(*function, {}, *machine, options);
  options.told = {.outputs = true};
  CHECK(plain != profiled);
  CHECK(codegen::code_key(*function, {}, *machine, options) != profiled);
}

TEST_CASE("schedule: tiles and threads are told") {
  const auto function = kernels();
  codegen::Target target;
  target.triple = "x86_64-pc-linux-gnu";
  target.cpu = "x86-64-v3";
  const codegen::Schedule told = codegen::schedule(*function, target);
  CHECK(told.shared_from == 768 * 8);
  bool recurrence = false;
  for (const codegen::KernelSchedule& note : told.ops)
    if (note.op->code() == ir::Opcode::Kernel && note.op->parent()->parent_op()) {
      recurrence = true;
      CHECK(note.sharing == codegen::Sharing::One);  // 64 * 64 multiply-adds
      CHECK(note.operations.constant() >= 64 * 64);
      CHECK(note.loops.find("lanes") != std::string::npos);
      CHECK(note.loops.starts_with("tiles of 1 row(s) x "));
    }
  CHECK(recurrence);
  target.worth_sharing = 0;
  for (const codegen::KernelSchedule& note : codegen::schedule(*function, target).ops)
    CHECK(note.sharing != codegen::Sharing::One);
}
