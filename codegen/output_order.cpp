#include "codegen/output_order.h"

#include <algorithm>

#include "codegen/codegen.h"
#include "ir/kept_states.h"
#include "ir/named_dims.h"

namespace seqc::codegen {

using ir::Op;
using ir::Value;

std::vector<CompletedOutputs> completed_outputs(const ir::Function& function) {
  const ir::DimBounds bounds(function);
  const auto& returned = function.body().terminator()->operands();
  const auto completes = [&](const Op* op, Value* output) {
    const bool varies = std::any_of(output->shape().begin(), output->shape().end(),
                                    [&](const ir::Dim& dim) { return bounds.varies(dim); });
    return op == (varies ? function.body().terminator() : ir::strip_reshapes(output)->op());
  };
  std::vector<CompletedOutputs> result;
  for (const Op* op : function.body().op_list()) {
    CompletedOutputs here{op, {}};
    for (size_t i = 0; i < returned.size(); ++i)
      if (completes(op, returned[i])) here.outputs.push_back(static_cast<int32_t>(i));
    if (!here.outputs.empty()) result.push_back(std::move(here));
  }
  return result;
}

std::vector<int32_t> announced_order(const ir::Function& function) {
  std::vector<int32_t> order;
  for (const CompletedOutputs& completed : completed_outputs(function))
    order.insert(order.end(), completed.outputs.begin(), completed.outputs.end());
  return order;
}

}  // namespace seqc::codegen
