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

/// Whether kernels of `behind` and the steps of `scan` are all that `value` is for.
bool is_for_steps(const Value* value, const Op& scan, const std::vector<const Op*>& behind) {
  const auto carries = static_cast<size_t>(scan.as<ScanAttr>().carries);
  return std::all_of(value->users().begin(), value->users().end(), [&](const Op* user) {
    if (user->code() == Opcode::Reshape && user->parent() == scan.parent())
      return is_for_steps(user->result(), scan, behind);
    if (std::find(behind.begin(), behind.end(), user->parent()->parent_op()) != behind.end()) return true;
    const auto& operands = user->operands();
    const auto first = operands.begin() + static_cast<ptrdiff_t>(carries);
    return user == &scan && std::find(operands.begin(), first, value) == first;
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

/// Whether a kernel makes each row of its results from the same row of `rows`, and from what all rows have in common.
bool works_by_rows(const Op& kernel, const std::set<const Value*>& rows, const Dim& steps) {
  const KernelKind kind = kernel.as<KernelAttr>().kind;
  if (kind != KernelKind::Map && kind != KernelKind::Reduce) return false;
  for (const Op* op : kernel.region().op_list()) {
    if (op->code() == Opcode::Yield) continue;
    const bool reduces = op->code() == Opcode::Reduce && op->as<ReduceAttr>().axes.front() > 0;
    if (!reduces && !is_elementwise(op->code())) return false;
    const Shape& shape = op->result()->shape();
    if (shape.empty() || !(shape[0] == steps)) return false;
    for (const Value* operand : op->operands()) {
      if (is_defined_inside(operand, kernel.region())) continue;
      const bool has_rows = rows.count(strip_reshapes(operand)) > 0;
      if (has_rows ? !(operand->shape()[0] == steps)
                   : operand->rank() >= op->result()->rank() && !(operand->shape()[0] == Dim(1)))
        return false;
    }
  }
  return true;
}

/// The product that a scan's input is made from, and the kernels in between in program order; null: none, or not row by row.
const Op* product_behind(const Value* input, const Op& scan, std::vector<const Op*>& behind) {
  const Op* product = nullptr;
  std::set<const Op*> found;
  std::vector<const Value*> open = {input};
  while (!open.empty()) {
    const Value* value = strip_reshapes(open.back());
    open.pop_back();
    const Op* op = value->op();
    if (!op || op->code() != Opcode::Kernel || op->parent() != scan.parent()) continue;
    if (is_product(*op)) {
      if (product && product != op) return nullptr;
      product = op;
    } else if (found.insert(op).second) {
      for (const Op* inner : op->region().op_list())
        for (const Value* operand : inner->operands())
          if (!is_defined_inside(operand, op->region())) open.push_back(operand);
    }
  }
  for (const Op* op : scan.parent()->op_list())
    if (found.count(op)) behind.push_back(op);
  return product;
}

std::optional<Deferred> deferred(const Op& kernel, std::vector<const Op*> behind, const Op& scan) {
  std::set<const Value*> rows;
  for (size_t i = 0; i < kernel.result_count(); ++i) rows.insert(kernel.result(i));
  for (const Op* op : behind) {
    if (!works_by_rows(*op, rows, scan.as<ScanAttr>().length)) return std::nullopt;
    for (size_t i = 0; i < op->result_count(); ++i) rows.insert(op->result(i));
  }
  for (const Value* value : rows)
    if (!is_for_steps(value, scan, behind)) return std::nullopt;
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
                  .behind = std::move(behind),
                  .rows_of = std::move(rows),
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
      std::vector<const Op*> behind;
      const Op* product = product_behind(op->operand(i), *op, behind);
      if (!product) continue;
      if (auto plan = deferred(*product, std::move(behind), *op)) {
        found.push_back(std::move(*plan));
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

KernelOfRows kernel_of_rows(const Op& kernel, const Deferred& plan) {
  KernelOfRows result{std::make_unique<Function>("rows"), nullptr, {}};
  const auto with_rows = [](Type type) {
    type.shape[0] = Dim::symbol(kRowsDim);
    return type;
  };
  ValueMap map;
  for (const Op* op : kernel.region().op_list()) {
    for (const Value* operand : op->operands()) {
      if (is_defined_inside(operand, kernel.region()) || map.count(operand)) continue;
      if (operand->is_constant()) {
        map[operand] = result.function->constant(operand->constant());
      } else {
        const bool has_rows = plan.rows_of.count(strip_reshapes(operand)) > 0;
        map[operand] = result.function->body().add_argument(has_rows ? with_rows(operand->type()) : operand->type());
      }
      result.buffers[map[operand]] = operand;
    }
  }
  Op* copy = clone(kernel, result.function->body(), nullptr, map);
  for (size_t i = 0; i < copy->result_count(); ++i) {
    copy->result(i)->set_type(with_rows(copy->result(i)->type()));
    result.buffers[copy->result(i)] = kernel.result(i);
  }
  for (const Op* op : copy->region().op_list())
    for (size_t i = 0; i < op->result_count(); ++i) op->result(i)->set_type(with_rows(op->result(i)->type()));
  result.kernel = copy;
  return result;
}

std::vector<Deferred> plan_deferred(const Function& function) {
  std::vector<Deferred> found;
  plan_block(function.body(), found);
  return found;
}

}  // namespace seqc::codegen
