#include "frontend/onnx/ops_einsum.h"

#include <algorithm>
#include <map>

#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

bool has(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

/// Takes the diagonal for each label that an operand names twice: with both dims last and flattened, its elements
/// stand n+1 apart.
void take_diagonals(Node& node, std::string& labels, Value*& x) {
  Builder& b = node.builder();
  for (size_t i = 0; i < labels.size(); ++i) {
    const size_t k = labels.find(labels[i], i + 1);
    if (k == std::string::npos) continue;
    std::vector<int64_t> perm;
    std::string rest;
    for (size_t at = 0; at < labels.size(); ++at) {
      if (at == i || at == k) continue;
      perm.push_back(static_cast<int64_t>(at));
      rest += labels[at];
    }
    perm.push_back(static_cast<int64_t>(i));
    perm.push_back(static_cast<int64_t>(k));
    const Dim n = x->shape()[i];
    node.require_equal(x->shape()[k], n, fmt::format("label {} of the equation", labels[i]));
    if (!n.is_constant()) node.needs_dims(symbols(n), "the diagonal of a square of named size");
    x = b.transpose(x, perm);
    Shape shape(x->shape().begin(), x->shape().end() - 2), starts(shape.size() + 1, Dim(0));
    std::vector<int64_t> steps(shape.size() + 1, 1);
    steps.back() = n.constant() + 1;
    Shape flat = shape, sizes = shape;
    flat.push_back(n * n);
    sizes.push_back(n);
    x = b.slice(b.reshape(x, flat), starts, sizes, steps);
    labels = rest + labels[i];
    i = static_cast<size_t>(-1);  // start over: another pair may be left
  }
}

/// Drops dims of size 1 whose label is larger elsewhere, and sums over labels that nobody else has.
void simplify_operand(Node& node, std::string& labels, Value*& x, const std::string& wanted,
                      const std::map<char, Dim>& sizes) {
  Builder& b = node.builder();
  std::vector<int64_t> ones, summed;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto axis = static_cast<int64_t>(i);
    if (x->shape()[i] == Dim(1) && !(sizes.at(labels[i]) == Dim(1))) ones.push_back(axis);
  }
  x = b.reshape(x, without(x->shape(), ones));
  for (auto it = ones.rbegin(); it != ones.rend(); ++it) labels.erase(static_cast<size_t>(*it), 1);
  for (size_t i = 0; i < labels.size(); ++i)
    if (!has(wanted, labels[i])) summed.push_back(static_cast<int64_t>(i));
  x = reduce(b, ir::ReduceKind::Sum, x, summed, false);
  for (auto it = summed.rbegin(); it != summed.rend(); ++it) labels.erase(static_cast<size_t>(*it), 1);
}

std::map<char, Dim> label_sizes(Node& node, const std::vector<std::string>& labels,
                                const std::vector<Value*>& operands) {
  std::map<char, Dim> sizes;
  for (size_t i = 0; i < operands.size(); ++i) {
    for (size_t k = 0; k < labels[i].size(); ++k) {
      const Dim& dim = operands[i]->shape()[k];
      const auto [it, inserted] = sizes.emplace(labels[i][k], dim);
      if (inserted || dim == Dim(1)) continue;
      if (it->second == Dim(1))
        it->second = dim;
      else
        node.require_equal(dim, it->second, fmt::format("dim {} of {}", k, operands[i]->type().str()));
    }
  }
  return sizes;
}

}  // namespace

Value* einsum(Node& node, std::vector<std::string> labels, const std::string& result, std::vector<Value*> operands) {
  Builder& b = node.builder();
  const auto sizes = label_sizes(node, labels, operands);
  // From left to right; what later operands or the result still need stays.
  for (size_t i = 0; i < operands.size(); ++i) {
    std::string wanted = result;
    for (size_t k = 0; k < operands.size(); ++k)
      if (k != i) wanted += labels[k];
    simplify_operand(node, labels[i], operands[i], wanted, sizes);
  }
  std::string at = labels[0];
  Value* x = operands[0];
  for (size_t i = 1; i < operands.size(); ++i) {
    std::string wanted = result, out;
    for (size_t k = i + 1; k < operands.size(); ++k) wanted += labels[k];
    const bool last = i + 1 == operands.size();
    for (const char label : last ? result : at + labels[i])
      if (has(at + labels[i], label) && has(wanted, label) && !has(out, label)) out += label;
    // A label that was dropped for its size 1 may be left in one operand only.
    std::string both = wanted + labels[i], other = wanted + at;
    simplify_operand(node, at, x, both, sizes);
    simplify_operand(node, labels[i], operands[i], other, sizes);
    x = b.contract(at + "," + labels[i] + "->" + out, x, operands[i]);
    at = out;
  }
  simplify_operand(node, at, x, result, sizes);
  std::vector<int64_t> perm;
  for (const char label : result) {
    const size_t from = at.find(label);
    SEQC_CHECK(from != std::string::npos, "label {} got lost", label);
    perm.push_back(static_cast<int64_t>(from));
  }
  return b.transpose(x, perm);
}

