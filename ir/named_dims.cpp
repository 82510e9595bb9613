#include "ir/named_dims.h"

#include <algorithm>
#include <type_traits>

namespace seqc::ir {

void collect_symbols(const Attr& attr, std::set<std::string>& out) {
  const auto collect = [&](std::string_view, const auto& field, const auto&) {
    using Field = std::decay_t<decltype(field)>;
    if constexpr (std::is_same_v<Field, Dim>) field.collect_symbols(out);
    if constexpr (std::is_same_v<Field, Shape>)
      for (const Dim& dim : field) dim.collect_symbols(out);
  };
  std::visit([&](auto alternative) { alternative.visit(collect); }, attr);
}

std::set<std::string> symbols_of(const Op& op) {
  std::set<std::string> names;
  collect_symbols(op.attr(), names);
  for (size_t i = 0; i < op.result_count(); ++i)
    for (const Dim& dim : op.result(i)->shape()) dim.collect_symbols(names);
  return names;
}

std::map<std::string, Op*> dim_binders(const Function& function) {
  std::map<std::string, Op*> binders;
  walk(function.body(), [&](Op* op) {
    if (op->code() == Opcode::BindDim) binders[op->as<BindDimAttr>().name] = op;
  });
  return binders;
}

bool binds_dims(const Block& block) {
  bool found = false;
  walk(block, [&](const Op* op) { found = found || op->code() == Opcode::BindDim; });
  return found;
}

DimBounds::DimBounds(const Function& function) {
  // In program order, so that the bound of one name may use names bound before.
  walk(function.body(), [&](const Op* op) {
    if (op->code() != Opcode::BindDim) return;
    const auto& attr = op->as<BindDimAttr>();
    most_.emplace(attr.name, upper(attr.at_most));
  });
}

Shape DimBounds::upper(const Shape& shape) const {
  Shape result;
  for (const Dim& dim : shape) result.push_back(upper(dim));
  return result;
}

bool DimBounds::varies(const Dim& dim) const {
  if (most_.empty() || dim.is_constant()) return false;
  std::set<std::string> names;
  dim.collect_symbols(names);
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return most_.contains(name); });
}

/// Sums and products of intervals.
DimBounds::Interval DimBounds::interval(const Dim& dim) const {
  if (!varies(dim)) return {dim, dim};
  Dim low(0), high(0);
  for (const Dim::Term& term : dim.terms()) {
    Interval product = {Dim(1), Dim(1)};
    for (const auto& atom : term.atoms) {
      const Interval factor = interval(*atom);
      if (provably_nonnegative(product.first) && provably_nonnegative(factor.first)) {
        product = {product.first * factor.first, product.second * factor.second};
        continue;
      }
      const Dim corners[] = {product.first * factor.first, product.first * factor.second, product.second * factor.first,
                             product.second * factor.second};
      product = {min(min(corners[0], corners[1]), min(corners[2], corners[3])),
                 max(max(corners[0], corners[1]), max(corners[2], corners[3]))};
    }
    if (term.coefficient < 0) std::swap(product.first, product.second);
    low = low + product.first * Dim(term.coefficient);
    high = high + product.second * Dim(term.coefficient);
  }
  return {low, high};
}

DimBounds::Interval DimBounds::interval(const Dim::Atom& atom) const {
  switch (atom.kind) {
    case AtomKind::Symbol: {
      const auto it = most_.find(atom.name);
      if (it == most_.end()) break;
      return {Dim(0), it->second};
    }
    case AtomKind::FloorDiv: {
      const Interval a = interval(atom.a);
      if (!varies(atom.b)) return {floordiv(a.first, atom.b), floordiv(a.second, atom.b)};
      return {min(a.first, Dim(0)), max(a.second, Dim(0))};  // the divisor is 1 or more
    }
    case AtomKind::Mod: {
      if (!varies(atom.a) && !varies(atom.b)) break;
      return {Dim(0), interval(atom.b).second};
    }
    case AtomKind::Min: {
      const Interval a = interval(atom.a), b = interval(atom.b);
      return {min(a.first, b.first), min(a.second, b.second)};
    }
    case AtomKind::Max: {
      const Interval a = interval(atom.a), b = interval(atom.b);
      return {max(a.first, b.first), max(a.second, b.second)};
    }
  }
  // Nothing in it varies: the atom as it is.
  Dim same;
  switch (atom.kind) {
    case AtomKind::Symbol: same = Dim::symbol(atom.name); break;
    case AtomKind::FloorDiv: same = floordiv(atom.a, atom.b); break;
    case AtomKind::Mod: same = mod(atom.a, atom.b); break;
    case AtomKind::Min: same = min(atom.a, atom.b); break;
    case AtomKind::Max: same = max(atom.a, atom.b); break;
  }
  return {same, same};
}

}  // namespace seqc::ir
