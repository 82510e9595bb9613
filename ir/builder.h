/// Creates ops with inferred result types; the way in which frontends and passes write IR.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ir/infer.h"
#include "ir/ir.h"

namespace seqc::ir {

/// Appends ops at an insertion point. Every method throws Error(BadInput) "<location>: ..." when the rule of the op is
/// broken. Elementwise methods broadcast as NumPy does. The builder does not simplify: passes do.
class Builder {
 public:
  explicit Builder(Function& function) : function_(&function), block_(&function.body()) {}
  Builder(Function& function, Block& block, Op* before = nullptr)
      : function_(&function), block_(&block), before_(before) {}
  /// Inserts before `op`, with its location.
  static Builder before(Op* op) {
    Builder b(*op->parent()->function(), *op->parent(), op);
    b.set_location(op->location());
    return b;
  }

  Function& function() const { return *function_; }
  Block& block() const { return *block_; }
  void set_location(std::string location) { location_ = std::move(location); }
  const std::string& location() const { return location_; }

  /// Any op without regions; result types are inferred.
  Op* create(Opcode code, std::vector<Value*> operands, Attr attr);
  Op* create(Opcode code, std::vector<Value*> operands) {
    return create(code, std::move(operands), info(code).default_attr);
  }
  Value* emit(Opcode code, std::vector<Value*> operands) { return create(code, std::move(operands))->result(); }
  Value* emit(Opcode code, std::vector<Value*> operands, Attr attr) {
    return create(code, std::move(operands), std::move(attr))->result();
  }

  Value* constant(Tensor tensor, std::string name = "") {
    return function_->constant(std::move(tensor), std::move(name));
  }
  /// A rank-0 constant.
  Value* scalar(DType type, double value) { return constant(Tensor::scalar(type, value)); }
  /// A rank-0 constant of `like`'s element type.
  Value* scalar_like(const Value* like, double value) { return scalar(like->dtype(), value); }
  /// Zero, false or the empty string.
  Value* blank_like(const Value* like) { return constant(Tensor(like->dtype(), {})); }

  // Each elementwise op of the table has a method named after its mnemonic (a trailing _ where C++ keeps the word).
  Value* neg(Value* a) { return emit(Opcode::Neg, {a}); }
  Value* abs(Value* a) { return emit(Opcode::Abs, {a}); }
  Value* sqrt(Value* a) { return emit(Opcode::Sqrt, {a}); }
  Value* exp(Value* a) { return emit(Opcode::Exp, {a}); }
  Value* log(Value* a) { return emit(Opcode::Log, {a}); }
  Value* log1p(Value* a) { return emit(Opcode::Log1p, {a}); }
  Value* expm1(Value* a) { return emit(Opcode::Expm1, {a}); }
  Value* tanh(Value* a) { return emit(Opcode::Tanh, {a}); }
  Value* sigmoid(Value* a) { return emit(Opcode::Sigmoid, {a}); }
  Value* erf(Value* a) { return emit(Opcode::Erf, {a}); }
  Value* not_(Value* a) { return emit(Opcode::Not, {a}); }
  Value* copy(Value* a) { return emit(Opcode::Copy, {a}); }
  Value* cast(Value* a, DType to) { return a->dtype() == to ? a : emit(Opcode::Cast, {a}, CastAttr{to}); }
  Value* add(Value* a, Value* b) { return emit(Opcode::Add, {a, b}); }
  Value* sub(Value* a, Value* b) { return emit(Opcode::Sub, {a, b}); }
  Value* mul(Value* a, Value* b) { return emit(Opcode::Mul, {a, b}); }
  Value* div(Value* a, Value* b) { return emit(Opcode::Div, {a, b}); }
  Value* pow(Value* a, Value* b) { return emit(Opcode::Pow, {a, b}); }
  Value* min(Value* a, Value* b) { return emit(Opcode::Min, {a, b}); }
  Value* max(Value* a, Value* b) { return emit(Opcode::Max, {a, b}); }
  Value* eq(Value* a, Value* b) { return emit(Opcode::Eq, {a, b}); }
  Value* lt(Value* a, Value* b) { return emit(Opcode::Lt, {a, b}); }
  Value* le(Value* a, Value* b) { return emit(Opcode::Le, {a, b}); }
  Value* gt(Value* a, Value* b) { return emit(Opcode::Gt, {a, b}); }
  Value* ge(Value* a, Value* b) { return emit(Opcode::Ge, {a, b}); }
  Value* select(Value* c, Value* a, Value* b) { return emit(Opcode::Select, {c, a, b}); }
  Value* fma(Value* a, Value* b, Value* c) { return emit(Opcode::Fma, {a, b, c}); }
  // With a number in place of the second operand:
  Value* add(Value* a, double b) { return add(a, scalar_like(a, b)); }
  Value* sub(double a, Value* b) { return sub(scalar_like(b, a), b); }
  Value* mul(Value* a, double b) { return mul(a, scalar_like(a, b)); }

