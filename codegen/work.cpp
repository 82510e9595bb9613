#include "codegen/work.h"

#include <algorithm>

#include "ir/infer.h"

namespace seqc::codegen {
namespace {

using ir::Dim;
using ir::Opcode;

/// Elements that an op looks at, times what it does to each.
Dim op_work(const ir::Op& op) {
  const auto count = [](const ir::Value* value) { return element_count(value->shape()); };
  switch (op.code()) {
    case Opcode::Contract: {
      const auto spec = ir::parse_contract_spec(op.as<ir::ContractAttr>().spec);
      Dim total = count(op.result()) * Dim(static_cast<int64_t>(op.result_count()));
      for (size_t i = 0; i < spec.lhs.size(); ++i)
        if (spec.summed.find(spec.lhs[i]) != std::string::npos) total = total * op.operand(0)->shape()[i];
      return total;
    }
    case Opcode::Conv: {
      const ir::Shape& filter = op.operand(1)->shape();
      return count(op.result()) * element_count(ir::Shape(filter.begin() + 1, filter.end()));
    }
    case Opcode::ReduceWindow: {
      Dim window(1);
      for (const int64_t size : op.as<ir::WindowAttr>().window) window = window * Dim(size);
      return count(op.result()) * window;
    }
    case Opcode::Reduce: return count(op.operand(0));
    case Opcode::ArgSort: return count(op.operand(0)) * Dim(64);
    case Opcode::ScatterNd:
    case Opcode::Positions:
    case Opcode::Dims: return Dim(0);  // one thread
    case Opcode::Reshape: return Dim(0);
    case Opcode::Yield: return Dim(0);
    default: break;
  }
  const bool costly = op.info().op_class == ir::OpClass::Unary && op.code() != Opcode::Neg &&
                      op.code() != Opcode::Abs && op.code() != Opcode::Not && op.code() != Opcode::Cast &&
                      op.code() != Opcode::Copy;
  return count(op.result()) * Dim(costly || op.code() == Opcode::Div || op.code() == Opcode::Pow ? 8 : 1);
}

}  // namespace

ir::Dim work(const ir::Op& kernel) {
  Dim total(0);
  for (const auto& op : kernel.region().ops()) total = total + op_work(*op);
  return total;
}

std::vector<const ir::Op*> kernels_in(const ir::Block& block) {
  std::vector<const ir::Op*> kernels;
  for (const auto& op : block.ops()) {
    if (op->code() == Opcode::Kernel) {
      kernels.push_back(op.get());
      continue;
    }
    for (size_t i = 0; i < op->region_count(); ++i) {
      const auto inner = kernels_in(op->region(i));
      kernels.insert(kernels.end(), inner.begin(), inner.end());
    }
  }
  return kernels;
}

}  // namespace seqc::codegen
