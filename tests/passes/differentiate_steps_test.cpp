// The memory of a training step against the number of steps T: it grows by what the IR keeps of each step.
// SEQC_SHOW_MEMORY=1 prints the table of tools/bench/training/README.md.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>

#include "frontend/dsl/dsl.h"
#include "ir/clone.h"
#include "passes/differentiate.h"
#include "passes/pass.h"
#include "runtime/compile.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;
using dsl::Var;
using ir::Dim;

struct Layer {
  std::string cell;
  int64_t rows, inputs, hidden;
};

/// What trainers compile of a layer, f32, whose loss looks at its last state: loss and gradients.
std::unique_ptr<ir::Function> training_function(const Layer& layer, const passes::GradientOptions& options = {}) {
  dsl::Model model;
  const Var x = model.input("x", ir::DType::f32, {Dim::symbol("T"), layer.rows, layer.inputs});
  const Var zero = dsl::zeros_like_rows(x, layer.hidden);
  const auto last = [&](const dsl::Cell& cell, size_t states) {
    return dsl::scan(cell, x, dsl::Vars(states, zero)).states[0];
  };
  const Var h = layer.cell == "LSTM"  ? last(dsl::lstm_parameters(model, "cell", layer.inputs, layer.hidden), 2)
                : layer.cell == "GRU" ? last(dsl::gru_parameters(model, "cell", layer.inputs, layer.hidden), 1)
                                      : last(dsl::rnn_parameters(model, "cell", layer.inputs, layer.hidden), 1);
  model.output("loss", dsl::mean(dsl::mean(h * h, 0), 0));
  auto f = std::move(model.finish(true)->functions[0]);
  passes::add_gradients(*f, "loss", {}, options);
  return f;
}

/// Bytes of a value that one step more adds.
int64_t step_bytes(const ir::Value* value) {
  const auto bytes = [&](int64_t steps) {
    int64_t count = static_cast<int64_t>(ir::size_of(value->dtype()));
    for (const Dim& dim : value->shape()) count *= dim.evaluate({{"T", steps}});
    return count;
  };
  return bytes(2) - bytes(1);
}

/// What scans stack of each step for others: before the pipeline, so that it is what differentiation decided.
struct Stacked {
  int64_t forward = 0, backward = 0;
};
Stacked stacked(const ir::Function& f) {
  Stacked result;
  for (const ir::Op* op : f.body().op_list()) {
    if (op->code() != ir::Opcode::Scan) continue;
    for (size_t i = 0; i < op->result_count(); ++i)
      if (!op->result(i)->unused())
        (op->as<ir::ScanAttr>().reverse ? result.backward : result.forward) += step_bytes(op->result(i));
  }
  return result;
}

/// The most that is kept at once of each step after the pipeline: what was made before an op and is used by it or later.
int64_t kept(const ir::Function& f) {
  const auto ops = f.body().op_list();
  std::map<const ir::Op*, size_t> position;
  for (size_t i = 0; i < ops.size(); ++i) position[ops[i]] = i;
  /// The last op of the body that needs the value, itself or under another shape.
  const std::function<size_t(const ir::Value*)> last_use = [&](const ir::Value* value) {
    size_t last = position.at(value->op());
    for (const ir::Op* user : value->users()) {
      while (!position.contains(user)) user = user->parent()->parent_op();
      last = std::max(last, position.at(user));
      if (user->code() == ir::Opcode::Reshape) last = std::max(last, last_use(user->result()));
    }
    return last;
  };
  std::vector<int64_t> bytes(ops.size(), 0);
  for (size_t i = 0; i < ops.size(); ++i) {
    if (ops[i]->code() == ir::Opcode::Reshape) continue;
    for (size_t k = 0; k < ops[i]->result_count(); ++k) {
      const int64_t more = step_bytes(ops[i]->result(k));
      if (more == 0 || ops[i]->result(k)->unused()) continue;
      for (size_t at = i; at <= last_use(ops[i]->result(k)); ++at) bytes[at] += more;
    }
  }
  return *std::max_element(bytes.begin(), bytes.end());
}

