/// The derivative of each op without regions, in reverse mode.
#pragma once

#include <string_view>
#include <vector>

#include "ir/builder.h"

namespace seqc::passes {

/// Why there is no derivative by the operands of such an op, in a word; empty if there is a rule.
std::string_view why_no_derivative(ir::Opcode code);

/// For each operand the derivative of a scalar L by it, given dL/d(result i) = `adjoints[i]` (null: zero), as ops written
/// with `b`; null where L does not depend on the operand. `wanted[i]` says which operands are asked for.
std::vector<ir::Value*> derivative(ir::Builder& b, const ir::Op& op, const std::vector<ir::Value*>& adjoints,
                                   const std::vector<bool>& wanted);

/// The rules by kind of op; `g` is the one result's adjoint. Parts of `derivative`.
using Adjoints = std::vector<ir::Value*>;
Adjoints elementwise_derivative(ir::Builder& b, const ir::Op& op, ir::Value* g);
Adjoints movement_derivative(ir::Builder& b, const ir::Op& op, ir::Value* g);
Adjoints reduce_derivative(ir::Builder& b, const ir::Op& op, ir::Value* g);
Adjoints conv_derivative(ir::Builder& b, const ir::Op& op, ir::Value* g, const std::vector<bool>& wanted);
Adjoints window_derivative(ir::Builder& b, const ir::Op& op, ir::Value* g);
Adjoints contract_derivative(ir::Builder& b, const ir::Op& op, const Adjoints& adjoints,
                             const std::vector<bool>& wanted);

/// Zeros put between the elements of an axis: stride - 1 after each, none behind the last.
ir::Value* spread(ir::Builder& b, ir::Value* g, int64_t axis, int64_t stride);
ir::Value* reversed(ir::Builder& b, ir::Value* x, int64_t axis);
/// Zeros of `shape`, with `g` in the places that a slice takes.
ir::Value* put_slice(ir::Builder& b, ir::Value* g, const ir::SliceAttr& slice, const ir::Shape& shape);

}  // namespace seqc::passes
