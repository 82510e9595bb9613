#include "frontend/onnx/export_match.h"

#include <algorithm>

#include "ir/infer.h"

namespace seqc::frontend {

using ir::Op;
using ir::Opcode;
using ir::Value;

namespace {

constexpr int64_t kMostSteps = 20'000;

bool commutes(Opcode code) {
  switch (code) {
    case Opcode::Add:
    case Opcode::Mul:
    case Opcode::Min:
    case Opcode::Max:
    case Opcode::And:
    case Opcode::Or:
    case Opcode::Xor:
    case Opcode::Eq:
    case Opcode::Ne: return true;
    default: return false;
  }
}

/// Labels renamed in the order in which they appear.
std::string canonical(const std::string& spec) {
  std::map<char, char> names;
  std::string result;
  for (const char c : spec) {
    const bool label = std::isalpha(static_cast<unsigned char>(c)) != 0;
    result += label ? names.try_emplace(c, static_cast<char>('A' + names.size())).first->second : c;
  }
  return result;
}

/// `a < b` and `b > a` are one thing.
Opcode mirrored(Opcode code) {
  switch (code) {
    case Opcode::Lt: return Opcode::Gt;
    case Opcode::Gt: return Opcode::Lt;
    case Opcode::Le: return Opcode::Ge;
    case Opcode::Ge: return Opcode::Le;
    default: return code;
  }
}

bool same_attributes(const Op& a, const Op& b) {
  if (a.code() != Opcode::Contract) return a.attr() == b.attr();
  const auto &left = a.as<ir::ContractAttr>(), &right = b.as<ir::ContractAttr>();
  return left.lanes == 0 && right.lanes == 0 && canonical(left.spec) == canonical(right.spec);
}

/// What a result is computed from; of a contraction only its own right-hand side.
std::vector<const Value*> sources(const Value* value) {
  const Op& op = *value->op();
  if (op.code() == Opcode::Contract) return {op.operand(0), op.operand(static_cast<size_t>(value->index()) + 1)};
  return {op.operands().begin(), op.operands().end()};
}

bool plain(const Op* op) { return op && op->region_count() == 0 && op->code() != Opcode::BindDim; }

}  // namespace

bool computed_alike(const Value* a, const Value* b) {
  if (a == b) return true;
  if (!(a->type() == b->type())) return false;
  if (a->is_constant() && b->is_constant()) return a->constant().identical(b->constant());
  if (!plain(a->op()) || !plain(b->op()) || a->op()->code() != b->op()->code()) return false;
  if (!same_attributes(*a->op(), *b->op())) return false;
  const auto left = sources(a), right = sources(b);
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), computed_alike);
}

bool ScanMatcher::match(const std::vector<size_t>& carries) {
  const Op& pattern = *pattern_.scan;
  const ir::Block &expected = pattern.region(), &got = scan_.region();
  const auto &yielded = expected.terminator()->operands(), &actual = got.terminator()->operands();
  if (!(pattern.as<ir::ScanAttr>().length == scan_.as<ir::ScanAttr>().length)) return false;
  bound_.clear();
  numbers_.clear();
  steps_ = 0;
  Pairs open;
  for (size_t i = 0; i < carries.size(); ++i) {
    bound_[expected.argument(i)] = got.argument(carries[i]);
    open.push_back({pattern.operand(i), scan_.operand(carries[i])});
  }
  for (size_t i = 0; i < carries.size(); ++i) open.push_back({yielded[i], actual[carries[i]]});
  for (size_t i = carries.size(); i < actual.size(); ++i) open.push_back({yielded[carries.size()], actual[i]});
  return solve(std::move(open));
}

bool ScanMatcher::occurs() {
  const Value* wanted = pattern_.scan->region().terminator()->operand(0);
  for (const auto& op : scan_.region().ops()) {
    bound_.clear();
    numbers_.clear();
    steps_ = 0;
    if (op->result_count() == 1 && solve({{wanted, op->result()}})) return true;
  }
  return false;
}

ScanMatch ScanMatcher::take() const {
  ScanMatch result;
  for (const Value* hole : pattern_.holes) {
    const auto it = bound_.find(hole);
    result.holes[hole] = it == bound_.end() ? nullptr : it->second;
  }
  result.numbers = numbers_;
  return result;
}

