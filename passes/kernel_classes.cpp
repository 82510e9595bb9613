#include "passes/kernel_classes.h"

#include <algorithm>

#include "ir/infer.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// A slice is one piece of memory when it takes whole rows: every dim before the first cut one has size 1.
bool is_contiguous_slice(const Op& op) {
  const auto& attr = op.as<SliceAttr>();
  const Shape& from = op.operand(0)->shape();
  bool cut = false;
  for (size_t i = 0; i < from.size(); ++i) {
    const bool whole = attr.sizes[i] == from[i] && attr.steps[i] == 1;
    if (cut && !whole) return false;
    if (!whole && attr.steps[i] != 1 && !(attr.sizes[i] == Dim(1))) return false;
    // A dim of one taken element may stand before the cut one; any larger dim that comes first repeats the pieces.
    if (!whole || !(from[i] == Dim(1))) cut = cut || !(attr.sizes[i] == Dim(1));
  }
  return true;
}

}  // namespace

KernelRole role(const Op& op) {
  if (is_elementwise(op.code())) return KernelRole::Point;
  switch (op.code()) {
    case Opcode::Reshape: return KernelRole::View;
    case Opcode::Slice: return is_contiguous_slice(op) ? KernelRole::View : KernelRole::Index;
    case Opcode::Transpose:
    case Opcode::Broadcast:
    case Opcode::Gather:
    case Opcode::GatherElements:
    case Opcode::GatherNd:
    case Opcode::Pad:
    case Opcode::Iota: return KernelRole::Index;
    case Opcode::Dims:
    case Opcode::Concat:
    case Opcode::ScatterNd:
    case Opcode::Positions:
    case Opcode::ArgSort:
    case Opcode::Reduce:
    case Opcode::Contract:
    case Opcode::Pack:
    case Opcode::Conv:
    case Opcode::ReduceWindow: return KernelRole::Root;
    default: return KernelRole::Control;
  }
}

bool is_read_in_place(const Op& pack) {
  if (pack.code() != Opcode::Pack || pack.operands().size() != 1 || pack.as<ContractAttr>().group != 1) return false;
  // With more rows packing costs little, and a larger block no longer comes from the second cache.
  constexpr int64_t kMostRows = 256, kMostElements = 128 << 10;
  const auto& attr = pack.as<ContractAttr>();
  const ContractSpec spec = parse_contract_spec(attr.spec);
  const Value* weights = pack.operand(0);
  const Shape& shape = weights->shape();
  if (weights->is_constant() || (weights->op() && role(*weights->op()) == KernelRole::Index)) return false;
  if (spec.columns.size() != 1 || spec.summed.size() != 1 || spec.rhs.back() != spec.columns[0]) return false;
  const Dim &columns = shape.back(), &depth = shape[spec.rhs.find(spec.summed[0])];
  if (!columns.is_constant() || columns.constant() % attr.lanes != 0) return false;
  if (!depth.is_constant() || columns.constant() * depth.constant() > kMostElements) return false;
  return std::all_of(pack.result()->users().begin(), pack.result()->users().end(), [&](const Op* user) {
    const Dim rows = user->code() == Opcode::Contract ? element_count(user->result()->shape()) : Dim();
    return user->code() == Opcode::Contract && user->parent() == pack.parent() && user->operand(1) == pack.result() &&
           rows.is_constant() && rows.constant() <= kMostRows * columns.constant();
  });
}

bool is_affine(const Op& op) {
  return op.code() == Opcode::Transpose || op.code() == Opcode::Broadcast || op.code() == Opcode::Slice;
}

}  // namespace seqc::passes
