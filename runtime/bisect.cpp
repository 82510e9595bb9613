#include "runtime/bisect.h"

#include <algorithm>
#include <map>

#include "ir/clone.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "passes/remarks.h"
#include "runtime/session.h"

namespace seqc::runtime {
namespace {

using ir::Op;
using ir::Opcode;
using ir::Value;
using Tensors = std::vector<ir::Tensor>;

/// The function in front of each pass that changes it, and behind the last one.
struct Stage {
  int pass;  ///< that comes next
  std::unique_ptr<ir::Function> function;
};

bool differs(const Tensors& got, const Tensors& want, const Tolerance& tolerance) {
  if (got.size() != want.size()) return true;
  for (size_t i = 0; i < want.size(); ++i)
    if (difference(got[i], want[i], tolerance)) return true;
  return false;
}

// --- what happened in a run of the interpreter ---------------------------------------------------------------------------

std::string scan_name(const Op& scan) {
  passes::Remarks::Scan named;
  named.location = scan.location();
  for (size_t i = 0; i < scan.result_count() && named.name.empty(); ++i)
    if (!scan.result(i)->name().empty()) named.name = "%" + scan.result(i)->name();
  return passes::scan_text(named);
}

/// The steps of a scan in the function's own block.
struct ScanRun {
  const Op* scan;
  std::vector<Tensors> steps;  ///< what each yields
};

/// Results of the ops of a function's own block, and the steps of its scans, in program order.
struct Run {
  std::vector<std::pair<const Op*, Tensors>> ops;
  std::vector<ScanRun> scans;

