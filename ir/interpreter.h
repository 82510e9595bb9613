/// The reference interpreter: the meaning of every op, written for obviousness over xtensor.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ir/ir.h"

namespace seqc::ir {

/// Binds the names in the arguments' types from the shapes of `inputs`. Throws Error(BadInput) naming the input when
/// ranks, numbers or repeated names disagree ("input \"x\": got f32[3,4], expected f32[N,5] ...").
DimBindings bind_dims(const Function& function, const std::vector<Tensor>& inputs);

/// Who is told what a function computes while it is evaluated. Functions may be empty.
struct Observer {
  /// Behind each op of the function's own block, with its results.
  std::function<void(const Op& op, const std::vector<Tensor>& results)> op = {};
  /// Behind each step of a scan, with what its region yields; steps count from 0 in the order in which they run.
  std::function<void(const Op& scan, int64_t step, const std::vector<Tensor>& yielded)> step = {};
};

/// Evaluates a function. `inputs` are all its arguments, or all but the parameters, which then have their initial values.
/// Sums over contracted labels are chains of fma in order of the label, in the element type
/// (f16 and bf16: in f32, rounded at the end).
std::vector<Tensor> interpret(const Function& function, const std::vector<Tensor>& inputs,
                              const Observer* observer = nullptr);

/// Evaluates one op without regions on constant operands; for constant folding. `dims` bind the names in attributes.
std::vector<Tensor> evaluate(const Op& op, const std::vector<Tensor>& operands, const DimBindings& dims = {});

}  // namespace seqc::ir
