// seqc's side of lstm.py: LSTM layers forward and backward, nothing else, as many times as it is told on standard input.
//   bench_lstm THREADS FOLDER
// Takes x.npy [T,N,I], g.npy [T,N,H] (the derivative by the layers' output) and for each layer L wL.npy [4H,I], rL.npy
// [4H,H], bL.npy [4H] (gates input, forget, cell, output) from FOLDER; prints a line of JSON that describes the work; in
// the end leaves seqc.y.npy, seqc.dx.npy and for all layers seqc.dw.npy [L,I,4H], seqc.dr.npy and seqc.db.npy there.
#include <algorithm>
#include <exception>
#include <stdexcept>

#include "frontend/dsl/dsl.h"
#include "passes/differentiate.h"
#include "runtime/cost.h"
#include "runtime/npy.h"
#include "runtime/session.h"
#include "tools/bench/training/turns.h"
#include "tools/limit/peaks.h"

using namespace seqc;
using dsl::Var;
using ir::DType;
using ir::Tensor;

namespace {

constexpr const char* kGates[] = {"input", "forget", "cell", "output"};
constexpr const char* kParts[] = {"w", "r", "b"};

std::string parameter(int64_t layer, const char* gate, const char* part) {
  return fmt::format("{}.{}.{}", layer, gate, part);
}

/// y, and the derivatives of sum(y g) by x and all parameters.
std::unique_ptr<ir::Module> build(const Tensor& x_value, const Tensor& g_value, int64_t layers) {
  dsl::Model model("lstm", /*seed=*/1);
  const auto input = [&](const char* name, const Tensor& value) {
    return model.input(name, DType::f32, ir::Shape(value.shape().begin(), value.shape().end()));
  };
  Var y = input("x", x_value);
  const Var g = input("g", g_value);
  const int64_t hidden = g_value.shape()[2];
  for (int64_t layer = 0; layer < layers; ++layer) {
    const int64_t width = layer == 0 ? x_value.shape()[2] : hidden;
    const dsl::LstmCell cell = dsl::lstm_parameters(model, fmt::to_string(layer), width, hidden);
    const Var zero = dsl::zeros_like_rows(y, hidden);
    y = dsl::scan(cell, y, {zero, zero}).outputs[0];
  }
  model.output("y", y);
  model.output("loss", dsl::sum(dsl::sum(dsl::sum(y * g, 2), 1), 0));
  auto module = model.finish(/*trainable=*/true);
  ir::Function& function = *module->functions[0];
  std::vector<std::string> names = {"x"};
  for (int64_t layer = 0; layer < layers; ++layer)
    for (const char* part : kParts)
      for (const char* gate : kGates) names.push_back(parameter(layer, gate, part));
  passes::add_gradients(function, "loss", names);
  ir::Op& end = *function.body().terminator();
  std::vector<ir::Value*> outputs = end.operands();
  outputs.erase(outputs.begin() + 1);  // the loss
  function.output_names.erase(function.output_names.begin() + 1);
  end.set_operands(outputs);
  return module;
}

/// The part of gate `gate` of an array that has all gates one below the other.
Tensor of_gate(const Tensor& all, size_t gate) {
  std::vector<int64_t> shape = all.shape();
  shape[0] /= 4;
  Tensor part(DType::f32, shape);
  std::copy_n(all.data<float>().data() + static_cast<int64_t>(gate) * part.count(), part.count(),
              part.mutable_data<float>().data());
  return part;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) throw std::runtime_error("usage: bench_lstm THREADS FOLDER");
  const int threads = std::stoi(argv[1]);
  const std::string folder = argv[2];
  const int64_t layers = bench::layers(folder);
  const auto load = [&](const std::string& name) { return runtime::load_npy(folder + "/" + name + ".npy"); };
  std::map<std::string, Tensor> values = {{"x", load("x")}, {"g", load("g")}};
  for (int64_t layer = 0; layer < layers; ++layer)
    for (const char* part : kParts)
      for (size_t gate = 0; gate < 4; ++gate)
        values[parameter(layer, kGates[gate], part)] = of_gate(load(fmt::format("{}{}", part, layer)), gate);
  auto module = build(values["x"], values["g"], layers);
  ir::Function& function = *module->functions[0];
  const auto multiply_adds = static_cast<double>(runtime::cost(function).multiply_adds.constant());
  fmt::print("{{\"multiply_adds\": {}, \"bound_seconds\": {}}}\n", multiply_adds,
             multiply_adds / limit::Peaks(threads).multiply_adds());
  std::fflush(stdout);

  runtime::Session session(runtime::Program::compile(std::move(module->functions[0])), threads);
  std::vector<seqc_tensor> inputs, outputs;
  std::map<std::string, Tensor> results;
  for (const runtime::Port& port : session.program().inputs()) inputs.push_back(runtime::view(values.at(port.name)));
  session.prepare(inputs);
  for (size_t i = 0; i < session.output_types().size(); ++i) {
    const seqc_tensor& type = session.output_types()[i];
    Tensor& result = results[session.program().outputs()[i].name];
    result = Tensor(DType::f32, std::vector<int64_t>(type.shape, type.shape + type.rank));
    outputs.push_back(runtime::mutable_view(result));
  }
  bench::take_turns([&] { session.run(inputs, outputs); });

  const auto save = [&](const std::string& name, const Tensor& tensor) {
    runtime::save_npy(fmt::format("{}/seqc.{}.npy", folder, name), tensor);
  };
  save("y", results.at("y"));
  save("dx", results.at("grad_x"));
  for (const auto& [name, tensor] : results)
    if (name != "y" && name != "grad_x") save(name, tensor);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "error: {}\n", error.what());
  return 1;
}
