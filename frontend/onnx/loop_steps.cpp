// How many steps a Loop runs: by its trip count, by its condition, or by what its body compares.
#include <onnx/onnx_pb.h>

#include <algorithm>

#include "frontend/onnx/attempt.h"
#include "frontend/onnx/loop.h"
#include "frontend/onnx/support.h"
#include "ir/step_numbers.h"

namespace seqc::frontend {
namespace {

/// True if the name, inside `body`, is the condition it was given, or a constant that is true.
bool stays_true(Node& node, const onnx::GraphProto& body, std::string name) {
  for (int hops = 0; hops <= body.node_size(); ++hops) {
    if (body.input_size() > 1 && name == body.input(1).name()) return true;
    const onnx::NodeProto* producer = nullptr;
    for (const auto& candidate : body.node())
      for (const auto& output : candidate.output())
        if (output == name) producer = &candidate;
    if (!producer) break;
    if (producer->op_type() == "Identity" || producer->op_type() == "Cast") {
      if (producer->input_size() != 1) return false;
      name = producer->input(0);
    } else if (producer->op_type() == "Constant" && producer->attribute_size() == 1 && producer->attribute(0).has_t()) {
      const auto& t = producer->attribute(0).t();
      return t.data_type() == onnx::TensorProto::BOOL &&
             (t.has_raw_data() ? !t.raw_data().empty() && t.raw_data()[0] != 0
                               : t.int32_data_size() == 1 && t.int32_data(0));
    } else {
      return false;
    }
  }
  for (const auto& initializer : body.initializer())
    if (initializer.name() == name)
      return initializer.has_raw_data() ? !initializer.raw_data().empty() && initializer.raw_data()[0] != 0
                                        : initializer.int32_data_size() == 1 && initializer.int32_data(0);
  const Item* outer = node.graph().find(name);
  if (!outer || !outer->is_tensor()) return false;
  const auto known = outer->contents ? to_tensor(*outer->contents) : node.graph().model().evaluate(outer->value);
  return known && known->count() == 1 && known->integer(0) != 0;
}

}  // namespace

std::optional<Dim> trip_count(Node& node) {
  const auto known = node.known_contents(0);
  if (!known || known->values.size() != 1) return std::nullopt;
  const Dim count = known->values[0];
  if (count.is_constant()) return Dim(std::max<int64_t>(0, count.constant()));
  return provably_nonnegative(count) ? count : ir::max(count, Dim(0));
}

namespace {

/// The smaller number of steps; exporters write "as many as the condition allows" as a huge number.
Dim fewer(const Dim& steps, const std::optional<Dim>& limit) {
  constexpr int64_t kNoLimit = int64_t{1} << 40;
  if (!limit || provably_le(steps, *limit) || (limit->is_constant() && limit->constant() >= kNoLimit)) return steps;
  return provably_le(*limit, steps) ? *limit : ir::min(steps, *limit);
}

/// How often a body runs that goes on after step t while all of `after(t)` > 0, when all of `before` > 0 let it begin.
/// Nothing unless each condition falls from step to step, and the first step is allowed as all others are.
std::optional<Dim> steps_of_condition(ir::StepNumbers& numbers, const ir::Op* loop, const std::vector<Dim>& before,
                                      const std::vector<Dim>& after) {
  const auto first_stop = [](const Dim& at_first, int64_t fall) {  // of at_first - fall*t > 0
    const Dim count = ceildiv(at_first, Dim(fall));
    return provably_nonnegative(count) ? count : ir::max(count, Dim(0));
  };
  std::optional<Dim> steps;
  std::vector<Dim> open = before;
  for (const Dim& condition : after) {
    const auto line = numbers.line(condition, loop);
    if (!line || line->stride >= 0) return std::nullopt;
    const Dim one_earlier = line->start - Dim(line->stride);
    const auto same = std::find(open.begin(), open.end(), one_earlier);
    Dim count = first_stop(one_earlier, -line->stride);
    if (same != open.end())
      open.erase(same);
    else if (before.empty())  // it begins in any case
      count = first_stop(line->start, -line->stride) + Dim(1);
    else
      return std::nullopt;
    steps = steps ? ir::min(*steps, count) : count;
  }
  return open.empty() ? steps : std::nullopt;
}

/// The number of steps of a loop that its condition ends, when that compares the step's number or a counter with something
/// known. Imports the body to look at it, and throws it away; a body that no `loop` can hold says nothing.
std::optional<Dim> steps_of_body(Node& node, const LoopParts& parts) {
  std::optional<Dim> steps;
  const auto look = [&] {
    ir::Op* trial = import_trial(node, parts);
    ir::StepNumbers numbers;
    const auto before = numbers.condition(trial->operand(1)),
               after = numbers.condition(trial->region().terminator()->operand(0));
    if (before && after) steps = steps_of_condition(numbers, trial, *before, *after);
  };
  return examine(node, look) ? std::nullopt : steps;
}

}  // namespace

std::optional<Dim> count_steps(Node& node, const LoopParts& parts) {
  const auto condition = node.known_tensor(1);
  if (condition && condition->integer(0) == 0) return std::nullopt;
  const auto trips = trip_count(node);
  if (!parts.conditional) return trips;
  if (condition && stays_true(node, parts.body, parts.body.output(0).name())) return trips;
  if (node.has_input(0) && !trips) return std::nullopt;  // the number of steps comes at run time
  const auto steps = steps_of_body(node, parts);
  return steps ? std::optional(fewer(*steps, trips)) : std::nullopt;
}

}  // namespace seqc::frontend
