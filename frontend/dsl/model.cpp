#include "frontend/dsl/model.h"

#include <algorithm>

#include "ir/error.h"

namespace seqc::dsl {

namespace {

std::unique_ptr<ir::Module> one_function(const std::string& name) {
  auto module = std::make_unique<ir::Module>();
  module->functions.push_back(std::make_unique<ir::Function>(name));
  return module;
}

}  // namespace

Model::Model(const std::string& name, uint64_t seed)
    : module_(one_function(name)), builder_(*module_->functions[0]), context_(builder_), seed_(seed) {}

Var Model::input(const std::string& name, ir::DType type, ir::Shape shape) {
  return {context_, function().body().add_argument({type, std::move(shape)}, name)};
}

Var Model::constant(ir::Tensor value, const std::string& name) {
  return {context_, builder_.constant(std::move(value), name)};
}

Var Model::parameter(const std::string& name, const std::vector<int64_t>& shape, Init init, ir::DType type) {
  if (std::ranges::find(parameter_names_, name) != parameter_names_.end())
    fail(ErrorKind::BadInput, "parameter \"{}\": got a second one of this name, expected distinct names", name);
  parameter_names_.push_back(name);
  return {context_, function().parameter(initial_value(init, seed_, name, shape, type), name)};
}

void Model::output(const std::string& name, const Var& value) {
  outputs_.push_back(value);
  function().output_names.push_back(name);
}

std::unique_ptr<ir::Module> Model::finish(bool trainable) {
  SEQC_CHECK(module_->functions[0]->body().terminator() == nullptr, "a model is finished twice");
  if (outputs_.empty())
    fail(ErrorKind::BadInput, "model \"{}\": got no output, expected at least one", function().name);
  std::vector<ir::Value*> values;
  for (const Var& output : outputs_) values.push_back(output.value());
  builder_.return_(std::move(values));
  if (!trainable) function().freeze_parameters();
  return std::move(module_);
}

Gate gate_parameters(Model& model, const std::string& name, int64_t input_size, int64_t hidden_size, double bias) {
  return {.w = model.parameter(name + ".w", {hidden_size, input_size}),
          .r = model.parameter(name + ".r", {hidden_size, hidden_size}),
          .b = model.parameter(name + ".b", {hidden_size}, Init::constant(bias))};
}

RnnCell rnn_parameters(Model& model, const std::string& name, int64_t input_size, int64_t hidden_size) {
  return {.gate = gate_parameters(model, name, input_size, hidden_size)};
}

GruCell gru_parameters(Model& model, const std::string& name, int64_t input_size, int64_t hidden_size) {
  return {.update = gate_parameters(model, name + ".update", input_size, hidden_size),
          .reset = gate_parameters(model, name + ".reset", input_size, hidden_size),
          .candidate = gate_parameters(model, name + ".candidate", input_size, hidden_size)};
}

LstmCell lstm_parameters(Model& model, const std::string& name, int64_t input_size, int64_t hidden_size) {
  return {.input = gate_parameters(model, name + ".input", input_size, hidden_size),
          .output = gate_parameters(model, name + ".output", input_size, hidden_size),
          .forget = gate_parameters(model, name + ".forget", input_size, hidden_size, 1.0),
          .cell = gate_parameters(model, name + ".cell", input_size, hidden_size)};
}

}  // namespace seqc::dsl
