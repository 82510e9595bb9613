/// The rules of simplify, grouped by the kind of op that they look at.
#pragma once

#include <span>

#include "ir/builder.h"

namespace seqc::passes {

/// What the one result of `op` may be replaced by, built in front of `op`; null when the rule does not apply.
using Rewrite = ir::Value* (*)(ir::Op* op, ir::Builder& b);

struct Rule {
  ir::Opcode code;
  Rewrite rewrite;
};

/// Algebra: x * 1 = x and its like.
std::span<const Rule> elementwise_rules();
/// Reshapes, transposes, slices, concats and their like.
std::span<const Rule> movement_rules();
std::span<const Rule> contraction_rules();

/// Elementwise ops take small operands as they are: an explicit broadcast in front is dropped, or moved behind.
ir::Value* pull_broadcasts(ir::Op* op, ir::Builder& b);
/// Elementwise ops of a reduction's result come before a reshape of it.
ir::Value* push_reshape(ir::Op* op, ir::Builder& b);

/// Ifs with a known condition, scans of 0 or 1 steps, loops of none or one: replaced by what they do. True if changed;
/// `op` is gone then, unless only some of its results were replaced.
bool simplify_control(ir::Op* op, ir::Builder& b);

}  // namespace seqc::passes
