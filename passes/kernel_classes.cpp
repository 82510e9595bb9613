#include "passes/kernel_classes.h"

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

bool is_affine(const Op& op) {
  return op.code() == Opcode::Transpose || op.code() == Opcode::Broadcast || op.code() == Opcode::Slice;
}

}  // namespace seqc::passes
