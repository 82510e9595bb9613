#include <algorithm>

#include "passes/rewrite.h"
#include "passes/simplify_rules.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// The labels of a transposed value, in the order of what was transposed.
std::string labels_before(const Op* transpose, const std::string& labels) {
  std::string result = labels;
  const auto& perm = transpose->as<TransposeAttr>().perm;
  for (size_t i = 0; i < perm.size(); ++i) result[static_cast<size_t>(perm[i])] = labels[i];
  return result;
}

Value* contract(Builder& b, const ContractSpec& spec, Value* lhs, Value* rhs) {
  return b.emit(Opcode::Contract, {lhs, rhs}, ContractAttr{.spec = spec.str(), .columns = {}});
}

/// Only plain contractions of one result; the rewritten ones must sum in the same order.
bool is_plain(const Op* op) { return op->result_count() == 1 && op->as<ContractAttr>().lanes == 0; }
bool same_order(const ContractSpec& a, const ContractSpec& b) {
  return parse_contract_spec(a.str()).summed == parse_contract_spec(b.str()).summed;
}

// contract "ni,ji->nj" (transpose x) w = contract "in,ji->nj" x w
Value* absorb_transposes(Op* op, Builder& b) {
  if (!is_plain(op)) return nullptr;
  const ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
  const Op *lhs = defining(op->operand(0), Opcode::Transpose), *rhs = defining(op->operand(1), Opcode::Transpose);
  if (lhs) {
    ContractSpec absorbed = spec;
    absorbed.lhs = labels_before(lhs, spec.lhs);
    return contract(b, absorbed, lhs->operand(0), op->operand(1));
  }
  if (rhs) {
    ContractSpec absorbed = spec;
    absorbed.rhs = labels_before(rhs, spec.rhs);
    if (same_order(absorbed, spec)) return contract(b, absorbed, op->operand(0), rhs->operand(0));
  }
  return nullptr;
}

// Weights go to the right, where they are packed: contract c x = contract x c.
Value* constant_to_the_right(Op* op, Builder& b) {
  if (!is_plain(op) || !op->operand(0)->is_constant() || op->operand(1)->is_constant()) return nullptr;
  if (op->operand(0)->dtype() != op->operand(1)->dtype()) return nullptr;  // the result has the left one's type
  const ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
  ContractSpec swapped = spec;
  std::swap(swapped.lhs, swapped.rhs);
  return same_order(swapped, spec) ? contract(b, swapped, op->operand(1), op->operand(0)) : nullptr;
}

// The result's last label comes from the right-hand side, else what is computed is transposed in the end:
// contract "ni,nj->ji" x y = contract "nj,ni->ji" y x. Constants stay where they are packed once.
Value* columns_to_the_right(Op* op, Builder& b) {
  if (!is_plain(op) || op->operand(1)->is_constant()) return nullptr;
  if (op->operand(0)->dtype() != op->operand(1)->dtype()) return nullptr;
  const ContractSpec spec = parse_contract_spec(op->as<ContractAttr>().spec);
  if (spec.columns.empty() || spec.rows.empty() || spec.rows.find(spec.out.back()) == std::string::npos) return nullptr;
  ContractSpec swapped = spec;
  std::swap(swapped.lhs, swapped.rhs);
  return same_order(swapped, spec) ? contract(b, swapped, op->operand(1), op->operand(0)) : nullptr;
}

constexpr Rule kRules[] = {{Opcode::Contract, absorb_transposes},
                           {Opcode::Contract, constant_to_the_right},
                           {Opcode::Contract, columns_to_the_right}};

}  // namespace

std::span<const Rule> contraction_rules() { return kRules; }

}  // namespace seqc::passes
