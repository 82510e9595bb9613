#include "passes/checkpoints.h"

#include <algorithm>
#include <cmath>

#include "ir/error.h"
#include "ir/step_numbers.h"
#include "passes/region_view.h"
#include "passes/rewrite.h"

namespace seqc::passes {

using namespace ir;

namespace {

/// The ops in front of `end` that are not in `before`.
std::vector<Op*> new_ops(const Op* end, const std::vector<Op*>& before) {
  std::vector<Op*> result;
  for (Op* op : end->parent()->op_list()) {
    if (op == end) break;
    if (std::find(before.begin(), before.end(), op) == before.end()) result.push_back(op);
  }
  return result;
}

/// The ops of a region in another one; what they yield.
std::vector<Value*> copy_region(const Block& region, Builder& into, const std::vector<Value*>& arguments) {
  ValueMap map;
  for (size_t i = 0; i < arguments.size(); ++i) map[region.argument(i)] = arguments[i];
  clone_ops(region, into.block(), nullptr, map, false);
  std::vector<Value*> yields;
  for (Value* value : region.terminator()->operands()) {
    const auto it = map.find(value);
    yields.push_back(it == map.end() ? value : it->second);
  }
  return yields;
}

std::vector<Value*> results(const Op* op, size_t begin, size_t end) {
  std::vector<Value*> values;
  for (size_t i = begin; i < end; ++i) values.push_back(op->result(i));
  return values;
}

/// Cuts one scan; see scan_in_segments.
class Cut {
 public:
  Cut(Op* scan, int64_t steps)
      : scan_(scan), b_(Builder::before(scan)), steps_(steps), segments_(floordiv(scan_.length(), steps_)) {}

  Rewritten run() {
    const std::vector<Op*> before = scan_.op()->parent()->op_list();
    std::vector<Value*> states;
    for (int64_t i = 0; i < scan_.carries(); ++i) states.push_back(scan_.initial(i));
    const Dim rest = scan_.length() - segments_ * steps_;
    std::vector<Value*> of_segments, of_rest;
    if (scan_.reverse() && !(rest == Dim(0))) of_rest = scan_rest(rest, states);
    of_segments = scan_segments(states);
    if (!scan_.reverse() && !(rest == Dim(0))) of_rest = scan_rest(rest, states);
    Rewritten result{.ops = {}, .results = states, .outer = outer_};
    for (size_t i = 0; i < of_segments.size(); ++i)
      result.results.push_back(of_rest.empty() ? of_segments[i] : b_.concat({of_segments[i], of_rest[i]}, 0));
    result.ops = new_ops(scan_.op(), before);
    return result;
  }

 private:
  /// Steps [start, start + count) of each scanned input.
  std::vector<Value*> inputs(const Dim& start, const Dim& count) {
    std::vector<Value*> values;
    for (int64_t i = 0; i < scan_.inputs(); ++i) values.push_back(b_.slice_axis(scan_.input(i), 0, start, count));
    return values;
  }

  std::vector<Value*> scan_rest(const Dim& count, std::vector<Value*>& states) {
    const Op* rest = b_.scan(
        count, states, inputs(segments_ * steps_, count),
        [&](Builder& inner, const std::vector<Value*>& arguments) {
          return copy_region(scan_.body(), inner, arguments);
        },
        scan_.reverse());
    states = results(rest, 0, states.size());
    return results(rest, states.size(), rest->result_count());
  }

  std::vector<Value*> scan_segments(std::vector<Value*>& states) {
    std::vector<Value*> cut = inputs(Dim(0), segments_ * steps_);
    for (Value*& value : cut) {
      Shape shape = value->shape();
      shape[0] = steps_;
      shape.insert(shape.begin(), segments_);
      value = b_.reshape(value, std::move(shape));
    }
    const auto segment = [&](Builder& inner, const std::vector<Value*>& arguments) {
      const auto split = arguments.begin() + static_cast<ptrdiff_t>(states.size());
      const Op* steps = inner.scan(
          steps_, {arguments.begin(), split}, {split, arguments.end()},
          [&](Builder& step, const std::vector<Value*>& values) { return copy_region(scan_.body(), step, values); },
          scan_.reverse());
      return results(steps, 0, steps->result_count());
    };
    outer_ = b_.scan(segments_, states, std::move(cut), segment, scan_.reverse());
    std::vector<Value*> outputs = results(outer_, states.size(), outer_->result_count());
    for (Value*& value : outputs) {
      Shape shape(value->shape().begin() + 1, value->shape().end());
      shape[0] = segments_ * steps_;
      value = b_.reshape(value, std::move(shape));
    }
    states = results(outer_, 0, states.size());
    return outputs;
  }

