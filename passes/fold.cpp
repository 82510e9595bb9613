#include <algorithm>

#include "ir/error.h"
#include "ir/interpreter.h"
#include "passes/pass.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

constexpr int64_t kSmall = 64;                       // elements that a constant may grow to from fewer
constexpr int64_t kMultiplyAdds = int64_t{1} << 24;  // what a contraction or convolution at build time may cost

bool is_numeric(const Shape& shape) {
  return std::all_of(shape.begin(), shape.end(), [](const Dim& dim) { return dim.is_constant(); });
}

int64_t elements(const Value* value) { return element_count(value->shape()).constant(); }

bool has_numeric_attr(const Op& op) {
  if (op.code() == Opcode::Dims) return is_numeric(op.as<DimsAttr>().value);
  if (op.code() == Opcode::Iota) return op.as<IotaAttr>().length.is_constant();
  if (op.code() == Opcode::Slice) return is_numeric(op.as<SliceAttr>().starts);
  return true;  // the others show their dims in the result's type
}

/// Multiply-adds of a contraction or convolution; 0 for other ops.
int64_t cost(const Op& op) {
  if (op.code() == Opcode::Contract) {
    const ContractSpec spec = parse_contract_spec(op.as<ContractAttr>().spec);
    int64_t summed = 1;
    for (size_t i = 0; i < spec.lhs.size(); ++i)
      if (spec.out.find(spec.lhs[i]) == std::string::npos) summed *= op.operand(0)->shape()[i].constant();
    return elements(op.result()) * summed * static_cast<int64_t>(op.result_count());
  }
  if (op.code() == Opcode::Conv)
    return elements(op.result()) * elements(op.operand(1)) / std::max<int64_t>(1, op.operand(1)->shape()[0].constant());
  return 0;
}

bool can_fold(const Op& op, const PassContext& context) {
  if (op.info().op_class == OpClass::Control || op.unused() || !has_numeric_attr(op)) return false;
  int64_t before = 0, after = 0;
  for (const Value* operand : op.operands()) {
    if (!operand->is_constant()) return false;
    before += operand->constant().count();
  }
  for (size_t i = 0; i < op.result_count(); ++i) {
    if (!is_numeric(op.result(i)->shape())) return false;
    after += elements(op.result(i));
  }
  // Packing pads, and is done once at build time whatever it costs.
  if (op.code() == Opcode::Pack) return after <= 2 * context.max_folded_elements;
  return (after <= before || after <= kSmall) && after <= context.max_folded_elements && cost(op) <= kMultiplyAdds;
}

bool fold_block(Block& block, const PassContext& context) {
  bool changed = false;
  for (Op* op : block.op_list()) {
    if (op->code() == Opcode::Kernel) continue;
    for (size_t i = 0; i < op->region_count(); ++i) changed |= fold_block(op->region(i), context);
    if (!can_fold(*op, context)) continue;
    std::vector<Tensor> operands;
    for (const Value* operand : op->operands()) operands.push_back(operand->constant());
    std::vector<Value*> constants;
    std::vector<Tensor> results;
    try {
      results = evaluate(*op, operands);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::BadInput) throw;
      continue;  // a read beyond its operand, where it never runs
    }
    for (Tensor& tensor : results) {
      const size_t i = constants.size();
      constants.push_back(block.function()->constant(std::move(tensor), op->result(i)->name()));
    }
    replace_op(op, constants);
    changed = true;
  }
  return changed;
}

}  // namespace

/// Computes what depends on constants only, by the interpreter.
/// Before: simplify (its rules look at constants). After: pack-weights, once more, to pack constant weights at build
/// time. Exact. Does not fire on: regions and kernels, names in shapes, results that outgrow their operands (a broadcast
/// constant is cheaper to repeat than to store) or PassContext::max_folded_elements, contractions that cost seconds.
bool fold(Function& f, PassContext& context) {
  const bool changed = fold_block(f.body(), context);
  if (changed) f.erase_unused_constants();
  return changed;
}

}  // namespace seqc::passes