  Run(const ir::Function& function, const Tensors& inputs) {
    ir::Observer observer;
    observer.op = [&](const Op& op, const Tensors& results) { ops.emplace_back(&op, results); };
    observer.step = [&](const Op& scan, int64_t step, const Tensors& yielded) {
      if (scan.parent()->parent_op()) return;
      if (step == 0) scans.push_back({&scan, {}});
      scans.back().steps.push_back(yielded);
    };
    ir::interpret(function, inputs, &observer);
  }
};

std::string value_name(const Value& value, const char* otherwise) {
  return value.name().empty() ? otherwise : "%" + value.name();
}

/// Which yielded value of `before` is number i of `after`'s: of the same name, or in the same place where all are.
std::optional<size_t> counterpart(const Op& before, const Op& after, size_t i) {
  const auto &old_values = before.region().terminator()->operands(), &values = after.region().terminator()->operands();
  for (size_t k = 0; k < old_values.size(); ++k)
    if (!values[i]->name().empty() && old_values[k]->name() == values[i]->name()) return k;
  if (old_values.size() == values.size()) return i;
  return std::nullopt;
}

/// The first step in which one of two scans yields something else.
std::optional<DifferentStep> different_step(const ScanRun& before, const ScanRun& after, const Tolerance& tolerance) {
  for (size_t step = 0; step < std::min(before.steps.size(), after.steps.size()); ++step)
    for (size_t i = 0; i < after.steps[step].size(); ++i) {
      const auto k = counterpart(*before.scan, *after.scan, i);
      if (!k) continue;
      auto found = difference(after.steps[step][i], before.steps[step][*k], tolerance);
      if (!found || !found->types.empty()) continue;
      const Value* value = after.scan->region().terminator()->operand(i);
      return DifferentStep{scan_name(*after.scan), value_name(*value, "a yielded value"), static_cast<int64_t>(step),
                           static_cast<int64_t>(after.steps.size()), std::move(*found)};
    }
  return std::nullopt;
}

/// Which scan of `before` is number i of `after`'s: of the same name, or in the same place where there are as many.
const ScanRun* counterpart(const Run& before, const Run& after, size_t i) {
  if (before.scans.size() == after.scans.size()) return &before.scans[i];
  for (const ScanRun& scan : before.scans)
    if (scan_name(*scan.scan) == scan_name(*after.scans[i].scan)) return &scan;
  return nullptr;
}

/// Compares what both functions compute on the way, by the names of values.
void find_value(Culprit& culprit, const ir::Function& before_function, const ir::Function& after_function,
                const Tensors& inputs, const Tolerance& tolerance) {
  const Run before(before_function, inputs), after(after_function, inputs);
  std::map<std::string, const ir::Tensor*> known;
  for (const auto& [op, results] : before.ops)
    for (size_t i = 0; i < results.size(); ++i)
      if (!op->result(i)->name().empty()) known.try_emplace(op->result(i)->name(), &results[i]);
  for (const auto& [op, results] : after.ops) {
    for (size_t i = 0; i < results.size() && culprit.value.empty(); ++i) {
      const auto other = known.find(op->result(i)->name());
      if (other == known.end()) continue;
      auto found = difference(results[i], *other->second, tolerance);
      if (!found || !found->types.empty()) continue;
      culprit.value = "%" + op->result(i)->name();
      culprit.difference = std::move(found);
    }
  }
  for (size_t i = 0; i < after.scans.size() && !culprit.step; ++i)
    if (const ScanRun* other = counterpart(before, after, i))
      culprit.step = different_step(*other, after.scans[i], tolerance);
}

// --- code generation ------------------------------------------------------------------------------------------------------

/// An output that was added to a function to see a value: of a scan the values of all steps.
struct Exposed {
  std::string name;
  const Op* scan = nullptr;  ///< the value is one of its body
  std::string scan_text;
  bool reverse = false;
};

bool is_shown(const Value* value) { return ir::is_arithmetic(value->dtype()); }

/// Makes what scans carry, step by step, and every value of the function's own block outputs, in program order.
std::vector<Exposed> expose(ir::Function& function) {
  std::vector<Exposed> exposed;
  Op* end = function.body().terminator();
  std::vector<Value*> returned;
  function.output_names.clear();
  const auto add = [&](Value* value, Exposed entry) {
    function.output_names.push_back(fmt::format("value{}", exposed.size()));
    returned.push_back(value);
    exposed.push_back(std::move(entry));
  };
  for (Op* op : function.body().op_list()) {
    if (op == end || op->code() == Opcode::Kernel || op->code() == Opcode::BindDim) continue;
    if (op->code() == Opcode::Scan) {
      const auto& attr = op->as<ir::ScanAttr>();
      const auto yielded = op->region().terminator()->operands();
      auto emitted = yielded;
      for (size_t i = 0; i < yielded.size(); ++i) {
        if (!is_shown(yielded[i])) continue;
        Value* all = nullptr;
        if (static_cast<int64_t>(i) < attr.carries) {
          ir::Type type = yielded[i]->type();
          type.shape.insert(type.shape.begin(), attr.length);
          emitted.push_back(yielded[i]);
          all = op->add_result(std::move(type));
        } else {
          all = op->result(i);
        }
        add(all, {value_name(*yielded[i], "a carried value"), op, scan_name(*op), attr.reverse});
      }
      op->region().terminator()->set_operands(std::move(emitted));
    } else if (op->region_count() == 0) {
      for (size_t i = 0; i < op->result_count(); ++i)
        if (is_shown(op->result(i)))
          add(op->result(i), {value_name(*op->result(i), op->info().mnemonic.data()), nullptr, "", false});
    }
  }
  for (size_t i = 0; i < end->operands().size(); ++i) add(end->operand(i), {"an output", nullptr, "", false});
  end->set_operands(std::move(returned));
  return exposed;
}

/// What the first wrong element of all steps of a value says of the step in which it went wrong.
DifferentStep step_of(const Exposed& exposed, const ir::Tensor& got, const ir::Tensor& want,
                      const Tolerance& tolerance) {
  const int64_t steps = want.shape()[0];
  const std::vector<int64_t> shape(want.shape().begin() + 1, want.shape().end());
  const auto cut = [&](const ir::Tensor& all, int64_t at) {
    ir::Tensor one(all.dtype(), shape);
    std::copy_n(all.bytes() + static_cast<size_t>(at) * one.byte_size(), one.byte_size(), one.mutable_bytes());
    return one;
  };
  for (int64_t step = 0; step < steps; ++step) {
    const int64_t at = exposed.reverse ? steps - 1 - step : step;
    if (auto found = difference(cut(got, at), cut(want, at), tolerance))
      return {exposed.scan_text, exposed.name, step, steps, std::move(*found)};
  }
  return {exposed.scan_text, exposed.name, 0, steps, {}};
}

/// Compiles `before` (not in kernel form yet) with all its values as outputs, and holds them against the interpreter's.
void find_generated_value(Culprit& culprit, const ir::Function& before, const std::vector<passes::PassInfo>& rest,
                          const Tensors& inputs, const VerifyOptions& options) {
  auto shown = ir::clone(before);
  const std::vector<Exposed> exposed = expose(*shown);
  const Tensors want = ir::interpret(*shown, inputs);
  passes::PassContext context = options.context;
  for (const passes::PassInfo& pass : rest) pass.run(*shown, context);
  Session session(options.generate(ready(std::move(shown))), options.threads);
  const Tensors got = session.run(inputs);
  for (size_t i = 0; i < exposed.size(); ++i) {
    auto found = difference(got[i], want[i], options.tolerance);
    if (!found || !found->types.empty()) continue;
    // Values of a scan go wrong step by step: the earliest step counts, whichever value it is.
    if (exposed[i].scan) {
      for (size_t k = i; k < exposed.size() && exposed[k].scan == exposed[i].scan; ++k) {
        if (!difference(got[k], want[k], options.tolerance)) continue;
        DifferentStep step = step_of(exposed[k], got[k], want[k], options.tolerance);
        if (!culprit.step || step.step < culprit.step->step) culprit.step = std::move(step);
      }
    }
    culprit.value = exposed[i].name;
    culprit.difference = std::move(found);
    return;
  }
}

}  // namespace

Culprit find_culprit(const ir::Function& function, const std::vector<passes::PassInfo>& passes, const Tensors& inputs,
                     const Tensors& want, const VerifyOptions& options) {
  std::vector<Stage> stages;
  auto current = ir::clone(function);
  passes::PassContext context = options.context;
  Culprit culprit;
  size_t kernels = passes.size();  // the pass that forms them
  for (size_t i = 0; i < passes.size(); ++i) {
    auto before = ir::clone(*current);
    if (passes[i].name == "form-kernels") kernels = std::min(kernels, i);
    if (passes[i].run(*current, context)) stages.push_back({static_cast<int>(i), std::move(before)});
  }
  stages.push_back({static_cast<int>(passes.size()), std::move(current)});

  const auto is_wrong = [&](const Stage& stage) {
    return differs(ir::interpret(*stage.function, inputs), want, options.tolerance);
  };
  if (is_wrong(stages.back())) {
    size_t right = 0, wrong = stages.size() - 1;  // the first stage is what `want` was made of
    while (right + 1 < wrong) {
      const size_t middle = (right + wrong) / 2;
      (is_wrong(stages[middle]) ? wrong : right) = middle;
    }
    culprit.position = stages[right].pass;
    culprit.pass = passes[static_cast<size_t>(culprit.position)].name;
    find_value(culprit, *stages[right].function, *stages[wrong].function, inputs, options.tolerance);
    culprit.before = std::move(stages[right].function);
    return culprit;
  }
  // What stands in front of the kernels' forming can still be changed so that all of it is seen.
  auto stage =
      std::find_if(stages.begin(), stages.end(), [&](const Stage& s) { return s.pass >= static_cast<int>(kernels); });
  if (stage != stages.end() && kernels < passes.size()) {
    const std::vector<passes::PassInfo> rest(passes.begin() + static_cast<ptrdiff_t>(kernels), passes.end());
    try {
      find_generated_value(culprit, *stage->function, rest, inputs, options);
    } catch (const Error&) {  // of a function with so many outputs: then no value can be told
    }
  }
  culprit.before = std::move(stages.back().function);
  return culprit;
}

}  // namespace seqc::runtime
