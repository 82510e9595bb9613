// RNN, GRU and LSTM written step by step in Loop and Scan end as the kernels of the operators, with the same results.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <span>

#include "frontend/onnx/import.h"
#include "ir/interpreter.h"
#include "runtime/compile.h"
#include "runtime/program.h"
#include "runtime/session.h"
#include "tests/support/decomposed_cells.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;
using namespace seqc::test;

/// What runs, after all passes.
struct Structure {
  int scans = 0, loops = 0;
  int body_kernels = 0, body_products = 0;  ///< kernels of a step, and those of them that are contractions
  int body_moves = 0;                       ///< gathers, scatters and joins in a step
  int outer_products = 0;
  std::string str() const {
    return fmt::format("{} scans, {} loops, {} kernels and {} products and {} moves a step, {} products outside", scans,
                       loops, body_kernels, body_products, body_moves, outer_products);
  }
};

bool is_in_loop(const ir::Op* op) {
  for (const ir::Op* around = op->parent()->parent_op(); around; around = around->parent()->parent_op())
    if (around->code() != ir::Opcode::Kernel) return true;
  return false;
}

Structure structure_of(const ir::Function& function) {
  Structure s;
  ir::walk(function.body(), [&](const ir::Op* op) {
    using enum ir::Opcode;
    const bool inside = is_in_loop(op);
    s.scans += op->code() == Scan;
    s.loops += op->code() == Loop;
    s.body_kernels += inside && op->code() == Kernel;
    s.body_products += inside && op->code() == Contract;
    s.outer_products += !inside && op->code() == Contract;
    s.body_moves += inside && (op->code() == Gather || op->code() == GatherNd || op->code() == GatherElements ||
                               op->code() == ScatterNd || op->code() == Concat);
  });
  return s;
}

std::unique_ptr<ir::Function> import_built(const ModelBuilder& model) {
  const std::string bytes = model.bytes();
  return frontend::import_model_bytes(std::as_bytes(std::span(bytes)), "steps.onnx");
}

/// "" or where one of `want`'s outputs differs from `got`, which may have more.
std::string difference(const std::vector<Tensor>& got, const std::vector<Tensor>& want) {
  for (size_t k = 0; k < want.size(); ++k) {
    if (got[k].shape() != want[k].shape())
      return fmt::format("output {} is {}, expected {}", k, got[k].type_str(), want[k].type_str());
    for (int64_t i = 0; i < want[k].count(); ++i)
      if (!(std::abs(got[k].real(i) - want[k].real(i)) <= 2e-6))
        return fmt::format("output {}, element {}: {}, expected {}", k, i, got[k].real(i), want[k].real(i));
  }
  return "";
}

/// One fused kernel a step (two for a GRU with the reset in front), the inputs' product outside, and nothing else.
void expect_fused(const StepForm& form, const StepModels& models) {
  const auto stepwise = runtime::lower(import_built(models.stepwise)), op = runtime::lower(import_built(models.op));
  const Structure got = structure_of(*stepwise.function), want = structure_of(*op.function);
  CHECK(got.str() == want.str());
  const int kernels = form.cell == StepCell::GruResetBefore ? 2 : 1;
  CHECK(got.scans == 1);
  CHECK(got.loops == 0);
  CHECK(got.body_kernels == kernels);
  CHECK(got.body_products == kernels);
  CHECK(got.body_moves == 0);
  CHECK(got.outer_products == 1);
}

void expect_same_results(const StepForm& form, const StepModels& models, const StepSizes& sizes, bool compile) {
  const auto inputs = step_inputs(form, sizes, 7);
  const auto want = ir::interpret(*import_built(models.op), inputs);
  const auto interpreted = ir::interpret(*import_built(models.stepwise), inputs);
  CHECK(difference(interpreted, want) == "");
  if (!compile) {
    const auto lowered = runtime::lower(import_built(models.stepwise));
    CHECK(difference(ir::interpret(*lowered.function, inputs), interpreted) == "");
    return;
  }
  runtime::Session session(runtime::Program::compile(import_built(models.stepwise)));
  CHECK(difference(session.run(inputs), interpreted) == "");
}

/// A form from the whole space.
StepForm random_form(Random& random) {
  StepForm form;
  const auto pick = [&](int64_t count) { return random.integer(0, count - 1); };
  do {
    form = {.name = "random",
            .cell = static_cast<StepCell>(pick(4)),
            .products = static_cast<StepProducts>(pick(5)),
            .read = static_cast<StepRead>(pick(5)),
            .write = static_cast<StepWrite>(pick(4)),
            .end = static_cast<StepEnd>(pick(4)),
            .reverse = pick(2) == 1,
            .batch_major = pick(2) == 1,
            .each_row = pick(4) == 0,
            .carried_weights = pick(4) == 0,
            .unit_states = pick(3) == 0,
            .cell_states = pick(3) == 0,
            .named_dims = pick(2) == 1};
  } while (!is_possible(form));
  return form;
}

std::string describe(const StepForm& f) {
  return fmt::format(
      "cell {}, products {}, read {}, write {}, end {}, reverse {}, batch_major {}, each_row {}, carried_weights {}, "
      "unit_states {}, cell_states {}, named_dims {}",
      static_cast<int>(f.cell), static_cast<int>(f.products), static_cast<int>(f.read), static_cast<int>(f.write),
      static_cast<int>(f.end), f.reverse, f.batch_major, f.each_row, f.carried_weights, f.unit_states, f.cell_states,
      f.named_dims);
}

}  // namespace

TEST_SUITE_BEGIN("conformance");

TEST_CASE("decomposed cells as exporters write them end as the operator's kernels") {
  for (const StepForm& form : known_step_forms()) {
    CAPTURE(form.name);
    REQUIRE(is_possible(form));
    expect_fused(form, step_models(form, {}));
  }
}

TEST_CASE("decomposed cells compute what the operator computes, interpreted and compiled") {
  for (const StepForm& form : known_step_forms()) {
    CAPTURE(form.name);
    const StepSizes sizes{.steps = 6, .batch = 3, .input = 7, .hidden = 9};
    expect_same_results(form, step_models(form, sizes), sizes, true);
  }
}

TEST_CASE("decomposed cells of any length: none, one and many steps, one row and many") {
  StepForm form{.name = "any", .products = StepProducts::Joined, .read = StepRead::Gather};
  for (const StepWrite write : {StepWrite::Rows, StepWrite::ScatterNd, StepWrite::Sequence})
    for (const bool reverse : {false, true}) {
      form.write = write;
      form.reverse = reverse;
      form.end = reverse ? StepEnd::Counter : StepEnd::Condition;
      const StepModels models = step_models(form, {});
      runtime::Session session(runtime::Program::compile(import_built(models.stepwise)));
      for (const int64_t steps : {0, 1, 2, 33})
        for (const int64_t batch : {1, 17}) {
          CAPTURE(steps);
          CAPTURE(batch);
          const auto inputs = step_inputs(form, {.steps = steps, .batch = batch}, 11);
          CHECK(difference(session.run(inputs), ir::interpret(*import_built(models.op), inputs)) == "");
        }
    }
}

TEST_CASE("any way to write a cell is fused") {
  Random random(2024);
  for (int trial = 0; trial < 150; ++trial) {
    const StepForm form = random_form(random);
    const StepSizes sizes{.steps = 4, .batch = random.integer(1, 3), .input = random.integer(1, 9), .hidden = 5};
    CAPTURE(describe(form));
    const StepModels models = step_models(form, sizes);
    expect_fused(form, models);
    expect_same_results(form, models, sizes, false);
  }
}

TEST_SUITE_END();
