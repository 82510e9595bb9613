// The step as it is compiled: one function in which gradients are taken over all steps at once and each parameter is
// updated by one kernel, and which takes no memory while shapes repeat.
#include "runtime/training/step.h"
#include "runtime/compile.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "ir/clone.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "runtime/training/step_runner.h"
#include "tests/runtime/allocation_counter.h"
#include "tests/runtime/training/tasks.h"

namespace {

using namespace seqc;
using ir::Opcode;
using ir::Tensor;
using training::StepFunction;

StepFunction adding_step(training::Optimizer optimizer = training::adam(1e-2), int64_t max_saved_bytes = -1) {
  return training::training_step(*test::adding_model(9, 0.1), {.optimizer = std::move(optimizer),
                                                               .clip = training::by_global_norm(1),
                                                               .max_saved_bytes = max_saved_bytes,
                                                               .expected_dims = {{"T", 200}, {"N", 3}}});
}

ir::Value* output(const ir::Function& f, const std::string& name) {
  const auto at = std::find(f.output_names.begin(), f.output_names.end(), name);
  REQUIRE(at != f.output_names.end());
  return f.body().terminator()->operand(static_cast<size_t>(at - f.output_names.begin()));
}

TEST_SUITE_BEGIN("runtime");

TEST_CASE("training step: ports") {
  const StepFunction step = adding_step();
  CHECK(step.data == std::vector<std::string>{"x", "target"});
  CHECK(step.metrics == std::vector<std::string>{"loss", "error"});
  CHECK(step.parameters.size() == 14);
  CHECK(step.states.size() == 28);
  CHECK(step.states[1].name == "lstm.input.w:v");
  const StepFunction evaluation = training::evaluation_step(*test::adding_model(9, 0.1), {});
  CHECK(evaluation.function->output_names == std::vector<std::string>{"loss", "error"});
  CHECK(evaluation.states.empty());
}

TEST_CASE("training step: weight gradients are products over all steps, an update is one kernel") {
  const StepFunction step = adding_step();
  const runtime::Lowered lowered = runtime::lower(ir::clone(*step.function));
  const ir::Function& f = *lowered.function;
  int scans = 0, products_in_scans = 0;
  ir::walk(f.body(), [&](const ir::Op* op) {
    if (op->code() == Opcode::Scan) ++scans;
    if (op->code() != Opcode::Contract) return;
    for (const ir::Block* block = op->parent(); block->parent_op(); block = block->parent_op()->parent())
      if (block->parent_op()->code() == Opcode::Scan) products_in_scans += static_cast<int>(op->result_count());
  });
  CHECK(scans == 2);
  CHECK(products_in_scans == 8);  // forward and back one for each gate: h·r, and dz·r
  for (const training::Kept& parameter : step.parameters) {
    CAPTURE(parameter.name);
    const ir::Op* kernel = output(f, parameter.name)->op();
    CHECK(kernel->code() == Opcode::Kernel);
    for (const char* state : {":m", ":v"}) CHECK(output(f, parameter.name + state)->op() == kernel);
  }
}

TEST_CASE("training step: takes no memory while shapes repeat") {
  if (!test::AllocationCounter::works()) return;
  training::OneCallRunner runner(adding_step(), {}, 1);
  std::vector<Tensor> now, next;
  for (const auto* list : {&runner.step().parameters, &runner.step().states})
    for (const training::Kept& kept : *list) {
      now.push_back(kept.start);
      next.emplace_back(kept.start.dtype(), kept.start.shape());
    }
  const training::Batch batch = test::AddingProblem(7, 5, 1, 1).batch(0, 0);
  int64_t number = 0;
  const auto run = [&] {
    runner.run(batch, number++, now, next);
    now.swap(next);
    runner.accept_carried();
  };
  for (int i = 0; i < 3; ++i) run();
  const double before = runner.metric(0);
  const test::AllocationCounter counter;
  for (int i = 0; i < 20; ++i) run();
  CHECK(counter.count() == 0);
  CHECK(runner.metric(0) < before);
}

TEST_CASE("training step: a limit on what is saved takes less memory") {
  const training::Batch batch = test::AddingProblem(200, 3, 1, 1).batch(0, 0);
  size_t bytes[2];
  std::vector<Tensor> learnt[2];
  for (const bool limited : {false, true}) {
    training::OneCallRunner runner(adding_step(training::sgd(0.1), limited ? 20'000 : -1), {}, 1);
    std::vector<Tensor> now, next;
    for (const training::Kept& kept : runner.step().parameters) {
      now.push_back(kept.start);
      next.emplace_back(kept.start.dtype(), kept.start.shape());
    }
    runner.run(batch, 0, now, next);
    bytes[limited] = runner.session().workspace_bytes();
    learnt[limited] = next;
  }
  CHECK(bytes[1] < bytes[0]);
  for (size_t i = 0; i < learnt[0].size(); ++i)
    for (int64_t k = 0; k < learnt[0][i].count(); ++k)
      CHECK(learnt[1][i].real(k) == doctest::Approx(learnt[0][i].real(k)).epsilon(1e-5));
}

TEST_SUITE_END();

}  // namespace
