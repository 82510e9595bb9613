// Sizes that depend on named dims, computed from the shapes of the model's inputs by the nodes of the file.
#include "frontend/onnx/export_graph_pb.h"

namespace seqc::frontend {

using ir::AtomKind;

const GraphWriter* GraphWriter::find_symbol(const std::string& symbol) const {
  if (symbols_.count(symbol)) return this;
  return outer_ ? outer_->find_symbol(symbol) : nullptr;
}

GraphWriter& GraphWriter::scope_of(const Dim& dim) {
  std::set<std::string> symbols;
  dim.collect_symbols(symbols);
  std::set<const GraphWriter*> scopes;
  for (const std::string& symbol : symbols) {
    const GraphWriter* scope = find_symbol(symbol);
    if (!scope)
      unsupported(fmt::format("the named dim {} is not the size of any input", symbol),
                  "give it a number when importing (--dim " + symbol + "=...)");
    scopes.insert(scope);
  }
  for (GraphWriter* g = this; g; g = g->outer_)
    if (scopes.count(g)) return *g;
  return root();
}

Name GraphWriter::dim(const Dim& dim) {
  if (dim.is_constant()) return integers({dim.constant()}, "size");
  GraphWriter& scope = scope_of(dim);
  if (dim.is_symbol()) return scope.symbols_.at(dim.symbol_name());
  const std::string key = dim.str();
  if (const auto it = scope.sizes_.find(key); it != scope.sizes_.end()) return it->second;
  Name sum;
  for (const Dim::Term& part : dim.terms()) {
    if (sum.empty())
      sum = scope.term(part);
    else
      sum = scope.node("Add", {sum, scope.term(part)}, {}, "size");
  }
  scope.sizes_.emplace(key, sum);
  return sum;
}

Name GraphWriter::term(const Dim::Term& term) {
  Name product;
  for (const Dim::AtomRef& factor : term.atoms)
    product = product.empty() ? atom(*factor) : node("Mul", {product, atom(*factor)}, {}, "size");
  if (product.empty()) return integers({term.coefficient}, "size");
  return term.coefficient == 1 ? product : node("Mul", {product, integers({term.coefficient}, "size")}, {}, "size");
}

Name GraphWriter::atom(const Dim::Atom& atom) {
  if (atom.kind == AtomKind::Symbol) return dim(Dim::symbol(atom.name));
  const Name a = dim(atom.a), b = dim(atom.b);
  switch (atom.kind) {
    case AtomKind::Symbol: break;
    case AtomKind::FloorDiv: {
      // Div truncates, which is the same for sizes; else what is left over goes first.
      const bool exact = ir::provably_nonnegative(atom.a) && ir::provably_nonnegative(atom.b);
      return node("Div", {exact ? a : node("Sub", {a, node("Mod", {a, b}, {}, "size")}, {}, "size"), b}, {}, "size");
    }
    case AtomKind::Mod: return node("Mod", {a, b}, {}, "size");
    case AtomKind::Min: return node("Min", {a, b}, {}, "size");
    case AtomKind::Max: return node("Max", {a, b}, {}, "size");
  }
  return {};
}

Name GraphWriter::dims(const Shape& shape) {
  std::vector<int64_t> numbers;
  for (const Dim& each : shape)
    if (each.is_constant()) numbers.push_back(each.constant());
  if (numbers.size() == shape.size()) return integers(numbers, "shape");
  std::string key;  // kept with the sizes, under names that no size has
  for (const Dim& each : shape) key += "[" + each.str();
  GraphWriter* scope = &root();
  for (const Dim& each : shape) {
    GraphWriter& own = scope_of(each);
    for (GraphWriter* g = &own; g; g = g->outer_)
      if (g == scope) scope = &own;
  }
  if (const auto it = scope->sizes_.find(key); it != scope->sizes_.end()) return it->second;
  Names parts;
  numbers.clear();
  const auto flush = [&] {
    if (!numbers.empty()) parts.push_back(integers(numbers, "size"));
    numbers.clear();
  };
  for (const Dim& each : shape) {
    if (each.is_constant()) {
      numbers.push_back(each.constant());
      continue;
    }
    flush();
    parts.push_back(scope->dim(each));
  }
  flush();
  Name result = parts.size() == 1 ? parts[0] : scope->node("Concat", parts, {{"axis", 0}}, "shape");
  scope->sizes_.emplace(key, result);
  return result;
}

namespace {

/// The axes of `longer` at which it has a 1 that `shorter` lacks; nothing if they differ in more than that.
std::optional<std::vector<int64_t>> added_ones(const Shape& shorter, const Shape& longer) {
  std::vector<int64_t> axes;
  size_t next = 0;
  for (size_t i = 0; i < longer.size(); ++i) {
    if (next < shorter.size() && shorter[next] == longer[i])
      ++next;
    else if (longer[i] == Dim(1))
      axes.push_back(static_cast<int64_t>(i));
    else
      return std::nullopt;
  }
  return next == shorter.size() ? std::optional(axes) : std::nullopt;
}

}  // namespace

/// Where ONNX's own words suffice, the new shape is written with numbers alone: dims of 1 come and go, 0 keeps a dim, one
/// -1 takes the rest.
Name GraphWriter::reshape(const Name& x, const Shape& from, const Shape& to, const Value* result) {
  const auto make = [&](std::string_view op, const Names& inputs, const Attributes& attributes = {}) {
    if (!result) return node(op, inputs, attributes);
    define(result, op, inputs, attributes);
    return name(result);
  };
  if (from == to) {
    if (result) define_as(result, x);
    return x;
  }
  if (const auto axes = added_ones(from, to)) return make("Unsqueeze", {x, integers(*axes, "axes")});
  if (const auto axes = added_ones(to, from)) return make("Squeeze", {x, integers(*axes, "axes")});
  std::vector<int64_t> target;
  size_t open = 0;
  bool empty = false;
  for (size_t i = 0; i < to.size(); ++i) {
    if (to[i].is_constant()) {
      empty = empty || to[i] == Dim(0);
      target.push_back(to[i].constant());
    } else if (i < from.size() && to[i] == from[i]) {
      target.push_back(0);
    } else {
      target.push_back(-1);
      ++open;
    }
  }
  // A -1 beside a dim that may be 0 in a run is not defined.
  bool kept = false;
  for (size_t i = 0; i < to.size(); ++i) kept = kept || (target[i] == 0 && !to[i].is_constant());
  if (empty || open > 1 || (open == 1 && kept)) return make("Reshape", {x, dims(to)}, {{"allowzero", 1}});
  return make("Reshape", {x, integers(target, "shape")});
}

}  // namespace seqc::frontend
