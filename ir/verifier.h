/// Checks that a module obeys the rules of the IR.
#pragma once

#include <string>
#include <vector>

#include "ir/ir.h"

namespace seqc::ir {

struct Diagnostic {
  const Op* op;  ///< null for faults of a function as a whole
  std::string message;
};

/// All violations: types against the op rules, definitions before uses and visible, terminators at the ends only,
/// operand counts, attribute alternatives, use lists, return against output names.
std::vector<Diagnostic> verify(const Function& function);
std::vector<Diagnostic> verify(const Module& module);

/// Throws Error(Internal) that lists all violations; `context` says after which step.
void verify_or_throw(const Function& function, const std::string& context);

}  // namespace seqc::ir
