#include "passes/differentiate.h"

#include <algorithm>

#include "ir/error.h"
#include "passes/pass.h"
#include "passes/reverse_sweep.h"
#include "passes/rewrite.h"

namespace seqc::passes {

using namespace ir;

namespace {

SavePolicy policy_of(const GradientOptions& options) {
  return {.max_saved_bytes = options.max_saved_bytes, .expected_dims = options.expected_dims};
}

/// The ops of `end`'s block in front of it.
std::vector<Op*> ops_before(const Op* end) {
  std::vector<Op*> ops = end->parent()->op_list();
  ops.erase(std::find(ops.begin(), ops.end(), end), ops.end());
  return ops;
}

/// Sweeps from y back over the block of `end`, in front of which it writes.
ReverseSweep sweep_back(Op* end, Value* y, const std::vector<Value*>& by, SavePolicy policy) {
  const auto ops = ops_before(end);
  ReverseSweep sweep(Builder::before(end), dependents(ops, ValueSet(by.begin(), by.end())), std::move(policy));
  for (const Value* value : by) sweep.stop_at(value);
  if (sweep.varies(y)) sweep.add(y, sweep.builder().broadcast(sweep.builder().scalar_like(y, 1), y->shape()));
  sweep.run(ops);
  return sweep;
}

/// True for rows added to zeros at indices of one number each.
bool is_added_rows(const Value* value) {
  const Op* scatter = defining(value, Opcode::ScatterNd);
  return scatter && scatter->as<ScatterAttr>().kind == ScatterKind::Add && is_splat(scatter->operand(0), 0) &&
         scatter->operand(1)->rank() == 2 && scatter->operand(1)->shape()[1] == Dim(1);
}

Gradient as_rows(Builder& b, const std::vector<Value*>& contributions) {
  std::vector<Value*> indices, rows;
  for (const Value* value : contributions) {
    const Op* scatter = value->op();
    Value* numbers = scatter->operand(1);
    indices.push_back(b.cast(b.reshape(numbers, {numbers->shape()[0]}), DType::i64));
    rows.push_back(scatter->operand(2));
  }
  return {.indices = b.concat(indices, 0), .rows = b.concat(rows, 0)};
}

bool expand_in(Block& block, const SavePolicy& policy) {
  bool changed = false;
  for (Op* op : block.op_list()) {
    for (size_t i = 0; i < op->region_count(); ++i) changed |= expand_in(op->region(i), policy);
    if (op->code() != Opcode::Gradient) continue;
    const std::vector<Value*> by(op->operands().begin() + 1, op->operands().end());
    ReverseSweep sweep = sweep_back(op, op->operand(0), by, policy);
    std::vector<Value*> results;
    for (const Value* x : by) results.push_back(sweep.adjoint_or_zeros(x));
    replace_op(op, results);
    changed = true;
  }
  return changed;
}

/// Writes out what the function itself asks for. That makes ops anew; `values` are followed, as outputs for that time.
void expand_gradients(Function& f, std::vector<Value*>& values) {
  Op* end = f.body().terminator();
  std::vector<Value*> outputs = end->operands();
  const auto own = static_cast<ptrdiff_t>(outputs.size());
  outputs.insert(outputs.end(), values.begin(), values.end());
  end->set_operands(std::move(outputs));
  PassContext context;
  differentiate(f, context);
  hoist_invariants(f, context);
  outputs = end->operands();
  values.assign(outputs.begin() + own, outputs.end());
  outputs.resize(static_cast<size_t>(own));
  end->set_operands(std::move(outputs));
}

}  // namespace

std::vector<Gradient> gradients(Function& f, Value* y, const std::vector<Value*>& by, const GradientOptions& options) {
  std::vector<Value*> values = by;
  values.push_back(y);
  expand_gradients(f, values);
  y = values.back();
  values.pop_back();
  ReverseSweep sweep = sweep_back(f.body().terminator(), y, values, policy_of(options));
  std::vector<Gradient> result;
  for (const Value* x : values) {
    const auto& parts = sweep.contributions(x);
    if (options.sparse_rows && !parts.empty() && std::all_of(parts.begin(), parts.end(), is_added_rows))
      result.push_back(as_rows(sweep.builder(), parts));
    else
      result.push_back({.dense = sweep.adjoint_or_zeros(x)});
  }
  return result;
}

void add_gradients(Function& f, const std::string& loss, std::vector<std::string> names,
                   const GradientOptions& options) {
  Op* end = f.body().terminator();
  const auto output = std::find(f.output_names.begin(), f.output_names.end(), loss);
  if (output == f.output_names.end())
    fail(ErrorKind::BadInput, "gradient: got no output \"{}\", expected one of {}", loss,
         fmt::join(f.output_names, ", "));
  Value* y = end->operand(static_cast<size_t>(output - f.output_names.begin()));
  if (!is_float(y->dtype()) || !(element_count(y->shape()) == Dim(1)))
    fail(ErrorKind::BadInput, "gradient: output \"{}\" is {}, expected one float", loss, y->type().str());
  if (names.empty())
    for (const Value* parameter : f.parameters()) names.push_back(parameter->name());
  std::vector<Value*> by;
  for (const std::string& name : names) {
    Value* found = nullptr;
    for (size_t i = 0; i < f.body().argument_count(); ++i)
      if (f.body().argument(i)->name() == name) found = f.body().argument(i);
    if (!found) fail(ErrorKind::BadInput, "gradient: got no argument \"{}\"", name);
    if (!is_float(found->dtype()))
      fail(ErrorKind::BadInput, "gradient: argument \"{}\" is {}, expected floats", name, found->type().str());
    by.push_back(found);
  }
  const auto all = gradients(f, y, by, options);
  std::vector<Value*> outputs = end->operands();
  const auto put = [&](const std::string& name, Value* value) {
    if (!value) return;
    outputs.push_back(value);
    f.output_names.push_back(name);
  };
  for (size_t i = 0; i < by.size(); ++i) {
    put("grad_" + names[i], all[i].dense);
    put("grad_" + names[i] + ".indices", all[i].indices);
    put("grad_" + names[i] + ".rows", all[i].rows);
  }
  end->set_operands(std::move(outputs));
}

/// Replaces each `gradient` by the ops that compute it: reverse mode, one rule an op (derivative_*.cpp). A gradient of a
/// gradient is expanded from the first to the last. Before: everything else. Exact.
/// Does not fire on: values that no gradient asks for. Refuses ops without a rule (those of kernels, sizes that data decide
/// in a loop).
bool differentiate(Function& f, PassContext& context) {
  bool any = false;
  walk(f.body(), [&](const Op* op) { any = any || op->code() == Opcode::Gradient; });
  if (!any) return false;
  hoist_invariants(f, context);
  return expand_in(f.body(), {.max_saved_bytes = context.max_saved_bytes, .expected_dims = context.expected_dims});
}

}  // namespace seqc::passes
