// What is known of values while importing: folding by interpretation, and contents becoming tensors.
#include <algorithm>
#include <cmath>

#include "frontend/onnx/contents.h"
#include "ir/interpreter.h"

namespace seqc::frontend {
namespace {

constexpr int64_t kMaxFolded = int64_t{1} << 22;  // elements; larger results are left to run time
constexpr int kMaxChain = 2000;                   // ops deep

/// True if a field of the attribute holds a named dim.
bool has_symbols(const ir::Attr& attr) {
  bool found = false;
  const auto look = [&](std::string_view, auto& field, const auto&) {
    using Field = std::decay_t<decltype(field)>;
    if constexpr (std::is_same_v<Field, Dim>) found = found || field.has_symbols();
    if constexpr (std::is_same_v<Field, Shape>)
      for (const Dim& dim : field) found = found || dim.has_symbols();
  };
  ir::Attr copy = attr;
  std::visit([&](auto& alternative) { alternative.visit(look); }, copy);
  return found;
}

/// A builder at the first place where all `names` have values: the top of the function, or behind the last `bind_dim` of
/// one of them.
Builder first_builder_for(ir::Function& function, const std::set<std::string>& names) {
  ir::Op* last = nullptr;
  walk(function.body(), [&](ir::Op* op) {
    if (op->code() == Opcode::BindDim && names.contains(op->as<ir::BindDimAttr>().name)) last = op;
  });
  ir::Block& block = last ? *last->parent() : function.body();
  const auto& ops = block.ops();
  auto next = ops.begin();
  if (last) next = std::next(std::find_if(ops.begin(), ops.end(), [&](const auto& op) { return op.get() == last; }));
  return Builder(function, block, next == ops.end() ? nullptr : next->get());
}

}  // namespace

std::optional<Tensor> ModelContext::compute(const Value* value, int depth) {
  if (value->is_constant()) return value->constant();
  const ir::Op* op = value->op();
  if (!op || depth > kMaxChain) return std::nullopt;
  if (const auto it = evaluated_.find(value); it != evaluated_.end()) return it->second;
  const auto result = [&]() -> std::optional<Tensor> {
    const Dim count = element_count(value->shape());
    if (op->region_count() > 0 || !count.is_constant() || count.constant() > kMaxFolded || has_symbols(op->attr()))
      return std::nullopt;
    std::vector<Tensor> operands;
    for (const Value* operand : op->operands()) {
      auto tensor = compute(operand, depth + 1);
      if (!tensor) return std::nullopt;
      operands.push_back(*std::move(tensor));
    }
    return ir::evaluate(*op, operands).at(static_cast<size_t>(value->index()));
  }();
  return evaluated_[value] = result;
}

std::optional<Tensor> ModelContext::evaluate(const Value* value) { return compute(value, 0); }

Value* ModelContext::materialize(Item& item, const std::string& location) {
  if (item.value) return item.value;
  SEQC_CHECK(item.contents, "{}: a value without contents", location);
  if (auto tensor = to_tensor(*item.contents)) return item.value = function.constant(*std::move(tensor));
  // As far up as its names have values, so that one `dims` serves all users.
  Builder builder = first_builder_for(function, symbols(item.contents->values));
  builder.set_location(location);
  Value* value = builder.dims(item.contents->values);
  value = builder.reshape(value, Shape(item.contents->shape.begin(), item.contents->shape.end()));
  return item.value = builder.cast(value, item.contents->type);
}

Type type_of(const Item& item) {
  if (item.value) return item.value->type();
  SEQC_CHECK(item.contents, "the type of no tensor");
  return {item.contents->type, Shape(item.contents->shape.begin(), item.contents->shape.end())};
}

Item make_item(Value* value) {
  Item item;
  item.value = value;
  return item;
}

Item make_item(Contents contents) {
  Item item;
  item.contents = std::make_shared<const Contents>(std::move(contents));
  return item;
}

std::optional<Tensor> to_tensor(const Contents& contents) {
  if (!symbols(contents.values).empty()) return std::nullopt;
  Tensor tensor(contents.type, contents.shape);
  for (size_t i = 0; i < contents.values.size(); ++i)
    tensor.set_integer(static_cast<int64_t>(i), contents.values[i].constant());
  return tensor;
}

std::optional<Contents> to_contents(const Tensor& tensor) {
  if (tensor.count() > kMaxContents || !ir::is_arithmetic(tensor.dtype())) return std::nullopt;
  Contents contents{tensor.dtype(), tensor.shape(), {}};
  for (int64_t i = 0; i < tensor.count(); ++i) {
    if (ir::is_float(tensor.dtype())) {
      const double value = tensor.real(i);
      // Zero is left out for its sign.
      if (value != std::floor(value) || std::fabs(value) > 1e9 || (value == 0 && std::signbit(value)))
        return std::nullopt;
      contents.values.emplace_back(static_cast<int64_t>(value));
    } else {
      contents.values.emplace_back(tensor.integer(i));
    }
  }
  return contents;
}

}  // namespace seqc::frontend
