// Around the README's cell: parameters, a scan, a run.
#include <seqc/seqc.hpp>

using namespace seqc;
using dsl::Var, dsl::Vars;

struct Cell {
  dsl::Gate forget, cell, output;

  // SNIPPET
};

int main() {
  dsl::Model model("cell");
  const Var x = model.input("x", ir::DType::f32, {ir::Dim::symbol("T"), ir::Dim::symbol("N"), 3});
  const Var zero = model.input("zero", ir::DType::f32, {ir::Dim::symbol("N"), 5});
  const Cell cell = {dsl::gate_parameters(model, "forget", 3, 5), dsl::gate_parameters(model, "cell", 3, 5),
                     dsl::gate_parameters(model, "output", 3, 5)};
  model.output("y", dsl::scan(cell, x, {zero, zero}).outputs[0]);
  const auto program = runtime::Program::compile(std::move(model.finish()->functions[0]));
  const ir::Tensor xs(ir::DType::f32, {7, 2, 3}), zeros(ir::DType::f32, {2, 5});
  return runtime::Session(program).run({xs, zeros})[0].shape() == std::vector<int64_t>{7, 2, 5} ? 0 : 1;
}
