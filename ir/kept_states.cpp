#include "ir/kept_states.h"

#include <algorithm>
#include <optional>

namespace seqc::ir {

namespace {

/// Whether the value gets memory of its own in the block, which can be chosen.
bool is_computed_in(const Value* value, const Block& block) {
  const Op* op = value->op();
  if (!op || op->parent() != &block) return false;
  return op->code() == Opcode::Kernel || (op->region_count() == 0 && op->code() != Opcode::Slice);
}

}  // namespace

bool leaves_block(const Value* value) {
  return std::any_of(value->users().begin(), value->users().end(), [](const Op* user) {
    if (user->code() == Opcode::Reshape) return leaves_block(user->result());
    return user->code() == Opcode::Return || user->code() == Opcode::Yield;
  });
}

const Value* strip_reshapes(const Value* value) {
  while (value->op() && value->op()->code() == Opcode::Reshape) value = value->op()->operand(0);
  return value;
}

std::vector<KeptState> kept_states(const Op& scan) {
  const auto carries = static_cast<size_t>(scan.as<ScanAttr>().carries);
  const auto& yielded = scan.region().terminator()->operands();
  std::vector<KeptState> states;
  for (size_t k = 0; k < carries; ++k) {
    KeptState state{.carry = k, .before = nullptr, .next = strip_reshapes(yielded[k])};
    size_t uses = 0;  // of the next state in the yield
    for (size_t i = 0; i < yielded.size(); ++i) {
      if (i >= carries && yielded[i] == scan.region().argument(k)) {
        if (state.before) ++uses;  // twice: one of them has to be a copy
        state.before = scan.result(i);
      }
      if (strip_reshapes(yielded[i]) != state.next) continue;
      ++uses;
      if (i >= carries) state.after = scan.result(i);
    }
    if (!state.before || uses != (state.after ? 2 : 1) || !is_computed_in(state.next, scan.region())) continue;
    if (leaves_block(state.before) || (state.after && leaves_block(state.after))) continue;
    states.push_back(state);
  }
  return states;
}

}  // namespace seqc::ir
