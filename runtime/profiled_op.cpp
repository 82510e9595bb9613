#include "runtime/profiled_op.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "codegen/codegen.h"

namespace seqc::runtime {
namespace {

using ir::Dim;
using ir::Op;
using ir::Opcode;

/// What stands before the operands of a product, reduction, ... in a kernel's name.
std::string root_text(const Op& op) {
  switch (op.code()) {
    case Opcode::Contract: {
      std::string text = fmt::format("contract {} {} x {}", op.as<ir::ContractAttr>().spec, op.operand(0)->type().str(),
                                     op.operand(1)->type().str());
      return op.result_count() == 1 ? text : fmt::format("{} ({} products)", text, op.result_count());
    }
    case Opcode::Conv: return fmt::format("conv {} x {}", op.operand(0)->type().str(), op.operand(1)->type().str());
    case Opcode::Reduce:
      return fmt::format("reduce {} {}", ir::kNames<ir::ReduceKind>[static_cast<size_t>(op.as<ir::ReduceAttr>().kind)],
                         op.operand(0)->type().str());
    case Opcode::ReduceWindow:
      return fmt::format("reduce_window {} {}",
                         ir::kNames<ir::ReduceKind>[static_cast<size_t>(op.as<ir::WindowAttr>().kind)],
                         op.operand(0)->type().str());
    default: return "";
  }
}

std::string kernel_name(const Op& kernel) {
  constexpr size_t kMost = 6;
  std::vector<std::string> roots, others;
  for (const auto& op : kernel.region().ops()) {
    if (op->code() == Opcode::Yield) continue;
    if (const std::string root = root_text(*op); !root.empty())
      roots.push_back(root);
    else if (std::string name(op->info().mnemonic); std::find(others.begin(), others.end(), name) == others.end())
      others.push_back(std::move(name));
  }
  if (roots.empty() && !others.empty()) others.back() += " " + kernel.result()->type().str();
  roots.insert(roots.end(), others.begin(), others.begin() + static_cast<ptrdiff_t>(std::min(others.size(), kMost)));
  if (others.size() > kMost) {
    roots.push_back("...");
    if (roots.size() == kMost + 1) roots.push_back(kernel.result()->type().str());
  }
  return fmt::format("{}", fmt::join(roots, ", "));
}

std::string loop_name(const Op& op) {
  if (op.code() != Opcode::Scan) return std::string(op.info().mnemonic);
  const auto& attr = op.as<ir::ScanAttr>();
  return fmt::format("scan, {} steps{}", attr.length.str(), attr.reverse ? " backwards" : "");
}

std::string sources_of(const Op& op) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (size_t i = 0; i < op.region_count(); ++i)
    ir::walk(op.region(i), [&](const Op* inner) { add(inner->location()); });
  if (names.empty()) add(op.location());
  return fmt::format("{}", fmt::join(names, ", "));
}

Dim bytes_of(const ir::Value& value) {
  return ir::element_count(value.shape()) * Dim(static_cast<int64_t>(ir::size_of(value.dtype())));
}

/// Each value from outside once; of one of which a part is picked, what is picked.
Dim bytes_moved(const Op& kernel) {
  Dim total;
  std::set<const ir::Value*> seen;
  for (const auto& op : kernel.region().ops())
    for (size_t i = 0; i < op->operands().size(); ++i) {
      const ir::Value* operand = op->operand(i);
      if (is_defined_inside(operand, kernel.region()) || !seen.insert(operand).second) continue;
      if (operand->is_constant() && operand->rank() == 0) continue;  // part of the code
      const bool picks = i == 0 && (op->code() == Opcode::Gather || op->code() == Opcode::GatherNd ||
                                    op->code() == Opcode::GatherElements || op->code() == Opcode::Slice);
      total = total + bytes_of(picks ? *op->result() : *operand);
    }
  for (size_t i = 0; i < kernel.result_count(); ++i) total = total + bytes_of(*kernel.result(i));
  return total;
}

}  // namespace

std::vector<ProfiledOp> profiled_ops(const ir::Function& function) {
  const ir::DimBounds bounds(function);
  std::map<const Op*, int> positions;
  std::vector<ProfiledOp> result;
  for (const Op* op : codegen::profiled_ops(function)) {
    ProfiledOp entry;
    entry.kernel = op->code() == Opcode::Kernel;
    entry.sources = sources_of(*op);
    entry.name = entry.kernel ? kernel_name(*op) : loop_name(*op);
    if (const Op* around = op->parent()->parent_op()) {
      entry.parent = positions.at(around);
      entry.runs = result[static_cast<size_t>(entry.parent)].runs;
      if (around->code() == Opcode::Scan) entry.runs = entry.runs * around->as<ir::ScanAttr>().length;
    }
    if (entry.kernel) entry.bytes = bounds.upper(bytes_moved(*op) * entry.runs);
    positions[op] = static_cast<int>(result.size());
    result.push_back(std::move(entry));
  }
  for (const ProductCost& product : product_costs(function)) {
    const auto kernel = positions.find(product.op->parent()->parent_op());
    if (kernel == positions.end()) continue;
    ProfiledOp& entry = result[static_cast<size_t>(kernel->second)];
    entry.multiply_adds = entry.multiply_adds + bounds.upper(product.multiply_adds);
    entry.products.push_back(bounded(product, bounds));
  }
  for (ProfiledOp& entry : result) entry.runs = bounds.upper(entry.runs);
  return result;
}

}  // namespace seqc::runtime
