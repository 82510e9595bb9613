#include <algorithm>
#include <map>
#include <optional>

#include "ir/builder.h"
#include "ir/error.h"
#include "passes/pass.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// A contraction's result that becomes a term of a sum, with no other use.
struct Term {
  Op* product;
  Op* add;  ///< the addition that reads it
  Op* sum;  ///< the last addition of the tree to which that belongs
};

Op* single_user(const Value* value) { return value->users().size() == 1 ? value->users()[0] : nullptr; }

std::optional<Term> term(const Value* result) {
  Op* add = single_user(result);
  if (!add || add->code() != Opcode::Add || add->operand(0) == add->operand(1)) return std::nullopt;
  if (add->result()->shape() != result->shape()) return std::nullopt;
  Term found{result->op(), add, add};
  while (Op* user = single_user(found.sum->result())) {
    if (user->code() != Opcode::Add || user->result()->shape() != result->shape()) break;
    found.sum = user;
  }
  return found;
}

/// What is added to it.
Value* other_term(const Term& t) { return t.add->operand(t.add->operand(0)->op() == t.product ? 1 : 0); }

/// Whether `before` can go, since what is added to it has the shape of the sum, or `after` is added to that next.
bool can_drop(const Term& before, const Term& after) {
  const Value* sum = before.add->result();
  const Value* other = other_term(before);
  return other->shape() == sum->shape() || single_user(sum) == after.add;
}

/// The terms of all results, in their order; nothing if one is something else.
std::vector<Term> terms(const Op* contraction) {
  std::vector<Term> all;
  for (size_t i = 0; i < contraction->result_count(); ++i) {
    const auto found = term(contraction->result(i));
    if (!found) return {};
    all.push_back(*found);
  }
  return all;
}

/// Results of f16 and bf16 are rounded before they are added, those of other types need not be.
bool can_chain(const Op* op) {
  if (op->code() != Opcode::Contract || op->as<ContractAttr>().lanes == 0) return false;
  return op->result()->dtype() == DType::f32 || op->result()->dtype() == DType::f64;
}

/// Whether two contractions have the same accumulators.
bool match(const Op* a, const Op* b) {
  return a->result_count() == b->result_count() && a->result()->type() == b->result()->type() &&
         a->as<ContractAttr>().lanes == b->as<ContractAttr>().lanes;
}

bool chain_in(Block& block) {
  bool changed = false;
  std::vector<Op*> contractions = block.op_list();
  contractions.erase(std::remove_if(contractions.begin(), contractions.end(), [](Op* op) { return !can_chain(op); }),
                     contractions.end());
  std::vector<Op*> open;  // those before that nothing goes on from yet
  for (Op* op : contractions) {
    const std::vector<Term> here = terms(op);
    const auto fits = [&](Op* other) {
      if (!match(op, other)) return false;
      const std::vector<Term> there = terms(other);
      return std::equal(here.begin(), here.end(), there.begin(), there.end(),
                        [](const Term& a, const Term& b) { return a.sum == b.sum && can_drop(b, a); });
    };
    if (const auto before = std::find_if(open.begin(), open.end(), fits); before != open.end() && !here.empty()) {
      for (const Term& t : terms(*before)) {
        t.add->result()->replace_all_uses_with(other_term(t));
        t.add->erase();
      }
      std::vector<Value*> operands = {op->operand(0), op->operand(1)};
      for (size_t i = 0; i < (*before)->result_count(); ++i) operands.push_back((*before)->result(i));
      op->set_operands(std::move(operands));
      *before = op;
      changed = true;
    } else {
      open.push_back(op);
    }
  }
  return changed;
}

}  // namespace

/// Contractions of a kernel whose results are added up become one sum over the labels of all: each begins with the sums
/// of the one before, in the same accumulators. After: form-kernels. Reassociates.
bool chain_products(Function& f, PassContext&) {
  bool changed = false;
  walk(f.body(), [&](Op* op) {
    if (op->code() == Opcode::Kernel) changed = chain_in(op->region()) || changed;
  });
  return changed;
}

}  // namespace seqc::passes
