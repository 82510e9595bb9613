#include "frontend/dsl/model.h"

#include <algorithm>
#include <map>

#include "frontend/dsl/random.h"
#include "ir/error.h"

namespace seqc::dsl {

namespace {

std::unique_ptr<ir::Module> module_of(std::unique_ptr<ir::Function> function) {
  auto module = std::make_unique<ir::Module>();
  module->functions.push_back(std::move(function));
  return module;
}

}  // namespace

Model::Model(const std::string& name, uint64_t seed)
    : module_(module_of(std::make_unique<ir::Function>(name))), builder_(function()), context_(builder_), seed_(seed) {}

Model::Model(std::unique_ptr<ir::Function> function_so_far, uint64_t seed)
    : module_(module_of(std::move(function_so_far))), builder_(function()), context_(builder_), seed_(seed) {
  for (const ir::Value* parameter : function().parameters()) parameter_names_.push_back(parameter->name());
  ir::Op* end = function().body().terminator();
  for (ir::Value* value : end->operands()) outputs_.emplace_back(context_, value);
  end->erase();
}

Var Model::find(const std::string& name) {
  for (size_t i = 0; i < outputs_.size(); ++i)
    if (function().output_names[i] == name) return outputs_[i];
  for (size_t i = 0; i < function().body().argument_count(); ++i)
    if (function().body().argument(i)->name() == name) return {context_, function().body().argument(i)};
  fail(ErrorKind::BadInput, "model \"{}\": has no input, parameter or output \"{}\"", function().name, name);
}

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

Var Model::training_step() {
  if (training_step_) return training_step_;  // (an absent variable has no `!`: that is an operator of the DSL)
  return training_step_ = input(kTrainingStep, ir::DType::i64, {});
}

uint64_t Model::random_key(const std::string& name) {
  if (std::ranges::find(random_names_, name) != random_names_.end())
    fail(ErrorKind::BadInput, "random layer \"{}\": got a second one of this name, expected distinct names", name);
  random_names_.push_back(name);
  return stream_key(mix_bits(seed_), hash_text(name));
}

void Model::output(const std::string& name, const Var& value) {
  outputs_.push_back(value);
  function().output_names.push_back(name);
}

namespace {

/// Where the first number lies outside of its range; -1 if none does.
Var first_outside(Context& context, const Context::Range& range) {
  ir::Builder& b = context.builder();
  const Var integers(context, range.integers);
  const auto number = [&](const ir::Dim& size, ir::DType type) {
    return cast(reshape(Var(context, b.dims({size})), {}), type);
  };
  Var valid = integers >= 0.0 && integers < number(range.size, integers.dtype());
  if (range.weights) valid = valid || equal(broadcast(Var(context, range.weights), integers.shape()), 0);
  const ir::Dim count = ir::element_count(integers.shape());
  const Var end = number(count, ir::DType::i64);
  const Var places = where(reshape(valid, {count}), end, Var(context, b.iota(count)));
  const Var place(context, b.reduce(ir::ReduceKind::Min, places.value(), {0}));
  return where(place < end, place, -1.0);
}

}  // namespace

/// What has one name and size is told once.
void Model::output_checks() {
  std::map<std::string, Var> first;
  for (const Context::Range& range : context_.ranges()) {
    const Var place = first_outside(context_, range);
    Var& known = first[fmt::format("{}{} in [0, {})", kCheckPrefix, range.name, range.size.str())];
    known = known ? where(known >= 0.0, known, place) : place;
  }
  for (const auto& [name, place] : first) output(name, place);
}

void Model::end_training() {
  function().freeze_parameters();
  if (training_step_) {
    ir::Value* step = training_step_.value();
    if (!step->unused()) step->replace_all_uses_with(function().constant(ir::Tensor::scalar_int(ir::DType::i64, -1)));
    function().body().erase_argument(static_cast<size_t>(step->index()));
  }
}

std::unique_ptr<ir::Module> Model::finish(bool trainable) {
  SEQC_CHECK(module_->functions[0]->body().terminator() == nullptr, "a model is finished twice");
  if (outputs_.empty())
    fail(ErrorKind::BadInput, "model \"{}\": got no output, expected at least one", function().name);
  if (trainable) output_checks();
  std::vector<ir::Value*> values;
  for (const Var& output : outputs_) values.push_back(output.value());
  builder_.return_(std::move(values));
  if (!trainable) end_training();
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
