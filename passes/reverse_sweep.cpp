#include "passes/reverse_sweep.h"

#include <algorithm>

#include "ir/error.h"
#include "ir/named_dims.h"
#include "passes/derivative_rules.h"
#include "passes/rewrite.h"

namespace seqc::passes {

using namespace ir;

double SavePolicy::size(const Dim& dim) const {
  if (dim.is_constant()) return static_cast<double>(dim.constant());
  constexpr int64_t kUnknown = 128;
  std::set<std::string> names;
  dim.collect_symbols(names);
  std::map<std::string, int64_t> values = expected_dims;
  for (const std::string& name : names) values.try_emplace(name, kUnknown);
  return static_cast<double>(std::max<int64_t>(dim.evaluate(values), 0));
}

bool SavePolicy::is_at_least(const Dim& dim, double least) const {
  std::set<std::string> names;
  dim.collect_symbols(names);
  const auto is_expected = [&](const std::string& name) { return expected_dims.contains(name); };
  return std::all_of(names.begin(), names.end(), is_expected) && size(dim) >= least;
}

double SavePolicy::bytes(const Value* value) const {
  auto total = static_cast<double>(size_of(value->dtype()));
  for (const Dim& dim : value->shape()) total *= size(dim);
  return total;
}

ValueSet dependents(const std::vector<Op*>& ops, ValueSet roots) {
  for (const Op* op : ops) {
    bool reads = false;
    for_each_operand(op, [&](const Value* value) { reads = reads || roots.contains(value); });
    for (size_t i = 0; reads && i < op->result_count(); ++i)
      if (is_float(op->result(i)->dtype())) roots.insert(op->result(i));
  }
  return roots;
}

Value* zeros_like(Builder& b, const Value* like) { return b.broadcast(b.scalar_like(like, 0), like->shape()); }

std::vector<Value*> varying_captures(const ReverseSweep& sweep, const Op* op) {
  std::vector<Value*> captures;
  for (size_t i = 0; i < op->region_count(); ++i)
    walk(op->region(i), [&](const Op* inner) {
      for (Value* value : inner->operands()) {
        if (!sweep.varies(value) || std::find(captures.begin(), captures.end(), value) != captures.end()) continue;
        captures.push_back(value);
      }
    });
  return captures;
}

void ReverseSweep::add(const Value* value, Value* adjoint) {
  if (!adjoint || !varies(value)) return;
  SEQC_CHECK(value->type() == adjoint->type(), "the derivative by {} is {}", value->type().str(),
             adjoint->type().str());
  contributions_[value].push_back(adjoint);
}

Value* ReverseSweep::adjoint(const Value* value) {
  const auto it = contributions_.find(value);
  if (it == contributions_.end() || it->second.empty()) return nullptr;
  Value* sum = it->second[0];
  for (size_t i = 1; i < it->second.size(); ++i) sum = b_.add(sum, it->second[i]);
  it->second = {sum};
  return sum;
}

Value* ReverseSweep::adjoint_or_zeros(const Value* value) {
  Value* sum = adjoint(value);
  return sum ? sum : zeros_like(b_, value);
}

void ReverseSweep::replace(const Value* old, Value* by) {
  contributions_[by] = std::move(contributions_[old]);
  contributions_.erase(old);
  if (varying_.erase(old) > 0) varying_.insert(by);
}

void ReverseSweep::run(const std::vector<Op*>& ops) {
  for (auto op = ops.rbegin(); op != ops.rend(); ++op) step(*op);
}

void ReverseSweep::step(Op* op) {
  bool wanted = false;
  for_each_operand(op, [&](const Value* value) { wanted = wanted || varies(value); });
  if (!wanted) return;
  std::vector<Value*> given;
  bool any = false;
  b_.set_location(op->location());
  for (size_t i = 0; i < op->result_count(); ++i) {
    given.push_back(stops(op->result(i)) ? nullptr : adjoint(op->result(i)));
    any = any || given.back();
  }
  if (!any) return;
  switch (op->code()) {
    case Opcode::Scan: return differentiate_scan(*this, op, given);
    case Opcode::Loop: return differentiate_loop(*this, op);
    case Opcode::If: return differentiate_if(*this, op, given);
    default: break;
  }
  std::vector<bool> varying;
  for (const Value* operand : op->operands()) varying.push_back(varies(operand));
  const auto by_operand = derivative(b_, *op, given, varying);
  for (size_t i = 0; i < by_operand.size(); ++i)
    if (varying[i]) add(op->operand(i), by_operand[i]);
}

}  // namespace seqc::passes
