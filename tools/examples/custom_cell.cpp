// A recurrent cell that no framework ships, in twenty lines: a fast memory with coupled gates and a slow one that follows
// it. Prints the model as written and as the pipeline leaves it (the same form of kernel that an LSTM becomes), and runs
// it interpreted and compiled.
#include <fmt/format.h>

#include <exception>

#include "frontend/dsl/dsl.h"
#include "ir/interpreter.h"
#include "ir/printer.h"
#include "passes/pass.h"
#include "runtime/session.h"

using namespace seqc;
using dsl::Var;
using dsl::Vars;

namespace {

/// States h, fast, slow [N,H]; output h.
struct FastSlowCell {
  dsl::Gate forget, cell, output;
  Var follow;  ///< [H]: how much of the slow memory stays, before the sigmoid

  dsl::Step operator()(const Var& x, const Vars& states) const {
    const auto gate = [&](const dsl::Gate& g) { return linear(x, g.w, g.b) + linear(states[0], g.r); };
    const Var f = sigmoid(gate(forget)).named("f");
    const Var fast = (f * states[1] + (1.0 - f) * tanh(gate(cell))).named("fast");
    const Var stay = sigmoid(follow).named("stay");
    const Var slow = (stay * states[2] + (1.0 - stay) * fast).named("slow");
    const Var h = (sigmoid(gate(output)) * tanh(fast + slow)).named("h");
    return {{h, fast, slow}, {h}};
  }
};

std::unique_ptr<ir::Module> build(int64_t input_size, int64_t hidden_size) {
  dsl::Model model("fast_slow");
  const Var x = model.input("x", ir::DType::f32, {ir::Dim::symbol("T"), ir::Dim::symbol("N"), input_size});
  const FastSlowCell cell{.forget = dsl::gate_parameters(model, "forget", input_size, hidden_size, 1.0),
                          .cell = dsl::gate_parameters(model, "cell", input_size, hidden_size),
                          .output = dsl::gate_parameters(model, "output", input_size, hidden_size),
                          .follow = model.parameter("follow", {hidden_size}, dsl::Init::constant(2.0))};
  const Var zero = dsl::zeros_like_rows(x, hidden_size);
  model.output("y", dsl::scan(cell, x, {zero, zero, zero}).outputs[0]);
  return model.finish();
}

void show_last_step(const ir::Tensor& y) {
  const int64_t hidden = y.shape()[2];
  fmt::print("// y at the last step:");
  for (int64_t j = 0; j < hidden; ++j) fmt::print(" {:.6f}", y.real(y.count() - hidden + j));
  fmt::print("\n\n");
}

}  // namespace

int main() try {
  const auto module = build(3, 8);
  ir::Function& function = *module->functions[0];
  ir::Tensor x(ir::DType::f32, {5, 1, 3});
  for (int64_t i = 0; i < x.count(); ++i) x.set_real(i, static_cast<double>(i % 7) / 3.0 - 1.0);

  fmt::print("// as written\n{}", ir::print(function));
  show_last_step(ir::interpret(function, {x})[0]);
  passes::PassContext context;
  passes::run_passes(function, passes::standard_pipeline(), context, {});
  fmt::print("// after the pipeline\n{}", ir::print(function));
  show_last_step(ir::interpret(function, {x})[0]);
  fmt::print("// compiled\n");
  runtime::Session session(runtime::Program::compile(std::move(build(3, 8)->functions[0])));
  show_last_step(session.run({x})[0]);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "error: {}\n", error.what());
  return 1;
}