std::unique_ptr<ir::Function> after_pipeline(const ir::Function& f) {
  passes::PassContext context = runtime::pass_context({});
  auto result = ir::clone(f);
  passes::run_passes(*result, passes::standard_pipeline(), context, {});
  return result;
}

/// As `prepare` says.
int64_t workspace(const ir::Function& f, int64_t steps) {
  size_t bytes = 0;
  test::run_compiled(f, test::random_inputs(f, {{"T", steps}}, 1), &bytes);
  return static_cast<int64_t>(bytes);
}

TEST_SUITE_BEGIN("passes");

TEST_CASE("differentiate: memory grows with the steps by what is kept of each") {
  const bool show = std::getenv("SEQC_SHOW_MEMORY") != nullptr;
  if (show) fmt::print("| layer | saved | gradients | kept | measured | T=1000 |\n|---|---|---|---|---|---|\n");
  for (const Layer& layer :
       {Layer{"RNN", 4, 16, 32}, Layer{"GRU", 4, 48, 64}, Layer{"LSTM", 8, 32, 64}, Layer{"LSTM", 1, 32, 32},
        Layer{"RNN", 7, 9, 33}, Layer{"GRU", 3, 19, 9}, Layer{"LSTM", 1, 7, 17}}) {
    CAPTURE(layer.cell);
    CAPTURE(layer.hidden);
    const auto f = training_function(layer);
    const Stacked stacks = stacked(*f);
    const int64_t predicted = kept(*after_pipeline(*f)), at_1000 = workspace(*f, 1000);
    const auto measured = static_cast<double>(at_1000 - workspace(*f, 200)) / 800;
    if (show)
      fmt::print("| {} {}, {} inputs, {} rows | {} | {} | {} | {:.0f} | {} |\n", layer.cell, layer.hidden, layer.inputs,
                 layer.rows, stacks.forward, stacks.backward, predicted, measured, at_1000);
    // What was saved is kept, with the gradients of the gates, and copies of inputs and states for the products that the
    // gradients of weights are. Where those of a GRU or LSTM are no larger than a state they lie where something was that
    // is no longer needed; copies of odd sizes are filled up to whole vectors.
    const auto filled = [](int64_t size) { return (size + 31) / 32 * 32; };
    const int64_t least = stacks.forward + stacks.backward;
    const int64_t copies = 4 * layer.rows * (filled(layer.inputs) + 2 * filled(layer.hidden));
    CHECK(predicted >= least);
    CHECK(predicted <= least + copies);
    CHECK(measured >= 0.98 * static_cast<double>(predicted));
    CHECK(measured <= 1.02 * static_cast<double>(least + copies));
    if (layer.cell != "RNN" && layer.rows > 1 && layer.hidden % 32 == 0) {
      CHECK(predicted == least);
      CHECK(measured == doctest::Approx(static_cast<double>(least)).epsilon(0.02));
    }
  }
}

TEST_CASE("differentiate: an LSTM saves seven numbers a unit and step") {
  // i, f, g, o, tanh c, and c and h before the step; and the gradients of four gates come back.
  const Stacked stacks = stacked(*training_function({"LSTM", 3, 7, 17}));
  CHECK(stacks.forward == 7 * 3 * 17 * 4);
  CHECK(stacks.backward == 4 * 3 * 17 * 4);
}

TEST_CASE("differentiate: with a limit, memory for ten thousand steps of an LSTM is less than a tenth") {
  const Layer layer{"LSTM", 1, 7, 17};
  const int64_t all = workspace(*training_function(layer), 10000);
  const auto f = training_function(layer, {.max_saved_bytes = all / 40, .expected_dims = {{"T", 10000}}});
  const int64_t limited = workspace(*f, 10000);
  CHECK(limited * 10 < all);
  if (std::getenv("SEQC_SHOW_MEMORY"))
    fmt::print("T=10,000: {} bytes, with max_saved_bytes {}: {} bytes\n", all, all / 40, limited);
}

TEST_SUITE_END();

}  // namespace