  Value* iota(Dim length, DType type = DType::i64) { return emit(Opcode::Iota, {}, IotaAttr{length, type}); }
  /// Names a size that a run computes: a new dim, called like `hint`, that the ops after this one may use.
  Dim bind_dim(Value* size, const std::string& hint, Dim at_most);
  Value* positions(Value* mask, Dim length) {
    return emit(Opcode::Positions, {mask}, PositionsAttr{std::move(length)});
  }
  Value* arg_sort(Value* x, bool descending) { return emit(Opcode::ArgSort, {x}, ArgSortAttr{descending}); }
  Value* dims(Shape value) { return emit(Opcode::Dims, {}, DimsAttr{std::move(value)}); }

  Value* reshape(Value* x, Shape shape);
  Value* broadcast(Value* x, Shape shape);
  Value* transpose(Value* x, std::vector<int64_t> perm);
  Value* slice(Value* x, Shape starts, Shape sizes, std::vector<int64_t> steps);
  /// Elements [start, start+size) of one axis.
  Value* slice_axis(Value* x, int64_t axis, Dim start, Dim size);
  /// One element of an axis, which vanishes.
  Value* select_axis(Value* x, int64_t axis, Dim index);
  Value* concat(std::vector<Value*> parts, int64_t axis);
  Value* reduce(ReduceKind kind, Value* x, std::vector<int64_t> axes) {
    return emit(Opcode::Reduce, {x}, ReduceAttr{kind, std::move(axes)});
  }
  Value* contract(const std::string& spec, Value* x, Value* w) {
    return emit(Opcode::Contract, {x, w}, ContractAttr{.spec = spec, .columns = {}});
  }
  /// x·wᵀ + b over the last dim: x[..., I], w[O, I], b[O] or null -> [..., O].
  Value* linear(Value* x, Value* w, Value* b);

  /// Builds a region's ops: called with a builder inside the region and its arguments, returns the yielded values.
  using Region = std::function<std::vector<Value*>(Builder&, const std::vector<Value*>&)>;
  /// See Opcode::Scan. The region gets the carries, then one step of each scanned value; it returns the next carries,
  /// then the values to emit. Results: final carries, then emitted values stacked over the steps.
  Op* scan(Dim length, std::vector<Value*> carries, std::vector<Value*> scanned, const Region& body,
           bool reverse = false);
  /// See Opcode::Loop. The region gets the step (i64), then the carries; it returns the condition, then the carries, then
  /// the values to emit. Results: final carries, then emitted values in the first rows of `at_most`.
  Op* loop(Value* trip_count, Value* condition, std::vector<Value*> carries, const Region& body, Dim at_most = -1);
  Op* if_(Value* condition, const Region& then_body, const Region& else_body);

  void yield(std::vector<Value*> values) { create(Opcode::Yield, std::move(values)); }
  void return_(std::vector<Value*> values) { create(Opcode::Return, std::move(values)); }

 private:
  void finish(Op* op);
  void build_region(Op* op, const Region& body, const std::vector<Type>& argument_types);

  Function* function_;
  Block* block_;
  Op* before_ = nullptr;
  std::string location_;
};

}  // namespace seqc::ir
