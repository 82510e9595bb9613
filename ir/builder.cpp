#include "ir/builder.h"

#include "ir/error.h"
#include "ir/named_dims.h"

namespace seqc::ir {

void Builder::finish(Op* op) {
  op->set_location(location_);
  try {
    for (Type& type : infer(*op)) op->add_result(std::move(type));
  } catch (const Error& error) {
    const std::string message =
        fmt::format("{}: {}: {}", location_.empty() ? "builder" : location_, op->info().mnemonic, error.what());
    op->erase();
    throw Error(error.kind(), message);
  }
}

Op* Builder::create(Opcode code, std::vector<Value*> operands, Attr attr) {
  Op* op = block_->create(code, std::move(operands), std::move(attr), before_);
  finish(op);
  return op;
}

Value* Builder::reshape(Value* x, Shape shape) {
  return x->shape() == shape ? x : emit(Opcode::Reshape, {x}, ShapeAttr{std::move(shape)});
}

Value* Builder::broadcast(Value* x, Shape shape) {
  return x->shape() == shape ? x : emit(Opcode::Broadcast, {x}, ShapeAttr{std::move(shape)});
}

Value* Builder::transpose(Value* x, std::vector<int64_t> perm) {
  bool identity = true;
  for (size_t i = 0; i < perm.size(); ++i) identity = identity && perm[i] == static_cast<int64_t>(i);
  return identity ? x : emit(Opcode::Transpose, {x}, TransposeAttr{std::move(perm)});
}

Value* Builder::slice(Value* x, Shape starts, Shape sizes, std::vector<int64_t> steps) {
  return emit(Opcode::Slice, {x}, SliceAttr{std::move(starts), std::move(sizes), std::move(steps)});
}

Value* Builder::slice_axis(Value* x, int64_t axis, Dim start, Dim size) {
  if (x->shape()[axis] == size) return x;
  Shape starts(x->rank(), Dim(0)), sizes = x->shape();
  starts[axis] = start;
  sizes[axis] = size;
  return slice(x, std::move(starts), std::move(sizes), std::vector<int64_t>(x->rank(), 1));
}

Value* Builder::select_axis(Value* x, int64_t axis, Dim index) {
  Shape shape = x->shape();
  shape.erase(shape.begin() + axis);
  return reshape(slice_axis(x, axis, index, Dim(1)), std::move(shape));
}

Value* Builder::concat(std::vector<Value*> parts, int64_t axis) {
  return parts.size() == 1 ? parts[0] : emit(Opcode::Concat, std::move(parts), AxisAttr{axis});
}

Value* Builder::linear(Value* x, Value* w, Value* b) {
  std::string rows;
  for (int64_t i = 0; i + 1 < x->rank(); ++i) rows += static_cast<char>('a' + i);
  Value* product = contract(rows + "y,zy->" + rows + "z", x, w);
  return b ? add(product, b) : product;
}

void Builder::build_region(Op* op, const Region& body, const std::vector<Type>& argument_types) {
  Block& region = op->add_region();
  std::vector<Value*> arguments;
  for (const Type& type : argument_types) arguments.push_back(region.add_argument(type));
  Builder inner(*function_, region);
  inner.set_location(location_);
  inner.yield(body(inner, arguments));
}

Op* Builder::scan(Dim length, std::vector<Value*> carries, std::vector<Value*> scanned, const Region& body,
                  bool reverse) {
  std::vector<Value*> operands = carries;
  operands.insert(operands.end(), scanned.begin(), scanned.end());
  std::vector<Type> types;
  for (const Value* carry : carries) types.push_back(carry->type());
  for (const Value* value : scanned) {
    if (value->rank() == 0)
      fail(ErrorKind::BadInput, "{}: scan: got a scalar, expected a leading dim to scan", location_);
    types.push_back({value->dtype(), Shape(value->shape().begin() + 1, value->shape().end())});
  }
  Op* op = block_->create(Opcode::Scan, std::move(operands),
                          ScanAttr{std::move(length), static_cast<int64_t>(carries.size()), reverse}, before_);
  build_region(op, body, types);
  finish(op);
  return op;
}

Op* Builder::loop(Value* trip_count, Value* condition, std::vector<Value*> carries, const Region& body, Dim at_most) {
  std::vector<Value*> operands = {trip_count, condition};
  operands.insert(operands.end(), carries.begin(), carries.end());
  std::vector<Type> types = {{DType::i64, {}}};
  for (const Value* carry : carries) types.push_back(carry->type());
  Op* op = block_->create(Opcode::Loop, std::move(operands), LoopAttr{std::move(at_most)}, before_);
  build_region(op, body, types);
  finish(op);
  return op;
}

Dim Builder::bind_dim(Value* size, const std::string& hint, Dim at_most) {
  std::set<std::string> taken;
  for (const auto& [name, op] : dim_binders(*function_)) taken.insert(name);
  for (size_t i = 0; i < function_->body().argument_count(); ++i)
    for (const Dim& dim : function_->body().argument(i)->shape()) dim.collect_symbols(taken);
  std::string name = hint;
  for (int i = 1; taken.contains(name); ++i) name = fmt::format("{}_{}", hint, i);
  emit(Opcode::BindDim, {size}, BindDimAttr{name, std::move(at_most)});
  return Dim::symbol(name);
}

Op* Builder::if_(Value* condition, const Region& then_body, const Region& else_body) {
  Op* op = block_->create(Opcode::If, {condition}, NoAttr{}, before_);
  build_region(op, then_body, {});
  build_region(op, else_body, {});
  finish(op);
  return op;
}

}  // namespace seqc::ir
