#include "runtime/training/input_gradients.h"

#include <algorithm>
#include <cmath>

#include "ir/error.h"
#include "passes/differentiate.h"
#include "runtime/session.h"
#include "runtime/training/step.h"

namespace seqc::training {

using ir::Tensor;

Batch input_gradients(std::unique_ptr<ir::Function> model, const Batch& batch, const std::vector<std::string>& inputs,
                      const std::string& loss) {
  if (inputs.empty()) return {};  // without names add_gradients takes the parameters
  std::map<std::string, Tensor> parameters;
  for (const ir::Value* parameter : model->parameters()) parameters.emplace(parameter->name(), parameter->initial());
  if (!parameters.empty()) use_parameters(*model, {loss});
  passes::add_gradients(*model, loss, inputs);
  runtime::Session session(runtime::Program::compile(std::move(model)));
  const runtime::Program& program = session.program();
  std::vector<Tensor> values;
  for (const runtime::Port& port : program.inputs()) {
    if (const auto learnt = parameters.find(port.name); learnt != parameters.end()) {
      values.push_back(learnt->second);
      continue;
    }
    const auto it = batch.find(port.name);
    if (it == batch.end()) fail(ErrorKind::BadInput, "input gradients: the batch lacks \"{}\"", port.name);
    values.push_back(it->second);
  }
  const std::vector<Tensor> outputs = session.run(values);
  Batch gradients;
  for (const std::string& input : inputs)
    for (size_t i = 0; i < outputs.size(); ++i)
      if (program.outputs()[i].name == "grad_" + input) gradients.emplace(input, outputs[i]);
  return gradients;
}

std::vector<double> norms_by_step(const Tensor& gradient) {
  if (gradient.rank() == 0) fail(ErrorKind::BadInput, "norms by step: got a gradient of shape [], expected [T, ...]");
  const int64_t steps = gradient.shape()[0], size = steps == 0 ? 0 : gradient.count() / steps;
  std::vector<double> norms;
  for (int64_t t = 0; t < steps; ++t) {
    double squares = 0;
    for (int64_t i = t * size; i < (t + 1) * size; ++i) squares += gradient.real(i) * gradient.real(i);
    norms.push_back(std::sqrt(squares));
  }
  return norms;
}

}  // namespace seqc::training
