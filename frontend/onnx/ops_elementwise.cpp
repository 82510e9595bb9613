// Arithmetic, comparisons, logic: one IR op an ONNX operator, mostly.
#include <algorithm>
#include <array>

#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

struct Mapping {
  std::string_view name;
  Opcode code;
};

constexpr Mapping kUnary[] = {
    {"Abs", Opcode::Abs},     {"Acos", Opcode::Acos},   {"Acosh", Opcode::Acosh}, {"Asin", Opcode::Asin},
    {"Asinh", Opcode::Asinh}, {"Atan", Opcode::Atan},   {"Atanh", Opcode::Atanh}, {"BitwiseNot", Opcode::Not},
    {"Ceil", Opcode::Ceil},   {"Cos", Opcode::Cos},     {"Cosh", Opcode::Cosh},   {"Erf", Opcode::Erf},
    {"Exp", Opcode::Exp},     {"Floor", Opcode::Floor}, {"IsNaN", Opcode::IsNan}, {"Log", Opcode::Log},
    {"Neg", Opcode::Neg},     {"Not", Opcode::Not},     {"Round", Opcode::Round}, {"Sigmoid", Opcode::Sigmoid},
    {"Sign", Opcode::Sign},   {"Sin", Opcode::Sin},     {"Sinh", Opcode::Sinh},   {"Sqrt", Opcode::Sqrt},
    {"Tan", Opcode::Tan},     {"Tanh", Opcode::Tanh},
};

constexpr Mapping kBinary[] = {
    {"Add", Opcode::Add},           {"And", Opcode::And}, {"BitwiseAnd", Opcode::And}, {"BitwiseOr", Opcode::Or},
    {"BitwiseXor", Opcode::Xor},    {"Div", Opcode::Div}, {"Equal", Opcode::Eq},       {"Greater", Opcode::Gt},
    {"GreaterOrEqual", Opcode::Ge}, {"Less", Opcode::Lt}, {"LessOrEqual", Opcode::Le}, {"Max", Opcode::Max},
    {"Mean", Opcode::Add},          {"Min", Opcode::Min}, {"Mul", Opcode::Mul},        {"Or", Opcode::Or},
    {"Sub", Opcode::Sub},           {"Sum", Opcode::Add}, {"Xor", Opcode::Xor},
};

template <size_t N>
constexpr Opcode code_of(const Mapping (&table)[N], std::string_view name) {
  for (const Mapping& row : table)
    if (row.name == name) return row.code;
  internal_error(__FILE__, __LINE__, "name", std::string(name));
}

void import_unary(Node& node) {
  node.ignore_attribute("consumed_inputs");  // opset 1: a hint for memory
  Builder& b = node.builder();
  Value* x = node.input(0, "input");
  const Opcode code = code_of(kUnary, node.op_type());
  const DType type = x->dtype();
  // Of all functions that need floats, ONNX gives this one to integers too.
  if (code == Opcode::Erf && ir::is_integer(type))
    return node.set_output(0, b.cast(b.erf(b.cast(x, DType::f64)), type));
  node.set_output(0, b.emit(code, {x}));
}

/// Before opset 7 the second operand is broadcast only on request, and lined up with `axis` of the first.
Value* align(Node& node, Value* a, Value* b) {
  if (node.opset() >= 7) return b;
  node.ignore_attribute("consumed_inputs");
  const bool wanted = node.integer("broadcast", 0) != 0;
  const bool has_axis = node.has_attribute("axis");
  const int64_t given = node.integer("axis", 0);
  if (!wanted || b->rank() == 0) {
    if (!wanted && a->shape() != b->shape())
      node.bad("got shapes {} and {}, expected equal ones without the attribute broadcast", str(a->shape()),
               str(b->shape()));
    return b;
  }
  const int64_t axis = has_axis ? node.axis(given, a->rank()) : a->rank() - b->rank();
  const int64_t behind = a->rank() - axis - b->rank();
  if (behind < 0) node.bad("got shapes {} and {} with axis {}", str(a->shape()), str(b->shape()), axis);
  Shape shape = b->shape();
  shape.insert(shape.end(), static_cast<size_t>(behind), Dim(1));
  return node.builder().reshape(b, std::move(shape));
}

void import_binary(Node& node) {
  Value *a = node.input(0, "A"), *b = node.input(1, "B");
  node.set_output(0, elementwise(node, code_of(kBinary, node.op_type()), a, align(node, a, b)));
}

/// Max, Mean, Min, Sum of any number of tensors; before opset 8 their shapes are equal.
void import_variadic(Node& node) {
  node.ignore_attribute("consumed_inputs");
  const auto inputs = node.inputs_from();
  if (inputs.empty()) node.bad("it has no input");
  Value* result = inputs[0];
  for (size_t i = 1; i < inputs.size(); ++i) {
    if (node.opset() < 8 && inputs[i]->shape() != result->shape())
      node.bad("got shapes {} and {}, expected equal ones", str(result->shape()), str(inputs[i]->shape()));
    result = elementwise(node, code_of(kBinary, node.op_type()), result, inputs[i]);
  }
  Builder& b = node.builder();
  if (node.op_type() == "Mean") result = b.div(result, b.scalar_like(result, static_cast<double>(inputs.size())));
  node.set_output(0, result);
}