  const ScanView scan_;
  Builder b_;
  const Dim steps_, segments_;
  Op* outer_ = nullptr;
};

/// The most steps that a loop takes: its own bound, or its trip count where the dims decide that.
std::optional<Dim> most_steps(const Op* loop) {
  const Dim& at_most = loop->as<LoopAttr>().at_most;
  if (!(at_most == Dim(-1))) return at_most;
  auto count = StepNumbers().expression(loop->operand(0));
  if (!count || StepNumbers::depends_on_steps(*count)) return std::nullopt;
  if (count->is_constant() && count->constant() > (int64_t{1} << 40)) return std::nullopt;  // no bound at all
  return provably_nonnegative(*count) ? *count : max(*count, Dim(0));
}

bool is_true(const Value* value) {
  const Tensor* constant = single_element(value);
  return constant && constant->integer(0) != 0;
}

}  // namespace

Rewritten scan_in_segments(Op* scan, int64_t steps) { return Cut(scan, steps).run(); }

int64_t segment_steps(double steps, double state_bytes, double step_bytes, double limit) {
  const auto memory = [&](double n) { return std::ceil(steps / n) * state_bytes + n * step_bytes; };
  const auto whole = [&](double n) { return std::clamp(std::floor(n), 1.0, std::max(1.0, steps)); };
  double chosen = whole(std::sqrt(steps * state_bytes / std::max(step_bytes, 1.0)));
  // n bytes + steps / n states = limit
  const double root = limit * limit - 4 * step_bytes * steps * state_bytes;
  if (root >= 0) chosen = std::max(chosen, whole((limit + std::sqrt(root)) / (2 * std::max(step_bytes, 1.0))));
  while (chosen > 1 && memory(chosen) > limit && memory(chosen - 1) <= memory(chosen)) --chosen;
  for (double n = chosen; n > chosen / 2; --n)  // segments that leave nothing over make less code
    if (std::fmod(steps, n) == 0 && memory(n) <= std::max(limit, memory(chosen))) return static_cast<int64_t>(n);
  return static_cast<int64_t>(chosen);
}

Rewritten loop_as_scan(Op* loop) {
  const auto length = most_steps(loop);
  if (!length)
    fail(ErrorKind::Unsupported,
         "{}: the derivative of a loop needs a bound on its steps; give it a trip count that the "
         "sizes of inputs decide, or at_most",
         loop->location());
  const CarryView view(loop);
  const std::vector<Op*> before = loop->parent()->op_list();
  Builder b = Builder::before(loop);
  Value* numbers = b.iota(*length);
  std::vector<Value*> states;
  for (int64_t i = 0; i < view.carries(); ++i) states.push_back(view.initial(i));
  const bool counted = is_true(loop->operand(1)) && is_true(loop->region().terminator()->operand(0)) &&
                       StepNumbers().expression(loop->operand(0)) == length;
  const auto step_of = [&](Builder& inner, Value* step, const std::vector<Value*>& carried) {
    std::vector<Value*> arguments = {step};
    arguments.insert(arguments.end(), carried.begin(), carried.end());
    return copy_region(loop->region(), inner, arguments);
  };
  Rewritten result;
  if (counted) {
    const Op* scan = b.scan(*length, states, {numbers}, [&](Builder& inner, const std::vector<Value*>& a) {
      std::vector<Value*> values = step_of(inner, a.back(), {a.begin(), a.end() - 1});
      values.erase(values.begin());
      return values;
    });
    result.results = results(scan, 0, scan->result_count());
  } else {
    states.insert(states.begin(), loop->operand(1));
    const Op* scan = b.scan(*length, states, {numbers}, [&](Builder& inner, const std::vector<Value*>& a) {
      Value* runs = inner.emit(Opcode::And, {a[0], inner.lt(a.back(), loop->operand(0))});
      const Op* either = inner.if_(
          runs,
          [&](Builder& there, const std::vector<Value*>&) {
            return step_of(there, a.back(), {a.begin() + 1, a.end() - 1});
          },
          [&](Builder& there, const std::vector<Value*>&) {
            std::vector<Value*> values = {there.constant(Tensor::scalar(DType::boolean, 0))};
            values.insert(values.end(), a.begin() + 1, a.end() - 1);
            const auto& yields = loop->region().terminator()->operands();
            for (size_t i = values.size(); i < yields.size(); ++i)
              values.push_back(there.broadcast(there.blank_like(yields[i]), yields[i]->shape()));
            return values;
          });
      return results(either, 0, either->result_count());
    });
    result.results = results(scan, 1, scan->result_count());
  }
  result.ops = new_ops(loop, before);
  return result;
}

void put_in_place(Op* op, const Rewritten& rewritten) { replace_op(op, rewritten.results); }

}  // namespace seqc::passes
