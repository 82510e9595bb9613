#include "codegen/meetings.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "ir/infer.h"
#include "ir/kept_states.h"

namespace seqc::codegen {
namespace {

using namespace ir;

std::vector<const Op*> contractions(const Op& kernel) {
  std::vector<const Op*> found;
  for (const Op* op : kernel.region().op_list())
    if (op->code() == Opcode::Contract) found.push_back(op);
  return found;
}

bool is_contract(const Op* op) {
  return op->code() == Opcode::Kernel && op->as<KernelAttr>().kind == KernelKind::Contract;
}

/// The columns of a kernel's only row, and how wide the blocks are that threads share; nothing if it has other rows.
std::optional<Meeting> shared_columns(const Op& kernel) {
  const auto products = contractions(kernel);
  const Shape& domain = products[0]->result()->shape();
  const int64_t block = products[0]->as<ContractAttr>().lanes;
  const bool alike = std::all_of(products.begin(), products.end(), [&](const Op* op) {
    return op->as<ContractAttr>().lanes == block && op->result()->shape() == domain;
  });
  if (!alike || !domain.back().is_constant() || !(element_count(domain) == domain.back())) return std::nullopt;
  return Meeting{nullptr, block, domain.back().constant()};
}

/// `carried`: the region's arguments stand for what the step before has yielded.
std::optional<Meeting> meeting(const Op& first, const Op& second, const Block& region, bool carried) {
  if (!is_contract(&first) || !is_contract(&second)) return std::nullopt;
  auto columns = shared_columns(first);
  if (!columns || !shared_columns(second)) return std::nullopt;
  const Op& product = *contractions(second)[0];
  const Value* read = product.operand(0);
  if (is_defined_inside(read, second.region()) || is_defined_inside(product.operand(1), region)) return std::nullopt;
  const Value *read_from = strip_reshapes(read), *made = read_from;
  const auto& yielded = region.terminator()->operands();
  if (carried) {
    const auto& scan = region.parent_op()->as<ScanAttr>();
    for (size_t i = 0; i < static_cast<size_t>(scan.carries); ++i)
      if (read_from == region.argument(i)) made = strip_reshapes(yielded[i]);
  }
  const ContractSpec spec = parse_contract_spec(product.as<ContractAttr>().spec);
  const Dim depth = read->shape()[spec.lhs.find(spec.summed[0])];
  const bool whole = depth == Dim(columns->columns) && element_count(read->shape()) == depth;
  const bool dense = made->op() == &first && element_count(made->shape()) == depth;
  if (!whole || !dense) return std::nullopt;
  columns->value = read;
  return columns;
}

}  // namespace

void plan_meetings(const Op& scan, Meetings& meetings) {
  const Block& region = scan.region();
  std::vector<const Op*> kernels;
  for (const Op* op : region.op_list()) {
    if (op->code() == Opcode::Reshape || op->code() == Opcode::Slice || op == region.terminator()) continue;
    if (op->code() != Opcode::Kernel) return;
    kernels.push_back(op);
  }
  for (size_t i = 0; i < kernels.size(); ++i) {
    const bool last = i + 1 == kernels.size();
    const Op &first = *kernels[i], &second = *kernels[last ? 0 : i + 1];
    if (auto found = meeting(first, second, region, last)) {
      meetings.at.emplace(&second, *found);
      meetings.left.insert(&first);
    }
  }
}

}  // namespace seqc::codegen
