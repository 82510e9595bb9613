#include "passes/streaming/streaming.h"

#include <algorithm>

#include "ir/clone.h"
#include "ir/error.h"
#include "ir/verifier.h"
#include "passes/pass.h"
#include "passes/streaming/flow.h"

namespace seqc::passes {
namespace {

using ir::Dim;
using ir::Value;

/// Without the arithmetic on shapes that importers write.
std::unique_ptr<ir::Function> tidy(const ir::Function& function) {
  auto copy = ir::clone(function);
  PassContext context;
  run_passes(*copy, {"fold", "simplify", "fold", "simplify", "eliminate-common-subexpressions", "eliminate-dead-code"},
             context, {});
  return copy;
}

const Value* argument(const ir::Function& f, const std::string& name) {
  for (size_t i = 0; i < f.body().argument_count(); ++i)
    if (f.body().argument(i)->name() == name) return f.body().argument(i);
  return nullptr;
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += fmt::format("{}\"{}\"", text.empty() ? "" : ", ", name);
  return text;
}

void check_states(const ir::Function& f, const StreamOptions& options) {
  std::vector<std::string> inputs;
  for (size_t i = 0; i < f.body().argument_count(); ++i) inputs.push_back(f.body().argument(i)->name());
  std::set<std::string> seen;
  for (const auto& [in, out] : options.states) {
    const Value* input = argument(f, in);
    if (!input)
      fail(ErrorKind::BadInput, "state {}:{}: no input is called \"{}\", expected one of {}", in, out, in,
           list(inputs));
    const auto at = std::find(f.output_names.begin(), f.output_names.end(), out);
    if (at == f.output_names.end())
      fail(ErrorKind::BadInput, "state {}:{}: no output is called \"{}\", expected one of {}", in, out, out,
           list(f.output_names));
    const Value* output = f.body().terminator()->operand(static_cast<size_t>(at - f.output_names.begin()));
    if (!(input->type() == output->type()))
      fail(ErrorKind::BadInput, "state {}:{}: the input is {} and the output {}; expected one type{}", in, out,
           input->type().str(), output->type().str(),
           input->dtype() == output->dtype() ? " (numbers for named dims may make them one)" : "");
    if (!seen.insert("<" + in).second || !seen.insert(">" + out).second)
      fail(ErrorKind::BadInput, "state {}:{}: it is bound twice", in, out);
  }
  for (const auto& [name, tensor] : options.initial) {
    const bool bound = seen.contains("<" + name);
    if (!bound) fail(ErrorKind::BadInput, "initial value of \"{}\": no such state is bound", name);
    const Value* input = argument(f, name);
    bool fits = tensor.dtype() == input->dtype() && (tensor.rank() == 0 || tensor.rank() == input->rank());
    for (int64_t i = 0; fits && i < tensor.rank(); ++i) {
      const int64_t size = tensor.shape()[static_cast<size_t>(i)];
      fits = size == 1 || input->shape()[static_cast<size_t>(i)] == Dim(size);
    }
    if (!fits)
      fail(ErrorKind::BadInput, "initial value of \"{}\": got {}, expected {}, with 1 where it is repeated", name,
           tensor.type_str(), input->type().str());
  }
}

/// The only named dim besides time: of states that the model has, else of all inputs.
std::string find_rows(const ir::Function& f, const StreamOptions& options, const std::string& time) {
  std::set<std::string> of_states, of_inputs;
  for (size_t i = 0; i < f.body().argument_count(); ++i) {
    const Value* value = f.body().argument(i);
    if (options.dropped.contains(value->name())) continue;
    const bool bound = std::any_of(options.states.begin(), options.states.end(),
                                   [&](const auto& state) { return state.first == value->name(); });
    for (const Dim& dim : value->shape())
      if (dim.is_symbol() && dim.symbol_name() != time) (bound ? of_states : of_inputs).insert(dim.symbol_name());
  }
  if (!options.rows.empty()) {
    if (!of_states.contains(options.rows) && !of_inputs.contains(options.rows))
      fail(ErrorKind::BadInput, "streaming: no input has a dim \"{}\", which was said to count streams", options.rows);
    return options.rows;
  }
  if (of_states.size() == 1) return *of_states.begin();
  return of_states.empty() && of_inputs.size() == 1 ? *of_inputs.begin() : "";
}

/// One call is one step: the model as it is, states last.
SteppedModel bind_states(const ir::Function& f, const StreamOptions& options) {
  SteppedModel plan;
  plan.step = std::make_unique<ir::Function>(f.name);
  plan.rows = find_rows(f, options, "");
  ir::Block& body = plan.step->body();
  ir::ValueMap map;
  for (const auto& constant : f.constants())
    map[constant.get()] = plan.step->constant(constant->constant(), constant->name());
  const auto state_of = [&](const std::string& name, bool output) {
    return std::find_if(options.states.begin(), options.states.end(),
                        [&](const auto& state) { return (output ? state.second : state.first) == name; });
  };
  for (size_t i = 0; i < f.body().argument_count(); ++i) {
    const Value* value = f.body().argument(i);
    if (options.dropped.contains(value->name()) || state_of(value->name(), false) != options.states.end()) continue;
    map[value] = body.add_argument(value->type(), value->name());
    plan.inputs.push_back({value->name(), value->type(), -1});
  }
  for (const auto& [in, out] : options.states) {
    const Value* value = argument(f, in);
    map[value] = body.add_argument(value->type(), in);
    const auto initial = options.initial.find(in);
    StreamState state{in, value->type(), -1,
                      initial == options.initial.end() ? ir::Tensor(value->dtype(), {}) : initial->second,
                      fmt::format("the model's own, next from output \"{}\"", out)};
    for (int64_t axis = 0; axis < value->rank(); ++axis)
      if (const Dim& dim = value->shape()[static_cast<size_t>(axis)]; dim.is_symbol() && dim.symbol_name() == plan.rows)
        state.rows_axis = axis;
    plan.states.push_back(std::move(state));
  }
  for (size_t i = 0; i < f.body().argument_count(); ++i)
    if (const Value* value = f.body().argument(i); options.dropped.contains(value->name()) && !value->unused())
      fail(ErrorKind::Internal, "streaming: input \"{}\" is read, and its value was said to be part of the model",
           value->name());
  ir::clone_ops(f.body(), body, nullptr, map, false);
  std::vector<Value*> results;
  std::map<std::string, Value*> next;
  for (size_t i = 0; i < f.output_names.size(); ++i) {
    const Value* value = f.body().terminator()->operand(i);
    if (const auto state = state_of(f.output_names[i], true); state != options.states.end()) {
      next[state->first] = map.at(value);
      continue;
    }
    plan.outputs.push_back({f.output_names[i], value->type()});
    plan.step->output_names.push_back(f.output_names[i]);
    results.push_back(map.at(value));
  }
  for (const StreamState& state : plan.states) {
    results.push_back(next.at(state.name));
    plan.step->output_names.push_back("next " + state.name);
  }
  ir::Builder(*plan.step).return_(std::move(results));
  return plan;
}

SteppedModel plan_stream(const ir::Function& whole, StreamOptions options) {
  const streaming::TimeAxes axes = streaming::find_time_axes(whole, options);
  std::string time;
  for (const auto& [name, axis] : axes)
    if (const Dim& dim = argument(whole, name)->shape()[static_cast<size_t>(axis)]; dim.is_symbol())
      time = dim.symbol_name();
  options.rows = find_rows(whole, options, time);
  constexpr int64_t kMostFrames = 1 << 20;
  for (int64_t hop = 1;;) {
    try {
      return streaming::Rewriter(whole, options, axes, hop).run();
    } catch (const streaming::LargerHop& larger) {
      hop = larger.hop;
      if (hop > kMostFrames)
        fail(ErrorKind::Unsupported, "streaming: strides group {} frames, more than {}", hop, kMostFrames);
    }
  }
}

}  // namespace

SteppedModel make_stream(const ir::Function& function, const StreamOptions& options) {
  check_states(function, options);
  if (!options.states.empty() && options.time.empty()) return bind_states(function, options);
  const auto whole = tidy(function);
  SteppedModel plan = plan_stream(*whole, options);
  PassContext context;
  run_passes(*plan.step, {"eliminate-dead-code"}, context, {});
  if (const auto faults = ir::verify(*plan.step); !faults.empty())
    fail(ErrorKind::Internal, "streaming: {}", faults[0].message);
  return plan;
}

}  // namespace seqc::passes
