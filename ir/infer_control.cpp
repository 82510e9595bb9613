#include <algorithm>
#include <set>

#include "ir/infer_rules.h"

namespace seqc::ir {

namespace {

const std::vector<Value*>& yielded(const Op& op, size_t region) {
  need(op.region_count() > region && op.region(region).terminator() != nullptr, "expected a region that ends in yield");
  return op.region(region).terminator()->operands();
}

void need_carry(size_t i, const Value* yielded, const Value* initial) {
  need(yielded->type() == initial->type(), fmt::format("carry {} starts as {} and is yielded as {}; expected one type",
                                                       i, initial->type().str(), yielded->type().str()));
}

}  // namespace

std::vector<Type> infer_scan(const Op& op) {
  const auto& attr = op.as<ScanAttr>();
  const auto& values = yielded(op, 0);
  const auto carries = static_cast<size_t>(attr.carries);
  need(op.operands().size() >= carries && values.size() >= carries,
       fmt::format("got {} operands and {} yielded values for {} carries", op.operands().size(), values.size(),
                   carries));
  need_count(op.region().argument_count(), op.operands().size(), "region arguments");
  std::vector<Type> types;
  for (size_t i = 0; i < op.operands().size(); ++i) {
    const Value *operand = op.operand(i), *argument = op.region().argument(i);
    Type expected = operand->type();
    if (i < carries) {
      need_carry(i, values[i], operand);
      types.push_back(operand->type());
    } else {
      need(operand->rank() > 0 && operand->shape()[0] == attr.length,
           fmt::format("got scanned {}, expected leading dim {}", operand->type().str(), attr.length.str()));
      expected.shape.erase(expected.shape.begin());
    }
    need(argument->type() == expected,
         fmt::format("region argument {} is {}, expected {}", i, argument->type().str(), expected.str()));
  }
  for (size_t i = carries; i < values.size(); ++i) {
    Shape shape = values[i]->shape();
    shape.insert(shape.begin(), attr.length);
    types.push_back({values[i]->dtype(), std::move(shape)});
  }
  return types;
}

std::vector<Type> infer_loop(const Op& op) {
  const auto& values = yielded(op, 0);
  const Type count{DType::i64, {}}, condition{DType::boolean, {}};
  need(op.operand(0)->type() == count, fmt::format("got trip count {}, expected i64[]", op.operand(0)->type().str()));
  need(op.operand(1)->type() == condition,
       fmt::format("got condition {}, expected bool[]", op.operand(1)->type().str()));
  need_count(op.region().argument_count(), op.operands().size() - 1, "region arguments");
  const size_t carries = op.operands().size() - 2;
  need(values.size() >= carries + 1,
       fmt::format("got {} yielded values, expected a condition and {} carries", values.size(), carries));
  const Dim& at_most = op.as<LoopAttr>().at_most;
  need(values.size() == carries + 1 || !(at_most == Dim(-1)),
       "emits values, expected at_most, the most steps it takes");
  need(values[0]->type() == condition,
       fmt::format("got yielded condition {}, expected bool[]", values[0]->type().str()));
  need(op.region().argument(0)->type() == count, "expected the first region argument to be the step, i64[]");
  std::vector<Type> types;
  for (size_t i = 2; i < op.operands().size(); ++i) {
    need_carry(i - 2, values[i - 1], op.operand(i));
    need_carry(i - 2, op.region().argument(i - 1), op.operand(i));
    types.push_back(op.operand(i)->type());
  }
  for (size_t i = carries + 1; i < values.size(); ++i) {
    Shape shape = values[i]->shape();
    shape.insert(shape.begin(), at_most);
    types.push_back({values[i]->dtype(), std::move(shape)});
  }
  return types;
}

Type infer_bind_dim(const Op& op) {
  const auto& attr = op.as<BindDimAttr>();
  const Type size{DType::i64, {}};
  need(op.operand(0)->type() == size, fmt::format("got size {}, expected i64[]", op.operand(0)->type().str()));
  need(!attr.name.empty() && Dim::parse(attr.name).is_symbol(),
       fmt::format("got name \"{}\", expected the name of a dim", attr.name));
  need(!(attr.at_most.is_constant() && attr.at_most.constant() < 0),
       fmt::format("got at_most {}, expected >= 0", attr.at_most.str()));
  return size;
}

std::vector<Type> infer_gradient(const Op& op) {
  std::vector<Type> types;
  for (const Value* operand : op.operands()) {
    need(is_float(operand->dtype()), fmt::format("got {}, expected floats", operand->type().str()));
    types.push_back(operand->type());
  }
  types.erase(types.begin());
  return types;
}

std::vector<Type> infer_if(const Op& op) {
  need(op.operand(0)->type() == Type{DType::boolean, {}},
       fmt::format("got condition {}, expected bool[]", op.operand(0)->type().str()));
  const auto &then_values = yielded(op, 0), &else_values = yielded(op, 1);
  need_count(else_values.size(), then_values.size(), "values of the second region");
  std::vector<Type> types;
  for (size_t i = 0; i < then_values.size(); ++i) {
    need(then_values[i]->type() == else_values[i]->type(),
         fmt::format("result {} is {} in one region and {} in the other; expected one type", i,
                     then_values[i]->type().str(), else_values[i]->type().str()));
    types.push_back(then_values[i]->type());
  }
  return types;
}

std::vector<Type> infer_kernel(const Op& op) {
  std::vector<Type> types;
  for (const Value* value : yielded(op, 0)) types.push_back(value->type());
  return types;
}

}  // namespace seqc::ir
