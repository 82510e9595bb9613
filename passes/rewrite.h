/// Small tools that several passes share: replacing ops, inlining regions, looking at constants.
#pragma once

#include <string>
#include <vector>

#include "ir/builder.h"
#include "ir/infer.h"
#include "ir/ir.h"

namespace seqc::passes {

/// True for yield and return.
bool is_terminator(const ir::Op* op);

/// True if `value` holds only elements with the same bits as `number`: a constant of at most 4096 elements (so that -0
/// is not 0), or such a constant broadcast and reshaped.
bool is_splat(const ir::Value* value, double number);

/// A constant of one element of any rank, or null.
const ir::Tensor* single_element(const ir::Value* value);

/// The op that defines `value` if it is a `code`, else null.
ir::Op* defining(const ir::Value* value, ir::Opcode code);

/// The op behind `op`, which is no terminator.
ir::Op* next_op(const ir::Op* op);

/// Replaces the results of `op` by `values` and erases it.
void replace_op(ir::Op* op, const std::vector<ir::Value*>& values);

/// Moves the ops of `region` before `before`, its arguments replaced by `arguments`; returns what it yielded. The
/// region is left with its terminator only.
std::vector<ir::Value*> inline_region(ir::Block& region, const std::vector<ir::Value*>& arguments, ir::Op* before);

/// The ops of a block and its regions for which is_wanted(op) holds, for rewrites that erase them: while `walk` goes on
/// nothing may be erased that it has still to visit, nor the op that it visits.
template <class F>
std::vector<ir::Op*> find_ops(const ir::Block& block, F&& is_wanted) {
  std::vector<ir::Op*> found;
  ir::walk(block, [&](ir::Op* op) {
    if (is_wanted(op)) found.push_back(op);
  });
  return found;
}

/// Calls visit(value) for each value that `op` and its regions read.
template <class F>
void for_each_operand(const ir::Op* op, F&& visit) {
  for (ir::Value* operand : op->operands()) visit(operand);
  for (size_t i = 0; i < op->region_count(); ++i)
    for (const auto& inner : op->region(i).ops()) for_each_operand(inner.get(), visit);
}

/// The number of ops in a block and its regions.
int64_t count_ops(const ir::Block& block);

/// A letter that `used` does not hold.
char unused_label(const std::string& used, char preferred);

}  // namespace seqc::passes
