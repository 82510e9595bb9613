#include "tools/seqc/train_model.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <set>

#include "frontend/dsl/losses.h"
#include "frontend/dsl/model.h"
#include "ir/clone.h"
#include "ir/error.h"
#include "passes/pass.h"
#include "runtime/training/step.h"
#include "tools/seqc/train_axes.h"
#include "tools/seqc/train_logits.h"
#include "tools/seqc/train_weights.h"

namespace seqc::tools {
namespace {

using dsl::Var;
using ir::DType;
using ir::Function;
using ir::Value;

std::vector<Value*> arguments_of(const Function& f) {
  std::vector<Value*> arguments;
  for (size_t i = 0; i < f.body().argument_count(); ++i) arguments.push_back(f.body().argument(i));
  return arguments;
}

/// The function for these outputs alone, with what they need.
void keep_outputs(Function& f, std::vector<std::string> names, std::vector<Value*> values) {
  f.body().terminator()->set_operands(std::move(values));
  f.output_names = std::move(names);
  passes::PassContext context;
  passes::eliminate_dead_code(f, context);
  for (size_t i = f.body().argument_count(); i-- > 0;)
    if (f.body().argument(i)->unused()) f.body().erase_argument(i);
}

/// The same; outputs that check data stay as well.
void keep_with_checks(Function& f, std::vector<std::string> names, std::vector<Value*> values) {
  for (size_t i = 0; i < f.output_names.size(); ++i) {
    if (!f.output_names[i].starts_with(dsl::kCheckPrefix)) continue;
    names.push_back(f.output_names[i]);
    values.push_back(f.body().terminator()->operand(i));
  }
  keep_outputs(f, std::move(names), std::move(values));
}

std::string chosen_output(const Function& f, const TrainArguments& a) {
  const auto has = [&](const std::string& name) {
    return std::find(f.output_names.begin(), f.output_names.end(), name) != f.output_names.end();
  };
  const size_t at = a.target.find('=');
  const std::string named = at == std::string::npos ? "" : a.target.substr(0, at);
  if (!named.empty() && !a.output.empty() && named != a.output)
    fail(ErrorKind::BadInput, "--target {}: is for output \"{}\", and --output is \"{}\"", a.target, named, a.output);
  const std::string name = a.output.empty() ? named : a.output;
  if (!name.empty() && !has(name))
    fail(ErrorKind::BadInput, "{}: has no output \"{}\", expected one of {}", a.model, name,
         fmt::join(f.output_names, ", "));
  const auto checks = [](const std::string& output) { return output.starts_with(dsl::kCheckPrefix); };
  const auto count = std::count_if(f.output_names.begin(), f.output_names.end(), std::not_fn(checks));
  if (name.empty() && count != 1)
    fail(ErrorKind::BadInput, "{}: has the outputs {}; say which one the target is for: --output NAME", a.model,
         fmt::join(f.output_names, ", "));
  return name.empty() ? *std::find_if_not(f.output_names.begin(), f.output_names.end(), checks) : name;
}

/// A name that no input, output or parameter has.
std::string free_name(const Function& f, const std::string& wish) {
  std::set<std::string> taken(f.output_names.begin(), f.output_names.end());
  for (const Value* argument : arguments_of(f)) taken.insert(argument->name());
  std::string name = wish;
  while (taken.contains(name)) name += "_";
  return name;
}

/// What the loss looks at: the output, or what stands before its softmax or sigmoid.
Value* loss_operand(Value* output, const std::string& name, const TrainArguments& a, std::vector<std::string>& notes) {
  const bool softmax =
      a.loss == Loss::SoftmaxCrossEntropy || a.loss == Loss::SoftmaxCrossEntropyDense || a.loss == Loss::Sequence;
  if (!softmax && a.loss != Loss::SigmoidCrossEntropy) return output;
  if (!output->op()) return output;
  const Logits logits = find_logits(output);
  const Ending wanted = softmax ? Ending::Softmax : Ending::Sigmoid;
  if (logits.ending == Ending::None) return output;
  if (logits.ending == wanted) {
    notes.push_back(fmt::format("output \"{}\" ends in a {}: the loss takes what stands before it", name,
                                softmax ? "softmax" : "sigmoid"));
    return logits.value;
  }
  if (logits.ending == Ending::SoftmaxElsewhere)
    fail(ErrorKind::BadInput,
         "--loss {}: output \"{}\" is {} after a softmax along an axis that is not its last one; train an output "
         "whose last axis counts the classes: --output NAME",
         a.loss_name, name, output->type().str());
  fail(ErrorKind::BadInput, "--loss {}: output \"{}\" ends in a {}; use --loss {}", a.loss_name, name,
       softmax ? "sigmoid" : "softmax",
       softmax ? "sigmoid-cross-entropy (or mse)" : "softmax-cross-entropy (-dense for shares of classes)");
}

/// [N,T,...] as [T,N,...].
Var time_major(const Var& x, int64_t batch_axis) {
  if (batch_axis == 1) return x;
  std::vector<int64_t> perm = {1, 0};
  for (int64_t i = 2; i < x.rank(); ++i) perm.push_back(i);
  return transpose(x, perm);
}

class LossWriter {
 public:
  LossWriter(TrainModel& model, const TrainArguments& arguments) : m_(model), f_(*model.training), a_(arguments) {}

