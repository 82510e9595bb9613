/// Gradients of functions: the ops that compute them, added to the function that computes the loss.
///
/// Truncated backpropagation through time needs nothing more: states that go from one batch to the next are inputs and
/// outputs of the function, and no gradient passes through an input that is not asked for.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ir/ir.h"

namespace seqc::passes {

struct GradientOptions {
  /// Bytes that may be kept of each scan for the way back; -1: as many as make it fast. Below what that takes, cheap
  /// arithmetic is done again instead; if that is too much still, the scan is cut into segments of which only the first
  /// states are kept, and each segment runs again before the gradient passes through it.
  int64_t max_saved_bytes = -1;
  /// Sizes to reckon with for named dims: where the limit asks for numbers (128 for those not listed), and where sums over
  /// the steps of a scan stay in its steps, because those are known to have many rows: what a step has just made is in cache
  /// then. The gradient is right for any size.
  std::map<std::string, int64_t> expected_dims = {};
  /// Where all uses of a value are gathers along its first axis, its gradient is given as rows and their indices.
  bool sparse_rows = false;
};

/// The derivative by one value: `dense`, of the value's type, or else rows of it that differ from zero. A row may appear
/// more than once, its derivative is then the sum; indices are meant as `gather` means them (from the end if negative).
struct Gradient {
  ir::Value* dense = nullptr;
  ir::Value* indices = nullptr;  ///< integers [K]
  ir::Value* rows = nullptr;     ///< [K, ...]
};

/// Writes in front of the function's `return` the derivatives of the sum of `y`'s elements by float values `by` of the
/// function's body (parameters, other arguments, results), each as if nothing decided it.
std::vector<Gradient> gradients(ir::Function& f, ir::Value* y, const std::vector<ir::Value*>& by,
                                const GradientOptions& options = {});

/// Adds outputs grad_NAME (sparse: grad_NAME.indices and grad_NAME.rows), the derivatives of the output `loss` (one
/// element) by the arguments of these names; without names by all parameters. Throws Error(BadInput) for names that do not
/// fit.
void add_gradients(ir::Function& f, const std::string& loss, std::vector<std::string> names = {},
                   const GradientOptions& options = {});

}  // namespace seqc::passes
