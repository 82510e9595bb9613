#include "runtime/cost.h"

#include <map>

#include "ir/infer.h"

namespace seqc::runtime {
namespace {

using ir::Dim;
using ir::Opcode;

using Seen = std::set<const ir::Value*>;

/// Every label's size once, for each right-hand side.
Dim contract_cost(const ir::Op& op) {
  const auto& attr = op.as<ir::ContractAttr>();
  const ir::ContractSpec spec = ir::parse_contract_spec(attr.spec);
  std::map<char, Dim> sizes;
  for (size_t i = 0; i < spec.lhs.size(); ++i) sizes[spec.lhs[i]] = op.operand(0)->shape()[i];
  Dim summed = 1;
  for (const char label : spec.summed) summed = summed * sizes[label];
  Dim total;
  for (size_t i = 0; i < op.result_count(); ++i) total = total + ir::element_count(op.result(i)->shape()) * summed;
  return total;
}

/// conv(x[N,C,...], w[M,C/groups,...]): each output element sums over a filter.
Dim conv_cost(const ir::Op& op) {
  const ir::Shape& filter = op.operand(1)->shape();
  return ir::element_count(op.result()->shape()) * ir::element_count(ir::Shape(filter.begin() + 1, filter.end()));
}

int64_t parameters(const ir::Op& op, Seen& seen) {
  int64_t count = 0;
  for (const ir::Value* operand : op.operands())
    if (operand->is_constant() && ir::is_float(operand->dtype()) && seen.insert(operand).second)
      count += operand->constant().count();
  return count;
}

Cost block_cost(const ir::Block& block, Seen& seen) {
  Cost total;
  for (const auto& op : block.ops()) total += cost(*op, seen);
  return total;
}

}  // namespace

Cost& Cost::operator+=(const Cost& other) {
  multiply_adds = multiply_adds + other.multiply_adds;
  parameters += other.parameters;
  at_least = at_least || other.at_least;
  return *this;
}

Cost cost(const ir::Op& op, Seen& seen) {
  Cost result;
  result.parameters = parameters(op, seen);
  if (op.code() == Opcode::Contract) result.multiply_adds = contract_cost(op);
  if (op.code() == Opcode::Conv) result.multiply_adds = conv_cost(op);
  if (op.region_count() == 0) return result;
  Cost inner = block_cost(op.region(), seen);
  if (op.code() == Opcode::If) {  // one of the two runs: the larger one counts
    const Cost other = block_cost(op.region(1), seen);
    inner.multiply_adds = ir::max(inner.multiply_adds, other.multiply_adds);
    inner.parameters += other.parameters;
    inner.at_least = inner.at_least || other.at_least;
  }
  if (op.code() == Opcode::Scan) inner.multiply_adds = inner.multiply_adds * op.as<ir::ScanAttr>().length;
  if (op.code() == Opcode::Loop) inner.at_least = true;
  result += inner;
  return result;
}

Cost cost(const ir::Function& function) {
  Seen seen;
  return block_cost(function.body(), seen);
}

}  // namespace seqc::runtime
