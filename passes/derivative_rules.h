/// The derivative of each op without regions, in reverse mode.
#pragma once

#include <vector>

#include "ir/builder.h"

namespace seqc::passes {

/// For each operand the derivative of a scalar L by it, given dL/d(result i) = `adjoints[i]` (null: zero), as ops written
/// with `b`; null where L does not depend on the operand. `wanted[i]` says which operands are asked for.
/// Throws Error(Unsupported) for ops whose rule is not written.
std::vector<ir::Value*> derivative(ir::Builder& b, const ir::Op& op, const std::vector<ir::Value*>& adjoints,
                                   const std::vector<bool>& wanted);

/// The rules by kind of op; `g` is the one result's adjoint. Parts of `derivative`.
using Adjoints = std::vector<ir::Value*>;
Adjoints elementwise_derivative(ir::Builder& b, const ir::Op& op, ir::Value* g);
Adjoints movement_derivative(ir::Builder& b, const ir::Op& op, ir::Value* g);
Adjoints reduce_derivative(ir::Builder& b, const ir::Op& op, ir::Value* g);
Adjoints contract_derivative(ir::Builder& b, const ir::Op& op, const Adjoints& adjoints,
                             const std::vector<bool>& wanted);

}  // namespace seqc::passes
