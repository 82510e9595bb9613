#include "codegen/deferred.h"

#include <algorithm>
#include <optional>
#include <set>

#include "codegen/access.h"
#include "ir/infer.h"
#include "ir/kept_states.h"

namespace seqc::codegen {
namespace {

using namespace ir;

bool is_product(const Op& op) {
  return op.code() == Opcode::Kernel && op.as<KernelAttr>().kind == KernelKind::Contract;
}

/// Whether what `scan` reads step by step is all that `value` is for.
bool is_for_steps(const Value* value, const Op& scan) {
  const auto carries = static_cast<size_t>(scan.as<ScanAttr>().carries);
  return std::all_of(value->users().begin(), value->users().end(), [&](const Op* user) {
    if (user->code() == Opcode::Reshape) return is_for_steps(user->result(), scan);
    const auto& operands = user->operands();
    return user == &scan && std::find(operands.begin(), operands.begin() + static_cast<ptrdiff_t>(carries), value) ==
                                operands.begin() + static_cast<ptrdiff_t>(carries);
  });
}

/// The dim that counts the steps, when all others but the last are one.
std::optional<size_t> step_axis(const Shape& shape, const Dim& steps) {
  std::optional<size_t> found;
  for (size_t i = 0; i + 1 < shape.size(); ++i) {
    if (shape[i] == Dim(1)) continue;
    if (found || !(shape[i] == steps)) return std::nullopt;
    found = i;
  }
  return shape.back().is_constant() ? found : std::nullopt;
}

/// Results of `product` that `value` is computed from.
void collect_sums(const Value* value, const Op& product, std::set<const Value*>& sums) {
  if (!is_defined_inside(value, *product.parent())) return;
  if (value->op() == &product) {
    sums.insert(value);
    return;
  }
  for (const Value* operand : value->op()->operands()) collect_sums(operand, product, sums);
}

/// Whether the epilogue treats all rows alike, and each sum by itself.
bool has_plain_epilogue(const Op& kernel, const Op& product, size_t axis) {
  const size_t behind = product.result()->shape().size() - axis;  // dims from that of the steps on
  for (const Op* op : kernel.region().op_list()) {
    if (op == &product || op->code() == Opcode::Yield) continue;
    if (!is_elementwise(op->code())) return false;
    for (const Value* operand : op->operands()) {
      const Shape& shape = operand->shape();
      const bool one_row = shape.size() < behind || shape[shape.size() - behind] == Dim(1);
      if (!is_defined_inside(operand, kernel.region()) && !one_row) return false;
    }
  }
  const auto& yielded = kernel.region().terminator()->operands();
  return std::all_of(yielded.begin(), yielded.end(), [&](const Value* value) { return only_sum(value, product); });
}

std::optional<Deferred> deferred(const Op& kernel, const Op& scan) {
  for (size_t i = 0; i < kernel.result_count(); ++i)
    if (!is_for_steps(kernel.result(i), scan)) return std::nullopt;
  const Op* product = nullptr;
  for (const Op* op : kernel.region().op_list()) {
    if (op->code() != Opcode::Contract) continue;
    if (product) return std::nullopt;
    product = op;
  }
  const Dim& steps = scan.as<ScanAttr>().length;
  if (deferred_groups(steps) == Dim(0)) return std::nullopt;
  const bool plain = product->operands().size() == 2 && product->as<ContractAttr>().group == 1 &&
                     product->result()->dtype() == DType::f32 && product->operand(1)->dtype() == DType::f32 &&
                     !is_defined_inside(product->operand(0), kernel.region()) &&
                     !is_defined_inside(product->operand(1), kernel.region());
  const Shape& domain = product->result()->shape();
  const auto axis = step_axis(domain, steps);
  if (!plain || !axis || !has_plain_epilogue(kernel, *product, *axis)) return std::nullopt;
  const ContractSpec spec = parse_contract_spec(product->as<ContractAttr>().spec);
  const Value* lhs = product->operand(0);
  const size_t lhs_axis = spec.lhs.find(spec.out[*axis]);
  if (lhs_axis == std::string::npos || spec.summed.size() != 1 || spec.batch.find(spec.out[*axis]) != std::string::npos)
    return std::nullopt;
  const Dim& depth = lhs->shape()[spec.lhs.find(spec.summed[0])];
  if (!depth.is_constant() || depth == Dim(0) || domain.back() == Dim(0)) return std::nullopt;
  return Deferred{.product = &kernel,
                  .scan = &scan,
                  .lhs = lhs,
                  .lhs_row = row_major_strides(lhs->shape())[lhs_axis],
                  .row = row_major_strides(domain)[*axis],
                  .depth = depth.constant(),
                  .blocks = ceildiv(domain.back(), Dim(product->as<ContractAttr>().lanes)).constant()};
}

void plan_block(const Block& block, std::vector<Deferred>& found) {
  for (const Op* op : block.op_list()) {
    if (op->code() == Opcode::Kernel) continue;
    for (size_t i = 0; i < op->region_count(); ++i) plan_block(op->region(i), found);
    if (op->code() != Opcode::Scan) continue;
    for (size_t i = static_cast<size_t>(op->as<ScanAttr>().carries); i < op->operands().size(); ++i) {
      const Value* source = strip_reshapes(op->operand(i));
      if (!source->op() || !is_product(*source->op()) || source->op()->parent() != &block) continue;
      if (auto plan = deferred(*source->op(), *op)) {
        found.push_back(*plan);
        break;
      }
    }
  }
}

}  // namespace

const Value* only_sum(const Value* value, const Op& product) {
  std::set<const Value*> sums;
  collect_sums(value, product, sums);
  return sums.size() == 1 ? *sums.begin() : nullptr;
}

std::vector<Deferred> plan_deferred(const Function& function) {
  std::vector<Deferred> found;
  plan_block(function.body(), found);
  return found;
}

}  // namespace seqc::codegen
