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

namespace {

void collect_products(const ir::Block& block, const Dim& sweeps, std::vector<ProductCost>& all) {
  const size_t first = all.size();
  std::vector<ProductCost> inner;  // in loops of their own
  Dim swept;
  const auto visit = [&](auto&& self, const ir::Block& here) -> void {
    for (const auto& op : here.ops()) {
      if (op->code() == Opcode::Contract || op->code() == Opcode::Conv) {
        const Dim bytes = ir::element_count(op->operand(1)->shape()) *
                          Dim(static_cast<int64_t>(ir::size_of(op->operand(1)->dtype())));
        const Dim once = op->code() == Opcode::Contract ? contract_cost(*op) : conv_cost(*op);
        all.push_back({once * sweeps, bytes, sweeps, Dim(0), op->result()->dtype(), op.get()});
        swept = swept + bytes;
      } else if (op->code() == Opcode::Scan) {
        collect_products(op->region(), sweeps * op->as<ir::ScanAttr>().length, inner);
      } else if (op->code() == Opcode::Loop) {
        collect_products(op->region(), sweeps, inner);
      } else if (op->region_count() > 0) {
        self(self, op->region());
      }
    }
  };
  visit(visit, block);
  for (const ProductCost& product : inner) swept = swept + product.weight_bytes;
  for (size_t i = first; i < all.size(); ++i) all[i].swept_bytes = swept;
  all.insert(all.end(), inner.begin(), inner.end());
}

}  // namespace

ProductCost bounded(ProductCost product, const ir::DimBounds& bounds) {
  for (Dim* dim : {&product.multiply_adds, &product.weight_bytes, &product.sweeps, &product.swept_bytes})
    *dim = bounds.upper(*dim);
  product.op = nullptr;
  return product;
}

std::vector<ProductCost> product_costs(const ir::Function& function) {
  std::vector<ProductCost> all;
  collect_products(function.body(), Dim(1), all);
  Dim total;
  for (const ProductCost& product : all) total = total + product.weight_bytes;
  for (ProductCost& product : all)
    if (product.sweeps == Dim(1)) product.swept_bytes = total;  // once a run: all weights pass between two runs
  return all;
}

}  // namespace seqc::runtime
