// Shape arithmetic element by element: sums and products, comparisons that can be decided, casts.
#include <functional>

#include "frontend/onnx/contents.h"
#include "frontend/onnx/reader_pb.h"

namespace seqc::frontend {
namespace {

using MaybeDim = std::optional<Dim>;

// --- decisions ---------------------------------------------------------------------------------------------------

MaybeDim decided(bool value) { return Dim(value ? 1 : 0); }

MaybeDim less(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return decided(a.constant() < b.constant());
  if (!tame(a) || !tame(b)) return std::nullopt;
  if (ir::provably_nonnegative(b - a - Dim(1))) return decided(true);
  if (ir::provably_nonnegative(a - b)) return decided(false);
  return std::nullopt;
}

MaybeDim equal(const Dim& a, const Dim& b) {
  if (a == b) return decided(true);
  if (a.is_constant() && b.is_constant()) return decided(false);
  if (!tame(a) || !tame(b)) return std::nullopt;
  const Dim difference = a - b;
  if (difference.is_constant() || ir::provably_nonnegative(difference - Dim(1)) ||
      ir::provably_nonnegative(Dim(-1) - difference))
    return decided(false);
  return std::nullopt;
}

MaybeDim invert(const MaybeDim& value) { return value ? decided(*value == Dim(0)) : std::nullopt; }

/// ONNX integer division truncates: only the same as floordiv where nothing is negative or nothing is left over.
MaybeDim divide(const Dim& a, const Dim& b, bool exact_only) {
  if (b == Dim(0)) return std::nullopt;
  if (a.is_constant() && b.is_constant() && !exact_only) return Dim(a.constant() / b.constant());
  const Dim quotient = ir::floordiv(a, b);
  if (quotient * b == a) return quotient;
  const bool positive = ir::provably_nonnegative(a) && b.is_constant() && b.constant() > 0;
  return positive && !exact_only ? MaybeDim(quotient) : std::nullopt;
}

// --- elementwise -------------------------------------------------------------------------------------------------

using Elementwise = std::function<MaybeDim(const std::vector<const Dim*>&)>;

/// Applies `function` with NumPy broadcasting; false when an input or a result is not known.
bool apply(Node& node, size_t arity, std::optional<DType> result_type, const Elementwise& function) {
  std::vector<Contents> inputs;
  Contents result;
  Shape shape;
  if (node.input_count() != arity) return false;
  for (size_t i = 0; i < arity; ++i) {
    auto contents = node.known_contents(i);
    if (!contents) return false;
    shape = node.broadcast(shape, Shape(contents->shape.begin(), contents->shape.end()));
    inputs.push_back(*std::move(contents));
  }
  const auto sizes = small_shape(shape);
  if (!sizes) return false;
  result.shape = *sizes;
  result.type = result_type.value_or(inputs.back().type);
  for (size_t i = 0; i + 1 < arity; ++i)
    if (!result_type && arity == 2 && inputs[i].type != result.type) return false;
  for (int64_t element = 0; element < count_of(result.shape); ++element) {
    std::vector<const Dim*> operands;
    for (const Contents& input : inputs) {
      int64_t rest = element, index = 0, stride = 1;
      for (size_t k = 0; k < result.shape.size(); ++k) {
        const size_t axis = result.shape.size() - 1 - k;
        const int64_t at = rest % result.shape[axis];
        rest /= result.shape[axis];
        if (k >= input.shape.size()) continue;
        const int64_t size = input.shape[input.shape.size() - 1 - k];
        index += (size == 1 ? 0 : at) * stride;
        stride *= size;
      }
      operands.push_back(&input.values[static_cast<size_t>(index)]);
    }
    auto value = function(operands);
    if (!value || !fits(*value, result.type)) return false;
    result.values.push_back(*std::move(value));
  }
  node.set_output(0, std::move(result));
  return true;
}

template <class F>
bool arithmetic(Node& node, F&& function) {
  if (node.opset() < 7) return false;  // explicit broadcasting: rare, left to the operator
  bool symbolic = false;
  for (size_t i = 0; i < node.input_count(); ++i) {
    if (node.input_type(i).dtype == DType::boolean) return false;
    if (const auto contents = node.known_contents(i)) symbolic = symbolic || !symbols(contents->values).empty();
  }
  // Plain floating-point arithmetic is the interpreter's, with its rounding.
  if (ir::is_float(node.input_type(0).dtype) && !symbolic) return false;
  return apply(node, 2, std::nullopt, [&](const auto& v) -> MaybeDim {
    if (!tame(*v[0]) || !tame(*v[1])) return std::nullopt;
    return function(*v[0], *v[1]);
  });
}

bool add(Node& node) {
  return arithmetic(node, [](const Dim& a, const Dim& b) -> MaybeDim { return a + b; });
}
bool sub(Node& node) {
  return arithmetic(node, [](const Dim& a, const Dim& b) -> MaybeDim { return a - b; });
}
bool mul(Node& node) {
  return arithmetic(node, [](const Dim& a, const Dim& b) -> MaybeDim { return a * b; });
}
bool div(Node& node) {
  const bool exact = ir::is_float(node.input_type(0).dtype);
  return arithmetic(node, [&](const Dim& a, const Dim& b) { return divide(a, b, exact); });
}
bool mod(Node& node) {
  if (ir::is_float(node.input_type(0).dtype)) return false;
  const bool truncated = node.integer("fmod", 0) != 0;
  return arithmetic(node, [&](const Dim& a, const Dim& b) -> MaybeDim {
    if (!b.is_constant() || b.constant() <= 0 || (truncated && !ir::provably_nonnegative(a))) return std::nullopt;
    return ir::mod(a, b);
  });
}
bool min(Node& node) {
  return node.opset() >= 8 && arithmetic(node, [](const Dim& a, const Dim& b) -> MaybeDim { return ir::min(a, b); });
}
bool max(Node& node) {
  return node.opset() >= 8 && arithmetic(node, [](const Dim& a, const Dim& b) -> MaybeDim { return ir::max(a, b); });
}

template <class F>
bool compare(Node& node, F&& function) {
  if (node.opset() < 7) return false;
  return apply(node, 2, DType::boolean, [&](const auto& v) { return function(*v[0], *v[1]); });
}
bool equal_to(Node& node) { return compare(node, equal); }
bool less_than(Node& node) { return compare(node, less); }
bool greater(Node& node) {
  return compare(node, [](const Dim& a, const Dim& b) { return less(b, a); });
}
bool less_equal(Node& node) {
  return compare(node, [](const Dim& a, const Dim& b) { return invert(less(b, a)); });
}
bool greater_equal(Node& node) {
  return compare(node, [](const Dim& a, const Dim& b) { return invert(less(a, b)); });
}
bool logical_and(Node& node) {
  return compare(node, [](const Dim& a, const Dim& b) -> MaybeDim { return a * b; });
}
bool logical_or(Node& node) {
  return compare(node, [](const Dim& a, const Dim& b) -> MaybeDim { return decided(a == Dim(1) || b == Dim(1)); });
}
bool logical_not(Node& node) {
  return apply(node, 1, DType::boolean, [](const auto& v) { return invert(*v[0]); });
}

bool where(Node& node) {
  return apply(node, 3, node.input_type(1).dtype,
               [](const auto& v) -> MaybeDim { return *v[0] == Dim(1) ? *v[1] : *v[2]; });
}

bool cast(Node& node) {
  if (node.opset() < 6) return false;  // names the type in words
  const DType to = number_type(static_cast<int>(node.required_integer("to")), node.where());
  node.ignore_attribute("saturate");
  if (to != DType::boolean) return apply(node, 1, to, [](const auto& v) -> MaybeDim { return *v[0]; });
  return apply(node, 1, to, [](const auto& v) { return invert(equal(*v[0], Dim(0))); });
}

/// Floor, Ceil and Round of what is integral already.
bool keep(Node& node) {
  return apply(node, 1, std::nullopt, [](const auto& v) -> MaybeDim { return *v[0]; });
}

constexpr ContentsRule kRules[] = {
    {"Add", add},
    {"And", logical_and},
    {"Cast", cast},
    {"Ceil", keep},
    {"Div", div},
    {"Equal", equal_to},
    {"Floor", keep},
    {"Greater", greater},
    {"GreaterOrEqual", greater_equal},
    {"Less", less_than},
    {"LessOrEqual", less_equal},
    {"Max", max},
    {"Min", min},
    {"Mod", mod},
    {"Mul", mul},
    {"Not", logical_not},
    {"Or", logical_or},
    {"Round", keep},
    {"Sub", sub},
    {"Where", where},
};

}  // namespace

std::span<const ContentsRule> arithmetic_rules() { return kRules; }

}  // namespace seqc::frontend
