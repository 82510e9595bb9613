#include "frontend/dsl/scan.h"

#include "ir/error.h"

namespace seqc::dsl {

using ir::Dim;
using ir::Shape;
using ir::Value;

namespace {

std::vector<Value*> values(const Vars& vars) {
  std::vector<Value*> result;
  for (const Var& var : vars) result.push_back(var.value());
  return result;
}

Vars variables(Context& context, const std::vector<Value*>& values) {
  Vars result;
  for (Value* value : values) result.emplace_back(context, value);
  return result;
}

/// [N,1] for one step, stretched to the rank of what it selects.
Var mask_for(const Var& valid, const Var& x) {
  if (x.rank() < 1) fail(ErrorKind::BadInput, "scan: got a scalar state or output, expected [N, ...] with lengths");
  Shape shape(static_cast<size_t>(x.rank()), Dim(1));
  shape[0] = valid.dim(0);
  return reshape(valid, std::move(shape));
}

/// `after` where the step is valid; else states keep `before` and outputs are 0.
void keep_invalid_rows(const Var& valid, const Vars& before, Step& after) {
  for (size_t i = 0; i < after.states.size(); ++i)
    after.states[i] = where(mask_for(valid, after.states[i]), after.states[i], before[i]);
  for (Var& output : after.outputs) output = where(mask_for(valid, output), output, 0.0);
}

void check_states(const Vars& initial, const Vars& next) {
  if (next.size() != initial.size())
    fail(ErrorKind::BadInput, "scan: the cell returns {} states, expected {} as at the start", next.size(),
         initial.size());
  for (size_t i = 0; i < next.size(); ++i)
    if (!(next[i].value()->type() == initial[i].value()->type()))
      fail(ErrorKind::BadInput, "scan: the cell returns state {} as {}, expected {} as at the start", i,
           next[i].value()->type().str(), initial[i].value()->type().str());
}

/// Removes the last scanned input, the numbers of the steps, if no step asks for its number.
void drop_unused_steps(ir::Op* scan) {
  ir::Block& body = scan->region();
  if (!body.argument(body.argument_count() - 1)->unused()) return;
  ir::Op* numbers = scan->operands().back()->op();
  body.erase_argument(body.argument_count() - 1);
  scan->set_operands({scan->operands().begin(), scan->operands().end() - 1});
  if (numbers->unused()) numbers->erase();
}

}  // namespace

Scanned scan(const WideCell& cell, const Vars& xs, const Vars& initial, const ScanOptions& options) {
  if (xs.empty() && initial.empty()) fail(ErrorKind::BadInput, "scan: got neither sequences nor states");
  Context& context = (xs.empty() ? initial : xs).front().context();
  ir::Builder& outer = context.builder();
  const Dim steps = xs.empty() || xs[0].rank() == 0 ? options.steps : xs[0].dim(0);

  std::vector<Value*> scanned = values(xs);
  Var last;  // [N,1]: row n is valid at steps t < last[n]
  if (options.lengths) last = reshape(options.lengths, {options.lengths.dim(0), Dim(1)});
  scanned.push_back(outer.iota(steps, last ? last.dtype() : ir::DType::i64));
  size_t outputs = 0;
  const auto body = [&](ir::Builder& inner, const std::vector<Value*>& arguments) {
    const Context::Inside inside(context, inner, arguments.back());
    const Vars all = variables(context, arguments);
    const Vars states(all.begin(), all.begin() + static_cast<ptrdiff_t>(initial.size()));
    const Vars inputs(all.begin() + static_cast<ptrdiff_t>(initial.size()),
                      all.begin() + static_cast<ptrdiff_t>(initial.size() + xs.size()));
    Step step = cell(inputs, states);
    check_states(initial, step.states);
    if (last) keep_invalid_rows(all.back().named("t") < last, states, step);
    outputs = step.outputs.size();
    std::vector<Value*> yielded = values(step.states);
    for (const Var& output : step.outputs) yielded.push_back(output.value());
    return yielded;
  };
  ir::Op* op = outer.scan(steps, values(initial), std::move(scanned), body, options.reverse);
  drop_unused_steps(op);
  Scanned result;
  for (size_t i = 0; i < initial.size() + outputs; ++i)
    (i < initial.size() ? result.states : result.outputs).emplace_back(context, op->result(i));
  return result;
}

Scanned scan(const Cell& cell, const Var& x, const Vars& initial, const ScanOptions& options) {
  const WideCell wide = [&cell](const Vars& xs, const Vars& states) { return cell(xs[0], states); };
  return scan(wide, Vars{x}, initial, options);
}

}  // namespace seqc::dsl
