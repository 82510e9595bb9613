#include "runtime/training/step.h"

#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>

#include "frontend/dsl/model.h"
#include "ir/clone.h"
#include "ir/error.h"
#include "ir/verifier.h"
#include "passes/pass.h"
#include "runtime/training/gradient_rows.h"
#include "runtime/training/update.h"

namespace seqc::training {

using dsl::Var;
using dsl::Vars;
using ir::Function;
using ir::Tensor;
using ir::Value;

namespace {

Value* find_argument(const Function& f, const std::string& name) {
  for (size_t i = 0; i < f.body().argument_count(); ++i)
    if (f.body().argument(i)->name() == name) return f.body().argument(i);
  return nullptr;
}

Value* output_of(const Function& f, const std::string& name, const char* role) {
  const auto at = std::find(f.output_names.begin(), f.output_names.end(), name);
  if (at == f.output_names.end())
    fail(ErrorKind::BadInput, "{} \"{}\": the model has no such output, expected one of {}", role, name,
         fmt::join(f.output_names, ", "));
  return f.body().terminator()->operand(static_cast<size_t>(at - f.output_names.begin()));
}

bool is_number(const Value* value) { return is_float(value->dtype()) && element_count(value->shape()) == ir::Dim(1); }

void replace_argument(Function& f, Value* argument, Tensor value) {
  if (!argument->unused()) argument->replace_all_uses_with(f.constant(std::move(value), argument->name()));
  f.body().erase_argument(static_cast<size_t>(argument->index()));
}

/// Takes parameters that no pattern names for constants. Throws when a pattern names none.
std::vector<Kept> freeze_others(Function& f, const std::vector<std::string>& patterns) {
  std::vector<Kept> frozen;
  std::vector<bool> used(patterns.size());
  std::vector<std::string> names;
  for (Value* parameter : f.parameters()) {
    names.push_back(parameter->name());
    bool trained = false;
    for (size_t i = 0; i < patterns.size(); ++i) {
      if (::fnmatch(patterns[i].c_str(), parameter->name().c_str(), 0) != 0) continue;
      trained = used[i] = true;
    }
    if (trained) continue;
    frozen.push_back({parameter->name(), parameter->initial()});
    replace_argument(f, parameter, parameter->initial());
  }
  for (size_t i = 0; i < patterns.size(); ++i)
    if (!used[i])
      fail(ErrorKind::BadInput, "train: no parameter is called \"{}\"; the model has {}", patterns[i],
           names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
  return frozen;
}

/// What the optimiser keeps of a parameter: new inputs, noted in `states`.
Vars add_states(Function& f, dsl::Context& context, const Value* parameter, const Optimizer& optimizer,
                std::vector<Kept>& states) {
  Vars result;
  for (const Optimizer::State& state : optimizer.states) {
    const std::string name = parameter->name() + ":" + state.name;
    Tensor start(parameter->dtype(), parameter->initial().shape());
    if (state.start != 0)
      for (int64_t i = 0; i < start.count(); ++i) start.set_real(i, state.start);
    states.push_back({name, start});
    result.emplace_back(context, f.body().add_argument(parameter->type(), name));
  }
  return result;
}

/// The step under construction: the model's function, whose outputs are gathered anew.
class Construction {
 public:
  Construction(const Function& model, const TrainerOptions& options) : options_(options) {
    step_.function = ir::clone(model);
    step_.frozen = freeze_others(f(), options.train);
    for (const Value* parameter : f().parameters())
      step_.parameters.push_back({parameter->name(), parameter->initial()});
    find_metrics();
    find_carried();
  }

  StepFunction training() {
    Value* step = step_input();
    for (size_t i = 0; i < f().body().argument_count(); ++i) note_input(f().body().argument(i), step);
    ir::Op* end = f().body().terminator();
    const std::vector<Value*> parameters = f().parameters();
    end->set_operands(outputs_);  // so that they are followed where gradients write ops anew
    const auto gradients = passes::gradients(f(), metrics_.front(), parameters,
                                             {.max_saved_bytes = options_.max_saved_bytes,
                                              .expected_dims = options_.expected_dims,
                                              .sparse_rows = options_.optimizer.keeps_rows_without_gradient});
    outputs_ = end->operands();
    append_update(f(), step, parameters, gradients, options_, step_.states, output_names_, outputs_);
    return finish();
  }

  StepFunction forward() {
    Value* step = step_input();
    for (size_t i = 0; i < f().body().argument_count(); ++i) note_input(f().body().argument(i), step);
    return finish();
  }

  StepFunction evaluation() {
    if (Value* step = find_argument(f(), dsl::kTrainingStep))
      replace_argument(f(), step, Tensor::scalar_int(ir::DType::i64, -1));
    for (size_t i = 0; i < f().body().argument_count(); ++i) note_input(f().body().argument(i), nullptr);
    return finish();
  }

 private:
  Function& f() { return *step_.function; }

  void find_metrics() {
    Value* loss = output_of(f(), options_.loss, "loss");
    if (!is_number(loss))
      fail(ErrorKind::BadInput, "loss \"{}\": got {}, expected one float", options_.loss, loss->type().str());
    metric(options_.loss, loss);
    for (size_t i = 0; i < f().output_names.size(); ++i) {
      const std::string& name = f().output_names[i];
      Value* value = f().body().terminator()->operand(i);
      if (name != options_.loss && is_number(value) && !options_.carry.contains(name)) metric(name, value);
    }
    for (size_t i = 0; i < f().output_names.size(); ++i)
      if (f().output_names[i].starts_with(dsl::kCheckPrefix)) {
        step_.checks.push_back(f().output_names[i]);
        output(step_.checks.back(), f().body().terminator()->operand(i));
      }
  }

  void metric(const std::string& name, Value* value) {
    step_.metrics.push_back(name);
    metrics_.push_back(value);
    output(name, value);
  }

  void find_carried() {
    for (const auto& [from, to] : options_.carry) {
      Value *value = output_of(f(), from, "carry"), *argument = find_argument(f(), to);
      if (!argument || argument->is_parameter())
        fail(ErrorKind::BadInput, "carry \"{}\": the model has no input \"{}\"", from, to);
      if (!(value->type() == argument->type()))
        fail(ErrorKind::BadInput, "carry \"{}\": the output is {}, but the input \"{}\" is {}", from,
             value->type().str(), to, argument->type().str());
      step_.carried.emplace_back(from, to);
      output(from, value);
    }
  }

  /// The step's number, which the model may have asked for already.
  Value* step_input() {
    if (Value* found = find_argument(f(), dsl::kTrainingStep)) {
      if (!(found->type() == ir::Type{ir::DType::i64, {}}))
        fail(ErrorKind::BadInput, "input \"{}\": got {}, expected i64[]", dsl::kTrainingStep, found->type().str());
      return found;
    }
    return f().body().add_argument({ir::DType::i64, {}}, dsl::kTrainingStep);
  }

  void note_input(const Value* argument, const Value* step) {
    const bool carried = std::any_of(step_.carried.begin(), step_.carried.end(),
                                     [&](const auto& ports) { return ports.second == argument->name(); });
    if (argument != step && !argument->is_parameter() && !carried) step_.data.push_back(argument->name());
  }

  void output(const std::string& name, Value* value) {
    output_names_.push_back(name);
    outputs_.push_back(value);
  }

  StepFunction finish() {
    f().body().terminator()->set_operands(outputs_);
    f().output_names = output_names_;
    drop_ignored();
    if (const auto faults = ir::verify(f()); !faults.empty())
      fail(ErrorKind::BadInput, "model \"{}\": {}", f().name, faults[0].message);
    return std::move(step_);
  }

  /// Data that only other outputs need: a batch may have it or not.
  void drop_ignored() {
    passes::PassContext context;
    passes::eliminate_dead_code(f(), context);
    std::erase_if(step_.data, [&](const std::string& name) {
      Value* argument = find_argument(f(), name);
      if (!argument->unused()) return false;
      step_.ignored.push_back(name);
      f().body().erase_argument(static_cast<size_t>(argument->index()));
      return true;
    });
  }

  const TrainerOptions& options_;
  StepFunction step_;
  std::vector<Value*> metrics_, outputs_;
  std::vector<std::string> output_names_;
};

}  // namespace

void append_update(Function& f, Value* step, const std::vector<Value*>& parameters,
                   const std::vector<passes::Gradient>& gradients, const TrainerOptions& options,
                   std::vector<Kept>& states, std::vector<std::string>& names, std::vector<Value*>& outputs) {
  ir::Builder builder = ir::Builder::before(f.body().terminator());
  builder.set_location("training step");
  dsl::Context context(builder);
  const auto output = [&](const std::string& name, Value* value) {
    names.push_back(name);
    outputs.push_back(value);
  };
  std::vector<ParameterGradient> all;
  for (size_t i = 0; i < parameters.size(); ++i) all.emplace_back(context, parameters[i], gradients[i]);
  output("gradient_norm", clip_gradients(options.clip, all, context).value());
  const Var number = cast(Var(context, step), ir::DType::f64), rate = options.optimizer.rate(number);
  std::vector<Value*> next_states;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Vars own = add_states(f, context, parameters[i], options.optimizer, states);
    const Updated updated = all[i].update(options.optimizer, own, rate, number);
    output(parameters[i]->name(), updated.parameter.value());
    for (const Var& state : updated.states) next_states.push_back(state.value());
  }
  for (size_t i = 0; i < next_states.size(); ++i) output(states[i].name, next_states[i]);
}

StepFunction forward_step(const Function& model, const TrainerOptions& options) {
  return Construction(model, options).forward();
}

StepFunction training_step(const Function& model, const TrainerOptions& options) {
  return Construction(model, options).training();
}

StepFunction evaluation_step(const Function& model, const TrainerOptions& options) {
  return Construction(model, options).evaluation();
}

namespace {

void end_training(Function& model) {
  if (Value* step = find_argument(model, dsl::kTrainingStep))
    replace_argument(model, step, Tensor::scalar_int(ir::DType::i64, -1));
}

void keep_outputs(Function& model, const std::vector<std::string>& outputs) {
  std::vector<std::string> names = outputs;
  if (names.empty())
    std::copy_if(model.output_names.begin(), model.output_names.end(), std::back_inserter(names),
                 [](const std::string& name) { return !name.starts_with(dsl::kCheckPrefix); });
  std::vector<Value*> values;
  for (const std::string& name : names) values.push_back(output_of(model, name, "output"));
  model.body().terminator()->set_operands(std::move(values));
  model.output_names = std::move(names);
  passes::PassContext context;
  passes::eliminate_dead_code(model, context);
  if (outputs.empty()) return;
  for (size_t i = model.body().argument_count(); i-- > 0;)
    if (model.body().argument(i)->unused()) model.body().erase_argument(i);
}

}  // namespace

void finish_training(Function& model, const std::vector<std::string>& outputs) {
  end_training(model);
  model.freeze_parameters();
  keep_outputs(model, outputs);
}

void use_parameters(Function& model, const std::vector<std::string>& outputs) {
  end_training(model);
  keep_outputs(model, outputs);
}

}  // namespace seqc::training