  void write(Value* operand, int64_t batch_axis) {
    m_.target = {free_name(f_, "target"), operand->type(), batch_axis};
    if (takes_labels(a_.loss)) take_labels(operand);
    Value* target = f_.body().add_argument(m_.target.type, m_.target.name);
    ir::Builder builder = ir::Builder::before(f_.body().terminator());
    builder.set_location("loss");
    dsl::Context context(builder);
    const Var y(context, operand), t(context, target);
    const auto [loss, accuracy] = losses(context, y, t);
    std::vector<std::string> names = {"loss"};
    std::vector<Value*> values = {loss.value()};
    if (accuracy) names.push_back("accuracy"), values.push_back(accuracy.value());
    keep_with_checks(f_, std::move(names), std::move(values));
  }

 private:
  void take_labels(const Value* logits) {
    if (logits->rank() < 1 || !logits->shape().back().is_constant())
      fail(ErrorKind::BadInput, "--loss {}: output \"{}\" is {}, expected a last axis of a known number of classes{}",
           a_.loss_name, m_.output, logits->type().str(), "; --dim gives named dims numbers");
    if (m_.target.batch_axis == logits->rank() - 1)
      fail(ErrorKind::BadInput,
           "--loss {}: output \"{}\" is {}, whose last axis counts the examples, expected classes there; use mse or "
           "sigmoid-cross-entropy for a number an example",
           a_.loss_name, m_.output, logits->type().str());
    m_.classes = logits->shape().back().constant();
    if (m_.classes < 2)
      fail(
          ErrorKind::BadInput,
          "--loss {}: output \"{}\" is {}, expected two classes or more along its last axis; use sigmoid-cross-entropy "
          "for yes or no, mse for numbers",
          a_.loss_name, m_.output, logits->type().str());
    m_.target.type = {DType::i64, {logits->shape().begin(), logits->shape().end() - 1}};
  }

  std::pair<Var, Var> losses(dsl::Context& context, const Var& y, const Var& t) {
    switch (a_.loss) {
      case Loss::SoftmaxCrossEntropy: return {dsl::softmax_cross_entropy(y, t), dsl::accuracy(y, t)};
      case Loss::SoftmaxCrossEntropyDense: return {dsl::softmax_cross_entropy_dense(y, t), {}};
      case Loss::SigmoidCrossEntropy: {
        // 1 - the share of elements on the wrong side.
        const Var wrong = dsl::mean_squared_error(cast(y > 0.0, y.dtype()), cast(t > 0.5, y.dtype()));
        return {dsl::sigmoid_cross_entropy(y, t), 1.0 - wrong};
      }
      case Loss::MeanSquaredError: return {dsl::mean_squared_error(y, t), {}};
      case Loss::Huber: return {dsl::huber(y, t, a_.huber_delta), {}};
      case Loss::Sequence: return sequence(context, y, t);
    }
    return {};
  }

  std::pair<Var, Var> sequence(dsl::Context& context, const Var& y, const Var& t) {
    const int64_t axis = m_.target.batch_axis;
    if (y.rank() != 3 || axis > 1)
      fail(ErrorKind::BadInput, "--loss {}: output \"{}\" is {}, expected [T,N,classes] or [N,T,classes]", a_.loss_name,
           m_.output, y.value()->type().str());
    const Var logits = time_major(y, axis), labels = time_major(t, axis);
    Var lengths, mask;
    if (!a_.lengths.empty()) {
      m_.lengths.push_back({free_name(f_, "lengths"), {DType::i64, {logits.dim(1)}}, 0});
      lengths = Var(context, f_.body().add_argument(m_.lengths[0].type, m_.lengths[0].name));
      mask = dsl::step_mask(lengths, logits.dim(0), logits);
    }
    return {dsl::sequence_cross_entropy(logits, labels, lengths), dsl::accuracy(logits, labels, mask)};
  }

