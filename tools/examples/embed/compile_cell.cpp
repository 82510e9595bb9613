// A cell of one's own, compiled in the program that uses it: a leaky average which a gate opens and closes.
#include <cstdio>
#include <seqc/seqc.hpp>

using namespace seqc;
using dsl::Var, dsl::Vars, ir::Dim, ir::Tensor;

struct LeakyCell {
  dsl::Gate open, value;

  dsl::Step operator()(const Var& x, const Vars& states) const {
    const Var z = sigmoid(linear(x, open.w, open.b) + linear(states[0], open.r));
    const Var h = (1.0 - z) * states[0] + z * tanh(linear(x, value.w, value.b));
    return {{h}, {h}};
  }
};

int main() {
  try {
    dsl::Model model("leaky");
    const Var x = model.input("x", ir::DType::f32, {Dim::symbol("T"), Dim::symbol("N"), 3});
    const Var h0 = model.input("h0", ir::DType::f32, {Dim::symbol("N"), 8});
    const LeakyCell cell = {dsl::gate_parameters(model, "open", 3, 8), dsl::gate_parameters(model, "value", 3, 8)};
    const dsl::Scanned scanned = dsl::scan(cell, x, {h0});
    model.output("y", scanned.outputs[0]);
    const auto program = runtime::Program::compile(std::move(model.finish()->functions[0]));

    runtime::Session session(program);
    const auto outputs = session.run({Tensor::f32({2, 1, 3}, {0, 1, 2, 3, 4, 5}), Tensor(ir::DType::f32, {1, 8})});
    std::printf("%s:", outputs[0].type_str().c_str());
    for (const float value : outputs[0].data<float>()) std::printf(" %.4f", static_cast<double>(value));
    std::printf("\n");
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