void import_mod(Node& node) {
  Value *a = node.input(0, "A"), *b = node.input(1, "B");
  const bool truncated = node.integer("fmod", 0) != 0;
  if (!truncated && ir::is_float(a->dtype())) node.bad("got fmod=0 for {}, expected fmod=1", a->type().str());
  node.set_output(0, elementwise(node, truncated ? Opcode::Rem : Opcode::Mod, a, b));
}

/// The exponent may have another type; the result has the base's.
void import_pow(Node& node) {
  Builder& b = node.builder();
  Value *base = node.input(0, "X"), *exponent = align(node, base, node.input(1, "Y"));
  const DType type = base->dtype();
  const bool in_exponent_type = !ir::is_float(type) && ir::is_float(exponent->dtype());
  const DType work = in_exponent_type ? exponent->dtype() : type;
  node.set_output(0, b.cast(elementwise(node, Opcode::Pow, b.cast(base, work), b.cast(exponent, work)), type));
}

void import_bit_shift(Node& node) {
  const std::string direction = node.text("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    node.bad("attribute direction is \"{}\", expected LEFT or RIGHT", direction);
  node.set_output(
      0, elementwise(node, direction == "LEFT" ? Opcode::Shl : Opcode::Shr, node.input(0, "X"), node.input(1, "Y")));
}

void import_is_inf(Node& node) {
  Builder& b = node.builder();
  Value* x = node.input(0, "X");
  const bool negative = node.integer("detect_negative", 1) != 0, positive = node.integer("detect_positive", 1) != 0;
  Value* result = b.emit(Opcode::IsInf, {x});
  const auto and_sign = [&](Opcode compare) {
    result = b.emit(Opcode::And, {result, b.emit(compare, {x, b.scalar_like(x, 0)})});
  };
  if (!negative) and_sign(Opcode::Gt);
  if (!positive) and_sign(Opcode::Lt);
  node.set_output(0, result);
}

void import_reciprocal(Node& node) {
  node.ignore_attribute("consumed_inputs");
  Value* x = node.input(0, "X");
  node.set_output(0, node.builder().div(node.builder().scalar_like(x, 1), x));
}

void import_where(Node& node) {
  Value *condition = node.input(0, "condition"), *x = node.input(1, "X"), *y = node.input(2, "Y");
  node.broadcast(node.broadcast(condition->shape(), x->shape()), y->shape());
  node.set_output(0, node.builder().select(condition, x, y));
}

/// Bounds are attributes before opset 11 and inputs, possibly missing, afterwards.
void import_clip(Node& node) {
  Builder& b = node.builder();
  node.ignore_attribute("consumed_inputs");
  Value* x = node.input(0, "input");
  const char* names[] = {"min", "max"};
  for (const size_t i : {0, 1}) {
    Value* bound = nullptr;
    if (node.opset() >= 11)
      bound = node.has_input(i + 1) ? as_scalar(node, node.input(i + 1, names[i]), names[i]) : nullptr;
    else if (node.has_attribute(names[i]))
      bound = b.scalar_like(x, node.real(names[i], 0));
    if (bound) x = elementwise(node, i == 0 ? Opcode::Max : Opcode::Min, x, bound);
  }
  node.set_output(0, x);
}

DType cast_target(Node& node) {
  if (node.opset() >= 6) return number_type(static_cast<int>(node.required_integer("to")), node.where());
  const std::string to = node.text("to", "");  // opset 1 spelled it out
  onnx::TensorProto::DataType type = onnx::TensorProto::UNDEFINED;
  std::string upper = to;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  if (!onnx::TensorProto::DataType_Parse(upper, &type)) node.bad("attribute to is \"{}\", expected a type", to);
  return number_type(type, node.where());
}

void import_cast(Node& node) {
  node.ignore_attribute("saturate");  // for 8-bit floats only, which are refused
  node.ignore_attribute("round_mode");
  const DType to = cast_target(node);
  node.set_output(0, node.builder().cast(node.input(0, "input"), to));
}

void import_cast_like(Node& node) {
  node.ignore_attribute("saturate");
  node.ignore_attribute("round_mode");
  const DType to = node.input_type(1).dtype;
  node.item(1);
  node.set_output(0, node.builder().cast(node.input(0, "input"), to));
}

void import_identity(Node& node) { node.set_output(0, node.item(0)); }

constexpr OperatorEntry kOthers[] = {
    {"BitShift", import_bit_shift},
    {"Cast", import_cast},
    {"CastLike", import_cast_like},
    {"Clip", import_clip},
    {"Identity", import_identity},
    {"IsInf", import_is_inf},
    {"Mod", import_mod},
    {"Pow", import_pow},
    {"Reciprocal", import_reciprocal},
    {"Where", import_where},
};

constexpr auto kOperators = [] {
  std::array<OperatorEntry, std::size(kUnary) + std::size(kBinary) + std::size(kOthers)> all{};
  size_t at = 0;
  for (const Mapping& row : kUnary) all[at++] = {row.name, import_unary};
  for (const Mapping& row : kBinary) {
    const bool variadic = row.name == "Max" || row.name == "Mean" || row.name == "Min" || row.name == "Sum";
    all[at++] = {row.name, variadic ? import_variadic : import_binary};
  }
  for (const OperatorEntry& entry : kOthers) all[at++] = entry;
  return all;
}();

}  // namespace

std::span<const OperatorEntry> elementwise_operators() { return kOperators; }

}  // namespace seqc::frontend