namespace {

/// Splits "ij, jk -> ik" at commas and the arrow; without an arrow the result holds the labels that occur once, sorted.
struct Equation {
  std::vector<std::string> labels;
  std::optional<std::string> result;
};

Equation parse_equation(Node& node, std::string text) {
  std::erase(text, ' ');
  Equation equation;
  if (const size_t arrow = text.find("->"); arrow != std::string::npos) {
    equation.result = text.substr(arrow + 2);
    text.erase(arrow);
  }
  for (size_t from = 0;;) {
    const size_t comma = text.find(',', from);
    equation.labels.push_back(text.substr(from, comma == std::string::npos ? comma : comma - from));
    if (comma == std::string::npos) break;
    from = comma + 1;
  }
  const auto check = [&](std::string labels) {
    if (const size_t dots = labels.find("..."); dots != std::string::npos) labels.erase(dots, 3);
    for (const char c : labels)
      if (!std::isalpha(static_cast<unsigned char>(c))) node.bad("the equation holds '{}', expected a letter", c);
  };
  for (const auto& labels : equation.labels) check(labels);
  if (equation.result) check(*equation.result);
  return equation;
}

/// Gives the dims behind each ellipsis letters of their own, lined up at the right.
void expand_ellipses(Node& node, Equation& equation, const std::vector<Value*>& operands) {
  std::string used, free, batch;
  for (const auto& labels : equation.labels) used += labels;
  for (const char first : {'a', 'A'})
    for (char c = first; c < first + 26; ++c)
      if (!has(used, c)) free += c;
  std::vector<int64_t> counts;
  int64_t most = 0;
  for (size_t i = 0; i < operands.size(); ++i) {
    const bool dots = equation.labels[i].find("...") != std::string::npos;
    const int64_t named = static_cast<int64_t>(equation.labels[i].size()) - (dots ? 3 : 0);
    const int64_t hidden = operands[i]->rank() - named;
    if (hidden < 0 || (!dots && hidden > 0))
      node.bad("operand {} is {}, expected {} dims as in the equation", i, operands[i]->type().str(), named);
    counts.push_back(hidden);
    most = std::max(most, hidden);
  }
  if (most > static_cast<int64_t>(free.size())) node.unsupported("an equation with {} dims behind its ellipsis", most);
  batch = free.substr(0, static_cast<size_t>(most));
  const auto replace = [&](std::string& labels, int64_t count) {
    if (const size_t dots = labels.find("..."); dots != std::string::npos)
      labels.replace(dots, 3, batch.substr(static_cast<size_t>(most - count)));
  };
  for (size_t i = 0; i < operands.size(); ++i) replace(equation.labels[i], counts[i]);
  if (equation.result) {
    replace(*equation.result, most);
    return;
  }
  std::string once;
  for (const char c : used)
    if (std::isalpha(static_cast<unsigned char>(c)) && std::count(used.begin(), used.end(), c) == 1) once += c;
  std::sort(once.begin(), once.end());
  equation.result = batch + once;
}

}  // namespace

Value* einsum(Node& node, const std::string& text, std::vector<Value*> operands) {
  Equation equation = parse_equation(node, text);
  if (equation.labels.size() != operands.size() || operands.empty())
    node.bad("the equation \"{}\" has {} operands, the node {}", text, equation.labels.size(), operands.size());
  for (const Value* operand : operands)
    if (operand->dtype() != operands[0]->dtype())
      node.bad("got {} and {}, expected one element type", operands[0]->type().str(), operand->type().str());
  expand_ellipses(node, equation, operands);
  std::string all;
  for (size_t i = 0; i < operands.size(); ++i) {
    take_diagonals(node, equation.labels[i], operands[i]);
    all += equation.labels[i];
  }
  for (const char label : *equation.result) {
    if (!has(all, label)) node.bad("label {} of the result is in no operand", label);
    if (std::count(equation.result->begin(), equation.result->end(), label) > 1)
      node.bad("the result names label {} twice", label);
  }
  return einsum(node, equation.labels, *equation.result, operands);
}

}  // namespace seqc::frontend
