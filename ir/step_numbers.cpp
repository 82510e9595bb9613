#include "ir/step_numbers.h"

#include <algorithm>

#include "ir/dim.h"

namespace seqc::ir {
namespace {

constexpr int kMaxDepth = 64;
constexpr int64_t kMaxMagnitude = int64_t{1} << 40;  // of numbers that may be indices
constexpr int64_t kMaxElements = 4096;               // of constants that are looked at

/// Signed integers of 32 bits and more hold every index.
bool is_index_type(DType type) { return is_signed_integer(type) && size_of(type) >= 4; }

/// Names that no model can have given to a dim.
bool is_step_name(const std::string& name) { return name.starts_with('#'); }

/// Position of `index` in an operand that NumPy broadcasts to the result.
std::vector<Dim> aligned(const Shape& operand, const std::vector<Dim>& index) {
  std::vector<Dim> result(index.end() - static_cast<ptrdiff_t>(operand.size()), index.end());
  for (size_t i = 0; i < operand.size(); ++i)
    if (operand[i] == Dim(1)) result[i] = Dim(0);
  return result;
}

/// Position of `index` before a reshape that only puts in or takes away dims of size 1.
std::optional<std::vector<Dim>> before_reshape(const Shape& from, const Shape& to, const std::vector<Dim>& index) {
  std::vector<Dim> result;
  size_t at = 0;
  for (const Dim& size : from) {
    if (size == Dim(1)) {
      result.emplace_back(0);
      continue;
    }
    while (at < to.size() && to[at] == Dim(1)) ++at;
    if (at == to.size() || !(to[at] == size)) return std::nullopt;
    result.push_back(index[at++]);
  }
  while (at < to.size() && to[at] == Dim(1)) ++at;
  return at == to.size() ? std::optional(result) : std::nullopt;
}

}  // namespace

bool StepNumbers::depends_on_steps(const Dim& e) {
  std::set<std::string> names;
  e.collect_symbols(names);
  return std::any_of(names.begin(), names.end(), is_step_name);
}

Dim StepNumbers::step_of(const Op* loop) {
  const auto it = steps_.find(loop);
  return it != steps_.end() ? it->second : steps_[loop] = Dim::symbol("#" + std::to_string(steps_.size()));
}

std::optional<Dim> StepNumbers::expression(const Value* value) {
  for (const Dim& size : value->shape())
    if (!(size == Dim(1))) return std::nullopt;
  return compute(value, std::vector<Dim>(value->shape().size(), Dim(0)), 0);
}

std::optional<Dim> StepNumbers::element(const Value* value, const std::vector<Dim>& index) {
  return compute(value, index, 0);
}

std::optional<StepNumbers::Line> StepNumbers::line(const Dim& e, const Op* loop) {
  const std::string name = step_of(loop).symbol_name();
  const Dim start = e.substitute({{name, Dim(0)}}), slope = e.substitute({{name, Dim(1)}}) - start;
  if (!slope.is_constant() || depends_on_steps(start) || !(start + slope * step_of(loop) == e)) return std::nullopt;
  return Line{start, slope.constant()};
}

std::optional<std::vector<Dim>> StepNumbers::condition(const Value* value) {
  const Op* op = value->op();
  if (value->is_constant()) {
    const Tensor& tensor = value->constant();
    if (tensor.dtype() == DType::boolean && tensor.count() == 1 && tensor.integer(0) != 0) return std::vector<Dim>{};
    return std::nullopt;
  }
  if (!op) return std::nullopt;
  const bool negated = op->code() == Opcode::Not;
  if (negated) {
    op = op->operand(0)->op();
    if (!op) return std::nullopt;
  }
  const auto compare = [&](size_t a, size_t b, int64_t more) -> std::optional<std::vector<Dim>> {
    const auto low = expression(op->operand(a)), high = expression(op->operand(b));
    if (!low || !high) return std::nullopt;
    return std::vector<Dim>{*high - *low + Dim(more)};
  };
  switch (op->code()) {
    case Opcode::Lt: return negated ? compare(1, 0, 1) : compare(0, 1, 0);
    case Opcode::Ge: return negated ? compare(0, 1, 0) : compare(1, 0, 1);
    case Opcode::Gt: return negated ? compare(0, 1, 1) : compare(1, 0, 0);
    case Opcode::Le: return negated ? compare(1, 0, 0) : compare(0, 1, 1);
    case Opcode::Reshape:
    case Opcode::Broadcast:
    case Opcode::Copy:
      if (negated || !(element_count(op->operand(0)->shape()) == Dim(1))) return std::nullopt;
      return condition(op->operand(0));
    case Opcode::And: {
      if (negated) return std::nullopt;
      auto both = condition(op->operand(0));
      const auto other = condition(op->operand(1));
      if (!both || !other) return std::nullopt;
      both->insert(both->end(), other->begin(), other->end());
      return both;
    }
    default: return std::nullopt;
  }
}

std::optional<Dim> StepNumbers::compute(const Value* value, const std::vector<Dim>& index, int depth) {
  if (depth > kMaxDepth || !is_index_type(value->dtype())) return std::nullopt;
  if (const auto it = assumed_.find(value); it != assumed_.end()) return it->second;
  if (value->is_constant()) return of_constant(value->constant(), index);
  return value->op() ? of_op(value, index, depth) : of_argument(value, index, depth);
}

/// Constants whose elements grow evenly along each dim: single numbers, and what is left of iota and its like.
std::optional<Dim> StepNumbers::of_constant(const Tensor& tensor, const std::vector<Dim>& index) const {
  if (tensor.count() == 0 || tensor.count() > kMaxElements) return std::nullopt;
  const auto rank = tensor.shape().size();
  std::vector<int64_t> step(rank, 0);
  for (size_t i = rank, stride = 1; i-- > 0; stride *= static_cast<size_t>(tensor.shape()[i]))
    if (tensor.shape()[i] > 1) step[i] = tensor.integer(static_cast<int64_t>(stride)) - tensor.integer(0);
  Dim result(tensor.integer(0));
  for (size_t i = 0; i < rank; ++i) result = result + Dim(step[i]) * index[i];
  for (int64_t at = 0; at < tensor.count(); ++at) {
    int64_t expected = tensor.integer(0), rest = at;
    for (size_t i = rank; i-- > 0; rest /= tensor.shape()[i]) expected += step[i] * (rest % tensor.shape()[i]);
    if (expected != tensor.integer(at) || std::abs(expected) > kMaxMagnitude) return std::nullopt;
  }
  return result;
}

std::optional<Dim> StepNumbers::of_argument(const Value* argument, const std::vector<Dim>& index, int depth) {
  const Op* loop = argument->block()->parent_op();
  if (!loop) return std::nullopt;
  const auto i = static_cast<size_t>(argument->index());
  const Op* last = loop->region().terminator();
  const bool complete = last && last->code() == Opcode::Yield;
  const auto open = [&]() -> std::optional<Dim> {
    if (!(element_count(argument->shape()) == Dim(1))) return std::nullopt;
    return open_.try_emplace(argument, Dim::symbol("#open" + std::to_string(open_.size()))).first->second;
  };
  if (loop->code() == Opcode::Loop) {
    if (i == 0) return step_of(loop);
    return complete ? of_carry(argument, loop->operand(i + 1), last->operand(i), step_of(loop), depth) : open();
  }
  if (loop->code() != Opcode::Scan) return std::nullopt;
  const auto& attr = loop->as<ScanAttr>();
  if (static_cast<int64_t>(i) < attr.carries) {
    if (!complete) return open();
    const Dim before = attr.reverse ? attr.length - Dim(1) - step_of(loop) : step_of(loop);
    return of_carry(argument, loop->operand(i), last->operand(i), before, depth);
  }
  std::vector<Dim> whole = {step_of(loop)};
  whole.insert(whole.end(), index.begin(), index.end());
  return compute(loop->operand(i), whole, depth + 1);
}

/// A counter: each step adds the same number.
std::optional<Dim> StepNumbers::of_carry(const Value* argument, const Value* initial, const Value* next,
                                         const Dim& steps_before, int depth) {
  if (!(element_count(argument->shape()) == Dim(1)) || assumed_.size() > 8) return std::nullopt;
  const std::vector<Dim> first(argument->shape().size(), Dim(0));
  const auto start = compute(initial, first, depth + 1);
  if (!start) return std::nullopt;
  const Dim here = Dim::symbol("#carry" + std::to_string(assumed_.size()));
  assumed_.emplace(argument, here);
  const auto after = compute(next, first, depth + 1);
  assumed_.erase(argument);
  if (!after || !(*after - here).is_constant()) return std::nullopt;
  return *start + (*after - here) * steps_before;
}

std::optional<Dim> StepNumbers::of_op(const Value* value, const std::vector<Dim>& index, int depth) {
  const Op* op = value->op();
  const auto operand = [&](size_t i) {
    return compute(op->operand(i), aligned(op->operand(i)->shape(), index), depth + 1);
  };
  const auto both = [&](auto&& combine) -> std::optional<Dim> {
    const auto a = operand(0), b = operand(1);
    return a && b ? std::optional(combine(*a, *b)) : std::nullopt;
  };
  switch (op->code()) {
    case Opcode::Iota: return index[0];
    case Opcode::Dims: {
      const auto& dims = op->as<DimsAttr>().value;
      if (!index[0].is_constant()) return std::nullopt;
      const int64_t at = index[0].constant();
      return at >= 0 && at < static_cast<int64_t>(dims.size()) ? std::optional(dims[static_cast<size_t>(at)])
                                                               : std::nullopt;
    }
    case Opcode::Neg: {
      const auto a = operand(0);
      return a ? std::optional(Dim(0) - *a) : std::nullopt;
    }
    case Opcode::Add: return both([](const Dim& a, const Dim& b) { return a + b; });
    case Opcode::Sub: return both([](const Dim& a, const Dim& b) { return a - b; });
    case Opcode::Mul: return both([](const Dim& a, const Dim& b) { return a * b; });
    case Opcode::Min: return both([](const Dim& a, const Dim& b) { return min(a, b); });
    case Opcode::Max: return both([](const Dim& a, const Dim& b) { return max(a, b); });
    case Opcode::Cast:
    case Opcode::Copy:
    case Opcode::Broadcast: return operand(0);
    case Opcode::Select: {
      // The wrapping of negative indices: i < 0 ? i + size : i.
      const Op* test = op->operand(0)->op();
      if (!test || test->code() != Opcode::Lt) return std::nullopt;
      const auto there = aligned(op->operand(0)->shape(), index);
      const auto tested = [&](const Value* x) { return compute(x, aligned(x->shape(), there), depth + 1); };
      const auto low = tested(test->operand(0)), high = tested(test->operand(1));
      return low && high && provably_le(*high, *low) ? operand(2) : std::nullopt;
    }
    case Opcode::Reshape: {
      const auto before = before_reshape(op->operand(0)->shape(), value->shape(), index);
      return before ? compute(op->operand(0), *before, depth + 1) : std::nullopt;
    }
    case Opcode::Transpose: {
      const auto& perm = op->as<TransposeAttr>().perm;
      std::vector<Dim> before(index.size(), Dim(0));
      for (size_t i = 0; i < perm.size(); ++i) before[static_cast<size_t>(perm[i])] = index[i];
      return compute(op->operand(0), before, depth + 1);
    }
    case Opcode::Slice: {
      const auto& attr = op->as<SliceAttr>();
      std::vector<Dim> before;
      for (size_t i = 0; i < index.size(); ++i) before.push_back(attr.starts[i] + index[i] * Dim(attr.steps[i]));
      return compute(op->operand(0), before, depth + 1);
    }
    case Opcode::Concat: {
      const auto axis = static_cast<size_t>(op->as<AxisAttr>().axis);
      std::vector<Dim> inside = index;
      for (const Value* part : op->operands()) {
        if (!inside[axis].is_constant() || !part->shape()[axis].is_constant()) return std::nullopt;
        if (inside[axis].constant() < part->shape()[axis].constant()) return compute(part, inside, depth + 1);
        inside[axis] = inside[axis] - part->shape()[axis];
      }
      return std::nullopt;
    }
    default: return std::nullopt;
  }
}

namespace {

/// A number of steps, given that it is positive: max(e, 0) is e.
Dim positive_part(const Dim& steps) {
  const auto terms = steps.terms();
  if (terms.size() != 1 || terms[0].coefficient != 1 || terms[0].atoms.size() != 1) return steps;
  const Dim::Atom& atom = *terms[0].atoms[0];
  if (atom.kind != AtomKind::Max) return steps;
  if (atom.a == Dim(0)) return atom.b;
  return atom.b == Dim(0) ? atom.a : steps;
}

/// True if e >= 0 whenever `steps` >= 1.
bool holds_within(const Dim& e, const Dim& steps) {
  std::set<std::string> names;
  steps.collect_symbols(names);
  if (names.size() != 1) return provably_nonnegative(e);
  const Dim name = Dim::symbol(*names.begin()), rest = steps - name;
  if (!rest.is_constant()) return provably_nonnegative(e);
  // name + rest >= 1, so name is 1 - rest more than a number that is not negative.
  const int64_t least = std::max<int64_t>(0, 1 - rest.constant());
  return provably_nonnegative(e.substitute({{*names.begin(), name + Dim(least)}}));
}

}  // namespace

bool lies_within(const StepNumbers::Line& line, const Dim& steps, const Dim& size) {
  const Dim count = positive_part(steps);
  const Dim last = line.start + (count - Dim(1)) * Dim(line.stride);
  const Dim &low = line.stride < 0 ? last : line.start, &high = line.stride < 0 ? line.start : last;
  return holds_within(low, count) && holds_within(size - Dim(1) - high, count);
}

}  // namespace seqc::ir
