/// States that a scan carries and also emits, each as it is before its step: what a step back needs.
#pragma once

#include <vector>

#include "ir/ir.h"

namespace seqc::ir {

/// A carry whose values of all steps can lie in one array of an element more than there are steps: the first one, and
/// behind it (for a reversed scan: before it) what each step computes. Then none of them is ever copied.
struct KeptState {
  size_t carry;
  Value* before;           ///< the scan's result with the state before each step
  Value* after = nullptr;  ///< the one with the state after each step, if that is emitted, too
  Value* next;             ///< what computes the state in the step, without reshapes
};

/// Those of a scan. Not the states whose collection is a result of the function or of the enclosing block, which lives
/// where somebody else decides.
std::vector<KeptState> kept_states(const Op& scan);

/// Whether the memory of a value is chosen by the block around it or by somebody who calls it.
bool leaves_block(const Value* value);

/// The value whose bytes a reshape (through any number of reshapes) shows.
const Value* strip_reshapes(const Value* value);
inline Value* strip_reshapes(Value* value) {
  return const_cast<Value*>(strip_reshapes(static_cast<const Value*>(value)));
}

}  // namespace seqc::ir
