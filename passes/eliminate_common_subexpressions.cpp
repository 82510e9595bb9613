#include <algorithm>
#include <functional>
#include <unordered_map>
#include <vector>

#include "passes/pass.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// a op b has the same bits as b op a. Not for float min and max, which may tell -0 from 0 by position.
bool is_commutative(const Op& op) {
  switch (op.code()) {
    case Opcode::Add:
    case Opcode::Mul:
    case Opcode::And:
    case Opcode::Or:
    case Opcode::Xor:
    case Opcode::Eq:
    case Opcode::Ne: return true;
    case Opcode::Min:
    case Opcode::Max: return !is_float(op.operand(0)->dtype());
    default: return false;
  }
}

/// Hashes the fields of an attribute struct.
struct AttrHash {
  size_t value = 0;
  void mix(size_t word) { value = (value ^ word) * 0x9e3779b97f4a7c15 + (value >> 29); }
  template <class T>
  void operator()(const char*, const T& field, const auto&) {
    add(field);
  }
  void add(const std::string& text) { mix(std::hash<std::string>()(text)); }
  void add(const Dim& dim) { dim.is_constant() ? mix(static_cast<size_t>(dim.constant())) : add(dim.str()); }
  template <class T>
  void add(const std::vector<T>& list) {
    for (const T& item : list) add(item);
  }
  template <class T>
  void add(const T& number) {
    mix(static_cast<size_t>(number));
  }
};

std::vector<const Value*> sorted_operands(const Op& op) {
  std::vector<const Value*> operands(op.operands().begin(), op.operands().end());
  if (is_commutative(op)) std::sort(operands.begin(), operands.end(), std::less<>());
  return operands;
}

size_t hash(const Op& op) {
  AttrHash hash;
  hash.add(op.code());
  for (const Value* operand : sorted_operands(op)) hash.mix(std::hash<const Value*>()(operand));
  Attr attr = op.attr();  // visit is not const
  std::visit([&](auto& fields) { fields.visit(hash); }, attr);
  return hash.value;
}

bool same(const Op& a, const Op& b) {
  return a.code() == b.code() && a.attr() == b.attr() && a.result_count() == b.result_count() &&
         sorted_operands(a) == sorted_operands(b);
}

class Scopes {
 public:
  bool block(Block& block) {
    bool changed = false;
    std::vector<size_t> entered;
    for (Op* op : block.op_list()) {
      // Inside a kernel everything is part of one loop nest; its values are not for others, nor theirs for it.
      if (op->code() == Opcode::Kernel) continue;
      for (size_t i = 0; i < op->region_count(); ++i) changed |= this->block(op->region(i));
      if (op->info().op_class == OpClass::Control || op->code() == Opcode::Copy) continue;
      const size_t key = hash(*op);
      auto& seen = visible_[key];
      const auto match = std::find_if(seen.begin(), seen.end(), [&](const Op* other) { return same(*op, *other); });
      if (match != seen.end()) {
        std::vector<Value*> values;
        for (size_t i = 0; i < op->result_count(); ++i) values.push_back((*match)->result(i));
        replace_op(op, values);
        changed = true;
      } else {
        seen.push_back(op);
        entered.push_back(key);
      }
    }
    for (auto key = entered.rbegin(); key != entered.rend(); ++key) visible_[*key].pop_back();
    return changed;
  }

 private:
  std::unordered_map<size_t, std::vector<Op*>> visible_;  // by hash; ops of the enclosing blocks so far
};

}  // namespace

/// Replaces an op by an earlier one in the same or an enclosing block that computes the same.
/// Exact: sums and products of two are compared in either order, which gives the same bits.
/// Does not fire on: ops with regions, copies (memory of their own is what they are for), kernels.
bool eliminate_common_subexpressions(Function& f, PassContext&) { return Scopes().block(f.body()); }

}  // namespace seqc::passes
