#include "frontend/onnx/branch_sizes.h"

#include "frontend/onnx/graph.h"
#include "ir/named_dims.h"

namespace seqc::frontend {
namespace {

/// True if a name in the dim is bound inside of the block.
bool is_bound_in(const ir::Block& block, const Dim& dim) {
  const std::set<std::string> names = symbols(dim);
  bool found = false;
  if (!names.empty())
    walk(block, [&](const ir::Op* op) {
      found = found || (op->code() == Opcode::BindDim && names.contains(op->as<ir::BindDimAttr>().name));
    });
  return found;
}

}  // namespace

Value* BranchSizes::padded(Builder& b, Value* value, size_t result) const {
  Shape lo(value->shape().size(), Dim(0)), hi = lo;
  bool any = false;
  for (const Open& open : open_) {
    if (open.result != result) continue;
    hi[open.axis] = open.most - value->shape()[open.axis];
    any = true;
  }
  return any ? b.emit(Opcode::Pad, {value, b.blank_like(value)}, ir::PadAttr{lo, hi}) : value;
}

Value* BranchSizes::sizes(Builder& b, const std::vector<Value*>& values) const {
  Shape sizes;
  for (const Open& open : open_) sizes.push_back(values[open.result]->shape()[open.axis]);
  return b.dims(sizes);
}

std::vector<Value*> BranchSizes::unite(Builder& b, ir::Block& first_block, const std::vector<Value*>& first,
                                       const std::vector<Value*>& second) {
  const ir::DimBounds bounds(b.function());
  for (size_t i = 0; i < first.size(); ++i) {
    if (first[i]->dtype() != second[i]->dtype() || first[i]->rank() != second[i]->rank())
      node_.unsupported(
          "result {} is {} in the then_branch and {} in the else_branch, and the condition is known at run time only; "
          "branches must agree in rank and element type",
          i, first[i]->type().str(), second[i]->type().str());
    for (size_t axis = 0; axis < first[i]->shape().size(); ++axis) {
      const Dim &one = first[i]->shape()[axis], &other = second[i]->shape()[axis];
      if (one == other && !is_bound_in(first_block, one)) continue;
      open_.push_back({i, axis, ir::max(bounds.upper(one), bounds.upper(other))});
    }
  }
  if (open_.empty()) return second;
  const auto widened = [&](Builder& inside, const std::vector<Value*>& values) {
    std::vector<Value*> results;
    for (size_t i = 0; i < values.size(); ++i) results.push_back(padded(inside, values[i], i));
    results.push_back(sizes(inside, values));
    return results;
  };
  Builder before = Builder::before(first_block.terminator());
  first_block.terminator()->set_operands(widened(before, first));
  return widened(b, second);
}

std::vector<Value*> BranchSizes::results(const ir::Op& op) {
  Builder& b = node_.builder();
  std::vector<Value*> values;
  for (size_t i = 0; i < op.result_count(); ++i) values.push_back(op.result(i));
  if (open_.empty()) return values;
  Value* sizes = values.back();
  values.pop_back();
  for (size_t k = 0; k < open_.size(); ++k) {
    const Open& open = open_[k];
    const Dim size = b.bind_dim(b.select_axis(sizes, 0, Dim(static_cast<int64_t>(k))), "branch", open.most);
    values[open.result] = b.slice_axis(values[open.result], static_cast<int64_t>(open.axis), Dim(0), size);
  }
  return values;
}

}  // namespace seqc::frontend
