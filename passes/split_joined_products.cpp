#include <algorithm>
#include <unordered_set>
#include <vector>

#include "passes/pass.h"
#include "passes/region_view.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// Adjacent parts of a concat that go together.
struct Run {
  bool carried;  ///< depends on the scan's carries
  std::vector<Value*> parts;
};

std::vector<Run> runs_of(const Op* concat, const std::unordered_set<const Value*>& carried) {
  std::vector<Run> runs;
  for (Value* part : concat->operands()) {
    const bool here = carried.contains(part);
    if (runs.empty() || runs.back().carried != here) runs.push_back({here, {}});
    runs.back().parts.push_back(part);
  }
  return runs;
}

/// Puts the sum of the parts' products in place of the product `op`; null if it is none that can be cut.
Value* split(Op* op, const std::unordered_set<const Value*>& carried, Remarks* remarks) {
  if (op->code() != Opcode::Contract || op->result_count() != 1 || op->as<ContractAttr>().lanes != 0) return nullptr;
  const Op* concat = defining(op->operand(0), Opcode::Concat);
  if (!concat || concat->parent() != op->parent()) return nullptr;
  const ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
  const auto axis = concat->as<AxisAttr>().axis;
  const char label = spec.lhs[static_cast<size_t>(axis)];
  if (spec.summed.find(label) == std::string::npos) return nullptr;
  const std::vector<Run> runs = runs_of(concat, carried);
  if (runs.size() < 2) {
    if (remarks)
      remarks->left(
          op, "stays one product of what is joined",
          runs[0].carried ? "all parts depend on what the scan carries" : "no part depends on what the scan carries");
    return nullptr;
  }
  if (remarks)
    remarks->did(op, "is cut into a product of the inputs and one of the states",
                 "some of the parts that are joined in front of it depend on what the scan carries, others do not");
  Builder b = Builder::before(op);
  Value *of_inputs = nullptr, *of_carries = nullptr;
  Dim start(0);
  for (const Run& run : runs) {
    Value* x = b.concat(run.parts, axis);
    const Dim size = x->shape()[axis];
    Value* weights = b.slice_axis(op->operand(1), static_cast<int64_t>(spec.rhs.find(label)), start, size);
    Value* product = b.emit(Opcode::Contract, {x, weights}, op->attr());
    Value*& sum = run.carried ? of_carries : of_inputs;
    sum = sum ? b.add(sum, product) : product;
    start = start + size;
  }
  Value* both = b.add(of_inputs, of_carries);
  replace_op(op, {both});
  return both;
}

bool split_block(Block& block, Remarks* remarks) {
  bool changed = false;
  std::unordered_set<const Value*> carried;
  if (const Op* scan = block.parent_op(); scan && scan->code() == Opcode::Scan)
    for (int64_t i = 0; i < scan->as<ScanAttr>().carries; ++i) carried.insert(block.argument(static_cast<size_t>(i)));
  for (Op* op : block.op_list()) {
    if (op->code() == Opcode::Kernel) continue;
    for (size_t i = 0; i < op->region_count(); ++i) changed |= split_block(op->region(i), remarks);
    if (carried.empty()) continue;
    bool depends = false;
    for_each_operand(op, [&](const Value* operand) { depends = depends || carried.contains(operand); });
    if (!depends) continue;
    if (const Value* sum = split(op, carried, remarks)) {  // the op and its result are gone
      carried.insert(sum);
      changed = true;
      continue;
    }
    for (size_t i = 0; i < op->result_count(); ++i) carried.insert(op->result(i));
  }
  return changed;
}

}  // namespace

/// Cuts a product of inputs and states side by side into one of each, so that the inputs' one can leave the scan:
///   contract (concat x[t] h) w    becomes    add (contract x[t] w[:I]) (contract h w[I:])
/// Before: split-gates, hoist-projections. Reassociates: one sum over all terms becomes a sum of two.
/// Does not fire on: products outside of scans, parts that all or none depend on what the scan carries, concats along
/// rows.
bool split_joined_products(Function& f, PassContext& context) { return split_block(f.body(), context.remarks); }

}  // namespace seqc::passes
