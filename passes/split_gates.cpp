#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "passes/pass.h"
#include "passes/remarks.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// The way in which all users of a value cut it: equal parts along one axis, which lie side by side or are the same.
struct Cut {
  size_t axis;
  Dim size;
  std::vector<Op*> slices;
};

/// The one axis that a slice cuts, at unit steps; false if there is none or another as well.
bool find_axis(const Op* op, size_t& axis) {
  const auto& attr = op->as<SliceAttr>();
  const Shape& shape = op->operand(0)->shape();
  size_t cuts = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (attr.steps[i] != 1) return false;
    if (attr.starts[i] == Dim(0) && attr.sizes[i] == shape[i]) continue;
    axis = i;
    ++cuts;
  }
  return cuts == 1;
}

bool find_cut(const Value* value, Cut& cut) {
  if (value->users().size() < 2) return false;
  for (Op* user : value->users()) {
    size_t axis = 0;
    if (user->code() != Opcode::Slice || !find_axis(user, axis)) return false;
    const auto& attr = user->as<SliceAttr>();
    if (cut.slices.empty()) {
      cut.axis = axis;
      cut.size = attr.sizes[axis];
      if (cut.size == Dim(0)) return false;
    }
    const bool aligned = mod(attr.starts[axis], cut.size) == Dim(0);
    if (axis != cut.axis || !(attr.sizes[axis] == cut.size) || !aligned) return false;
    cut.slices.push_back(user);
  }
  return true;
}

/// The axis of `operand` that axis `axis` of an elementwise result of `rank` dims is, by NumPy's alignment; negative
/// when the operand is repeated along it.
int64_t operand_axis(const Value* operand, int64_t axis, int64_t rank) {
  const int64_t own = axis - (rank - operand->rank());
  return own >= 0 && operand->shape()[own] == Dim(1) ? -1 : own;
}

/// Position in the weights of the column label of a result's axis; -1 if the axis is of rows.
int64_t weights_axis(const Op* contract, int64_t axis) {
  const ContractSpec spec = parse_contract_spec(contract->as<ContractAttr>().spec);
  const char label = spec.out[axis];
  return spec.columns.find(label) == std::string::npos ? -1 : static_cast<int64_t>(spec.rhs.find(label));
}

/// True if `value` is a contraction with `axis` among its columns, or elementwise ops on one that nothing else reads.
bool leads_to_contraction(const Value* value, int64_t axis, int depth = 8) {
  const Op* op = value->op();
  if (!op || depth == 0) return false;
  if (op->code() == Opcode::Contract)
    return op->result_count() == 1 && op->as<ContractAttr>().lanes == 0 && weights_axis(op, axis) >= 0;
  if (!is_elementwise(op->code())) return false;
  return std::any_of(op->operands().begin(), op->operands().end(), [&](const Value* operand) {
    const int64_t own = operand_axis(operand, axis, value->rank());
    return own >= 0 && operand->users().size() == 1 && leads_to_contraction(operand, own, depth - 1);
  });
}

/// One part of `op`, computed from parts of its operands.
Value* cut_op(const Op* op, const Cut& cut, const Dim& start, Builder& b) {
  const auto axis = static_cast<int64_t>(cut.axis);
  std::vector<Value*> operands = op->operands();
  if (op->code() == Opcode::Contract) {
    operands[1] = b.slice_axis(operands[1], weights_axis(op, axis), start, cut.size);
  } else {
    for (Value*& operand : operands)
      if (const int64_t own = operand_axis(operand, axis, op->result()->rank()); own >= 0)
        operand = b.slice_axis(operand, own, start, cut.size);
  }
  return b.emit(op->code(), std::move(operands), op->attr());
}

/// Tells of a product that is cut, but not as this pass can make parts of.
void tell_whole(const Op* op, Remarks& remarks) {
  const auto& users = op->result()->users();
  const auto cuts =
      std::count_if(users.begin(), users.end(), [](const Op* user) { return user->code() == Opcode::Slice; });
  if (op->code() != Opcode::Contract || cuts == 0) return;
  remarks.left(op, "its columns stay one product",
               std::ssize(users) > cuts
                   ? fmt::format("\"{}\" reads it as a whole",
                                 (*std::find_if(users.begin(), users.end(),
                                                [](const Op* user) { return user->code() != Opcode::Slice; }))
                                     ->info()
                                     .mnemonic)
                   : fmt::format("its {} slices are no equal parts of its columns", cuts));
}

bool split(Op* op, Remarks* remarks) {
  Cut cut{};
  if (op->result_count() != 1) return false;
  if (!find_cut(op->result(), cut) || !leads_to_contraction(op->result(), static_cast<int64_t>(cut.axis))) {
    if (remarks) tell_whole(op, *remarks);
    return false;
  }
  if (remarks)
    remarks->did(op, "is cut into one for each part that is read",
                 fmt::format("{} slices of {} along axis {} read it, nothing reads it as a whole", cut.slices.size(),
                             cut.size.str(), cut.axis));
  Builder b = Builder::before(op);
  std::map<Dim, Value*> parts;
  for (Op* slice : cut.slices) {
    const Dim start = slice->as<SliceAttr>().starts[cut.axis];
    Value*& part = parts[start];
    if (!part) part = cut_op(op, cut, start, b);
    replace_op(slice, {part});
  }
  op->erase();
  return true;
}

bool split_block(Block& block, Remarks* remarks) {
  bool changed = false;
  const auto ops = block.op_list();
  // Backwards: the parts of a sum cut its terms, which come earlier. Slices vanish behind the walk only.
  for (auto op = ops.rbegin(); op != ops.rend(); ++op) {
    if ((*op)->code() == Opcode::Kernel) continue;
    for (size_t i = 0; i < (*op)->region_count(); ++i) changed |= split_block((*op)->region(i), remarks);
    changed |= split(*op, remarks);
  }
  return changed;
}

}  // namespace

/// Cuts a contraction whose columns are only read apart, in equal parts, into one for each part: what was written as one
/// product and four slices is what four products are, and no part goes through memory to be found again.
///   slice (add (contract x w) b)    becomes    add (contract x (slice w)) (slice b)
/// Before: hoist-projections, fuse-gates (which joins the parts, gate beside gate). After: simplify, which turns splits
/// and gathers into slices. Exact: no sum changes. Does not fire on: products that anything reads as a whole (a
/// normalisation, an output), unequal parts, cuts along rows, slices without a contraction behind them.
bool split_gates(Function& f, PassContext& context) { return split_block(f.body(), context.remarks); }

}  // namespace seqc::passes
