#include <algorithm>
#include <map>
#include <optional>

#include "ir/builder.h"
#include "ir/error.h"
#include "passes/pass.h"
#include "passes/remarks.h"

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

/// The terms of all results, in their order; nothing if one is something else, or if two are added to each other.
std::vector<Term> terms(const Op* contraction) {
  std::vector<Term> all;
  for (size_t i = 0; i < contraction->result_count(); ++i) {
    const auto found = term(contraction->result(i));
    if (!found || other_term(*found)->op() == contraction) return {};
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

/// In their order; they stay, whatever becomes of the additions between them.
std::vector<Op*> chainable(const Block& block) {
  std::vector<Op*> contractions = block.op_list();
  contractions.erase(std::remove_if(contractions.begin(), contractions.end(), [](Op* op) { return !can_chain(op); }),
                     contractions.end());
  return contractions;
}

bool chain_in(Block& block, Remarks* remarks) {
  bool changed = false;
  std::vector<Op*> open;  // those before that nothing goes on from yet
  for (Op* op : chainable(block)) {
    const std::vector<Term> here = terms(op);
    const auto fits = [&](Op* other) {
      if (!match(op, other)) return false;
      const std::vector<Term> there = terms(other);
      return std::equal(here.begin(), here.end(), there.begin(), there.end(),
                        [](const Term& a, const Term& b) { return a.sum == b.sum && can_drop(b, a); });
    };
    if (const auto before = std::find_if(open.begin(), open.end(), fits); before != open.end() && !here.empty()) {
      if (remarks)
        remarks->did(op, "goes on with the sums of the product before it, in the same registers",
                     "both are added up, and nothing else reads them");
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

/// The first of a chain.
Op* head(Op* op) {
  while (op->operands().size() > 2 && op->operand(2)->op() && op->operand(2)->op()->code() == Opcode::Contract)
    op = op->operand(2)->op();
  return op;
}

bool begin_with_sums_in(Block& block) {
  const auto is_term = [&](const Term& t) {
    const Op* end = single_user(t.sum->result());
    const Value* other = other_term(t);
    return t.sum == t.add && end && end->code() == Opcode::Yield && other->shape() == t.sum->result()->shape() &&
           !other->is_constant() && !is_defined_inside(other, block);
  };
  bool changed = false;
  for (Op* op : chainable(block)) {
    if (head(op)->operands().size() > 2) continue;
    const std::vector<Term> here = terms(op);
    if (here.empty() || !std::all_of(here.begin(), here.end(), is_term)) continue;
    std::vector<Value*> operands = head(op)->operands();
    for (const Term& t : here) operands.push_back(other_term(t));
    head(op)->set_operands(std::move(operands));
    for (size_t i = 0; i < here.size(); ++i) {
      here[i].add->result()->replace_all_uses_with(op->result(i));
      here[i].add->erase();
    }
    changed = true;
  }
  return changed;
}

/// Whether nothing but sums leaves the kernel: what they begin with is not worth it where an epilogue passes by anyway.
bool yields_sums(const Block& block) {
  const auto& yielded = block.terminator()->operands();
  return std::all_of(yielded.begin(), yielded.end(), [](const Value* value) {
    const Op* op = value->op();
    return op && (op->code() == Opcode::Contract || (op->code() == Opcode::Add && single_user(value)));
  });
}

}  // namespace

/// Contractions of a kernel whose results are added up become one sum over the labels of all: each begins with the sums
/// of the one before, in the same accumulators; where sums are all that a kernel gives, the first begins with what is
/// added to them from outside. After: form-kernels. Reassociates.
bool chain_products(Function& f, PassContext& context) {
  bool changed = false;
  walk(f.body(), [&](Op* op) {
    if (op->code() != Opcode::Kernel) return;
    changed = chain_in(op->region(), context.remarks) || changed;
    if (yields_sums(op->region())) changed = begin_with_sums_in(op->region()) || changed;
  });
  return changed;
}

}  // namespace seqc::passes
