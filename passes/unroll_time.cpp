#include <fmt/format.h>

#include <algorithm>

#include "ir/named_dims.h"
#include "passes/pass.h"
#include "passes/region_view.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// An op that outweighs the loop around it; null if there is none.
const Op* heavy_op(const Block& block) {
  for (const auto& op : block.ops())
    if (op->region_count() > 0 || op->code() == Opcode::Contract || op->code() == Opcode::Conv) return op.get();
  return nullptr;
}

/// Why a scan stays a loop; empty if it does not.
std::string obstacle(const ScanView& scan, const PassContext& context) {
  if (!scan.length().is_constant())
    return fmt::format("the number of steps, {}, is known at run time only (--dim gives it a number)",
                       scan.length().str());
  const int64_t steps = scan.length().constant();
  if (steps < 1) return "it has no step";
  if (binds_dims(scan.body())) return "sizes in its body differ from step to step";
  if (steps == 1) return "";
  if (const Op* heavy = heavy_op(scan.body()))
    return fmt::format(
        "its body holds a {}, which outweighs the loop around it; one copy of the code and of its weights "
        "stays in the caches",
        heavy->info().mnemonic);
  const int64_t ops = count_ops(scan.body());
  if (steps <= context.max_unrolled_ops && steps * ops <= context.max_unrolled_ops) return "";
  return fmt::format("{} steps of {} ops are more than {} ops in all", steps, ops, context.max_unrolled_ops);
}

void unroll(const ScanView& scan) {
  Builder b = Builder::before(scan.op());
  const int64_t steps = scan.length().constant();
  std::vector<Value*> carried;
  for (int64_t i = 0; i < scan.carries(); ++i) carried.push_back(scan.initial(i));
  std::vector<std::vector<Value*>> emitted(static_cast<size_t>(scan.outputs()));
  for (int64_t t = 0; t < steps; ++t) {
    const int64_t at = scan.reverse() ? steps - 1 - t : t;
    ValueMap map;
    for (int64_t i = 0; i < scan.carries(); ++i) map[scan.argument(i)] = carried[static_cast<size_t>(i)];
    for (int64_t i = 0; i < scan.inputs(); ++i) map[scan.step_input(i)] = b.select_axis(scan.input(i), 0, Dim(at));
    clone_ops(scan.body(), b.block(), scan.op(), map, false);
    const auto here = [&](Value* value) { return map.contains(value) ? map.at(value) : value; };
    for (int64_t i = 0; i < scan.carries(); ++i) carried[static_cast<size_t>(i)] = here(scan.next(i));
    for (int64_t i = 0; i < scan.outputs(); ++i) {
      Shape shape = scan.output(i)->shape();
      shape[0] = Dim(1);
      emitted[static_cast<size_t>(i)].push_back(b.reshape(here(scan.step_output(i)), std::move(shape)));
    }
  }
  std::vector<Value*> results = std::move(carried);
  for (auto& steps_of_one : emitted) {
    if (scan.reverse()) std::reverse(steps_of_one.begin(), steps_of_one.end());
    results.push_back(b.concat(std::move(steps_of_one), 0));
  }
  replace_op(scan.op(), results);
}

bool unroll_block(Block& block, const PassContext& context) {
  bool changed = false;
  for (Op* op : block.op_list()) {
    if (op->code() == Opcode::Kernel) continue;
    for (size_t i = 0; i < op->region_count(); ++i) changed |= unroll_block(op->region(i), context);
    if (op->code() != Opcode::Scan) continue;
    const std::string why_not = obstacle(ScanView(op), context);
    if (context.remarks && why_not.empty())
      context.remarks->did(op, "its steps are written out one after the other",
                           fmt::format("{} step(s) of {} ops, at most {} in all", ScanView(op).length().str(),
                                       count_ops(op->region()), context.max_unrolled_ops));
    if (context.remarks && !why_not.empty()) context.remarks->left(op, "its steps stay a loop", why_not);
    if (!why_not.empty()) continue;
    unroll(ScanView(op));
    changed = true;
  }
  return changed;
}

}  // namespace

/// Writes the steps of a short scan out one after the other, so that they fuse with what is around them.
/// After: hoist-projections, fuse-gates (each step would repeat their work). Exact.
/// Does not fire on: lengths that are names, more than PassContext::max_unrolled_ops ops in all, bodies of several steps
/// with a contraction, a convolution or a region: the step then outweighs the loop around it, and one copy of its code
/// and weights stays in the caches. Unrolling within kernels is a matter of code generation.
bool unroll_time(Function& f, PassContext& context) { return unroll_block(f.body(), context); }

}  // namespace seqc::passes