bool ScanMatcher::solve(Pairs open) {
  if (open.empty()) return true;
  if (++steps_ > kMostSteps) return false;
  const Pair pair = open.back();
  open.pop_back();
  if (const auto it = bound_.find(pair.pattern); it != bound_.end())
    return it->second && computed_alike(it->second, pair.actual) && solve(std::move(open));
  if (pattern_.holes.count(pair.pattern) || pattern_.inside.count(pair.pattern))
    return bind_hole(pair) && solve_bound(pair, std::move(open));
  if (pair.pattern->is_constant()) {
    const auto before = numbers_;
    if (bind_number(pair) && solve(std::move(open))) return true;
    numbers_ = before;
    return false;
  }
  if (pair.pattern->block()) return bind_scanned(pair, open) && solve_bound(pair, std::move(open));
  return solve_op(pair, open);
}

bool ScanMatcher::solve_bound(const Pair& pair, Pairs open) {
  bound_[pair.pattern] = pair.actual;
  if (solve(std::move(open))) return true;
  bound_.erase(pair.pattern);
  return false;
}

bool ScanMatcher::bind_hole(const Pair& pair) {
  if (!(pair.pattern->type() == pair.actual->type())) return false;
  return pattern_.inside.count(pair.pattern) != 0 || !ir::is_defined_inside(pair.actual, scan_.region());
}

bool ScanMatcher::bind_number(const Pair& pair) {
  if (!pair.actual->is_constant() || !(pair.actual->type() == pair.pattern->type())) return false;
  const ir::Tensor &expected = pair.pattern->constant(), &got = pair.actual->constant();
  for (size_t i = 0; expected.count() == 1 && i < pattern_.numbers.size(); ++i) {
    for (const double sign : {1.0, -1.0}) {
      if (!expected.identical(
              ir::Tensor::scalar(expected.dtype(), sign * pattern_.numbers[i]).reshaped(expected.shape())))
        continue;
      const double number = sign * got.real(0);
      return numbers_.try_emplace(i, number).first->second == number;
    }
  }
  return expected.identical(got);
}

/// One step of a scanned value: what is scanned must be the same as well.
bool ScanMatcher::bind_scanned(const Pair& pair, Pairs& open) {
  const Op& pattern = *pattern_.scan;
  const auto carries = static_cast<size_t>(scan_.as<ir::ScanAttr>().carries);
  if (pair.pattern->block() != &pattern.region() || pair.actual->block() != &scan_.region()) return false;
  if (!(pair.pattern->type() == pair.actual->type()) || static_cast<size_t>(pair.actual->index()) < carries)
    return false;
  open.push_back({pattern.operand(static_cast<size_t>(pair.pattern->index())),
                  scan_.operand(static_cast<size_t>(pair.actual->index()))});
  return true;
}

bool ScanMatcher::solve_op(const Pair& pair, const Pairs& open) {
  const Op& expected = *pair.pattern->op();
  const auto attempt = [&](const std::vector<const Value*>& from) {
    const auto wanted = sources(pair.pattern);
    if (wanted.size() != from.size()) return false;
    Pairs more = open;
    for (size_t i = 0; i < from.size(); ++i) more.push_back({wanted[i], from[i]});
    return solve_bound(pair, std::move(more));
  };
  if (plain(pair.actual->op()) && pair.pattern->type() == pair.actual->type()) {
    const Op& got = *pair.actual->op();
    auto from = sources(pair.actual);
    if (got.code() == expected.code() && same_attributes(expected, got)) {
      if (attempt(from)) return true;
      if (commutes(got.code())) {
        std::swap(from[0], from[1]);
        if (attempt(from)) return true;
      }
    } else if (got.code() == mirrored(expected.code())) {
      std::swap(from[0], from[1]);
      if (attempt(from)) return true;
    }
  }
  return expected.code() == Opcode::Add && solve_without(pair.pattern, pair.actual, open);
}

/// A sum without the summand that may be missing.
bool ScanMatcher::solve_without(const Value* sum, const Value* actual, const Pairs& open) {
  for (size_t i = 0; i < 2; ++i) {
    std::set<const Value*> missing;
    if (!may_vanish(sum->op()->operand(i), missing)) continue;
    for (const Value* hole : missing) bound_[hole] = nullptr;
    Pairs more = open;
    more.push_back({sum->op()->operand(1 - i), actual});
    if (solve(std::move(more))) return true;
    for (const Value* hole : missing) bound_.erase(hole);
  }
  return false;
}

bool ScanMatcher::may_vanish(const Value* value, std::set<const Value*>& missing) const {
  if (bound_.count(value) && bound_.at(value)) return false;
  if (pattern_.optional.count(value)) return missing.insert(value).second;
  if (!value->op() || value->op()->code() != Opcode::Mul) return false;
  return may_vanish(value->op()->operand(0), missing) || may_vanish(value->op()->operand(1), missing);
}

}  // namespace seqc::frontend