  TrainModel& m_;
  Function& f_;
  const TrainArguments& a_;
};

/// Floats in f16 and bf16 have too few digits to be trained in.
void check_types(const Function& f) {
  for (const Value* parameter : f.parameters())
    if (parameter->dtype() != DType::f32 && parameter->dtype() != DType::f64)
      fail(ErrorKind::Unsupported,
           "initializer \"{}\" is {}: weights are trained in f32 or f64 alone; leave it out with --train-only",
           parameter->name(), parameter->type().str());
}

}  // namespace

void feed_zeros(Function& f, const Function& whole, const std::vector<std::string>& names) {
  const std::vector<Value*> all = arguments_of(whole), needed = arguments_of(f);
  const auto named = [](const std::string& name) {
    return [&name](const Value* value) { return value->name() == name && !value->is_parameter(); };
  };
  std::set<std::string> bound;
  for (const Value* argument : needed)
    if (!argument->is_parameter() && std::find(names.begin(), names.end(), argument->name()) == names.end())
      for (const ir::Dim& dim : argument->shape()) dim.collect_symbols(bound);
  for (const std::string& name : names) {
    if (std::none_of(all.begin(), all.end(), named(name)))
      fail(ErrorKind::BadInput, "--zero {}: the model has no such input", name);
    const auto it = std::find_if(needed.begin(), needed.end(), named(name));
    if (it == needed.end()) continue;
    Value* argument = *it;
    std::set<std::string> symbols;
    for (const ir::Dim& dim : argument->shape()) dim.collect_symbols(symbols);
    for (const std::string& symbol : symbols)
      if (!bound.contains(symbol))
        fail(ErrorKind::BadInput,
             "--zero {}: it is {}, and no other input says what {} is; give it a number (--dim {}=...) or data", name,
             argument->type().str(), symbol, symbol);
    ir::Builder builder(f, f.body(), f.body().ops().front().get());
    builder.set_location("--zero " + name);
    argument->replace_all_uses_with(builder.broadcast(builder.blank_like(argument), argument->shape()));
    f.body().erase_argument(static_cast<size_t>(argument->index()));
  }
}

TrainModel prepare_train_model(const TrainArguments& a) { return prepare_train_model(import_trainable(a), a); }

TrainModel prepare_train_model(std::unique_ptr<Function> whole, const TrainArguments& a) {
  TrainModel m;
  m.whole = std::move(whole);
  m.output = chosen_output(*m.whole, a);
  m.training = ir::clone(*m.whole);
  Function& f = *m.training;
  const auto at = std::find(f.output_names.begin(), f.output_names.end(), m.output) - f.output_names.begin();
  Value* output = f.body().terminator()->operand(static_cast<size_t>(at));
  if (!ir::is_float(output->dtype()))
    fail(ErrorKind::BadInput, "output \"{}\" is {}, expected floats; train another output: --output NAME", m.output,
         output->type().str());
  keep_with_checks(f, {m.output}, {output});
  output = f.body().terminator()->operand(0);
  feed_zeros(f, *m.whole, a.zeros);
  output = f.body().terminator()->operand(0);
  check_types(f);
  for (const Value* argument : arguments_of(f)) {
    if (argument->is_parameter())
      m.trained.push_back(argument->name());
    else if (argument->name() != dsl::kTrainingStep)
      m.inputs.push_back({argument->name(), argument->type(), 0});
  }
  if (m.trained.empty())
    fail(ErrorKind::BadInput, "output \"{}\" depends on none of the weights that may be trained; it is as it is",
         m.output);
  for (const Value* argument : arguments_of(*m.whole)) {
    const auto same = [&](const TrainPort& port) { return port.name == argument->name(); };
    if (!argument->is_parameter() && argument->name() != dsl::kTrainingStep &&
        std::none_of(m.inputs.begin(), m.inputs.end(), same))
      m.unneeded.push_back(argument->name());
  }
  const auto axes = given_axes(a.axes);
  for (const auto& [name, axis] : axes)
    if (name != m.output &&
        std::none_of(m.inputs.begin(), m.inputs.end(), [&](const auto& p) { return p.name == name; }))
      fail(ErrorKind::BadInput, "--axis {}={}: output \"{}\" needs no such input", name, axis, m.output);
  const BatchAxes batch = find_batch_axes(m.inputs, axes);
  m.rows = batch.rows, m.fixed_rows = batch.fixed;
  const int64_t axis = output_axis(m.output, output->type(), batch, axes);
  LossWriter(m, a).write(loss_operand(output, m.output, a, m.notes), axis);
  return m;
}

std::unique_ptr<Function> predictor(const Function& model, const std::string& output,
                                    const std::map<std::string, ir::Tensor>& weights) {
  auto result = ir::clone(model);
  for (Value* parameter : result->parameters())
    if (const auto it = weights.find(parameter->name()); it != weights.end())
      result->make_parameter(parameter, it->second);
  training::finish_training(*result, {output});
  return result;
}

}  // namespace seqc::tools
