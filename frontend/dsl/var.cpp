#include "frontend/dsl/var.h"

#include "ir/error.h"

namespace seqc::dsl {

using ir::Dim;
using ir::Opcode;
using ir::ReduceKind;
using ir::Shape;

ir::Value* Var::value() const {
  SEQC_CHECK(value_ != nullptr, "an absent variable is used as an operand");
  return value_;
}

Context& Var::context() const {
  SEQC_CHECK(context_ != nullptr, "an absent variable is used as an operand");
  return *context_;
}

const Var& Var::named(const std::string& name) const {
  value()->set_name(name);
  return *this;
}

namespace {

ir::Builder& builder(const Var& x) { return x.context().builder(); }

Var emit(Opcode code, const Var& a) { return {a.context(), builder(a).emit(code, {a.value()})}; }
Var emit(Opcode code, const Var& a, const Var& b) {
  return {a.context(), builder(a).emit(code, {a.value(), b.value()})};
}

/// 0 <= result < rank.
int64_t checked_axis(int64_t axis, int64_t rank, const char* function) {
  if (axis < -rank || axis >= rank)
    fail(ErrorKind::BadInput, "{}: got axis {}, expected one within rank {}", function, axis, rank);
  return axis < 0 ? axis + rank : axis;
}

/// `shape` with `axis` of size 1: what a reduction looks like for broadcasting.
Var keep_axis(const Var& reduced, const Var& x, int64_t axis) {
  Shape shape = x.shape();
  shape[axis] = Dim(1);
  return reshape(reduced, std::move(shape));
}

Var reduce(ReduceKind kind, const Var& x, int64_t axis, const char* function) {
  return {x.context(), builder(x).reduce(kind, x.value(), {checked_axis(axis, x.rank(), function)})};
}

}  // namespace

Var scalar(double value, const Var& like) { return {like.context(), builder(like).scalar(like.dtype(), value)}; }

Var operator-(const Var& a) { return emit(Opcode::Neg, a); }
Var operator+(const Var& a, const Var& b) { return emit(Opcode::Add, a, b); }
Var operator-(const Var& a, const Var& b) { return emit(Opcode::Sub, a, b); }
Var operator*(const Var& a, const Var& b) { return emit(Opcode::Mul, a, b); }
Var operator/(const Var& a, const Var& b) { return emit(Opcode::Div, a, b); }
Var operator<(const Var& a, const Var& b) { return emit(Opcode::Lt, a, b); }
Var operator<=(const Var& a, const Var& b) { return emit(Opcode::Le, a, b); }
Var operator>(const Var& a, const Var& b) { return emit(Opcode::Gt, a, b); }
Var operator>=(const Var& a, const Var& b) { return emit(Opcode::Ge, a, b); }
Var equal(const Var& a, const Var& b) { return emit(Opcode::Eq, a, b); }
Var min(const Var& a, const Var& b) { return emit(Opcode::Min, a, b); }
Var max(const Var& a, const Var& b) { return emit(Opcode::Max, a, b); }
Var pow(const Var& a, const Var& b) { return emit(Opcode::Pow, a, b); }
Var operator&&(const Var& a, const Var& b) { return emit(Opcode::And, a, b); }
Var operator||(const Var& a, const Var& b) { return emit(Opcode::Or, a, b); }
Var operator!(const Var& a) { return emit(Opcode::Not, a); }

Var abs(const Var& x) { return emit(Opcode::Abs, x); }
Var sqrt(const Var& x) { return emit(Opcode::Sqrt, x); }
Var exp(const Var& x) { return emit(Opcode::Exp, x); }
Var expm1(const Var& x) { return emit(Opcode::Expm1, x); }
Var log(const Var& x) { return emit(Opcode::Log, x); }
Var log1p(const Var& x) { return emit(Opcode::Log1p, x); }
Var erf(const Var& x) { return emit(Opcode::Erf, x); }
Var tanh(const Var& x) { return emit(Opcode::Tanh, x); }
Var sigmoid(const Var& x) { return emit(Opcode::Sigmoid, x); }
Var relu(const Var& x) { return max(x, 0.0); }
Var softplus(const Var& x) {
  const Var linear_part = relu(x);
  return linear_part + log1p(exp(-abs(x)));
}
Var clamp(const Var& x, double lo, double hi) { return min(max(x, lo), hi); }

Var where(const Var& condition, const Var& a, const Var& b) {
  return {a.context(), builder(a).select(condition.value(), a.value(), b.value())};
}
Var where(const Var& condition, const Var& a, double b) { return where(condition, a, scalar(b, a)); }
Var where(const Var& condition, double a, const Var& b) { return where(condition, scalar(a, b), b); }
Var cast(const Var& x, ir::DType type) { return {x.context(), builder(x).cast(x.value(), type)}; }

Var linear(const Var& x, const Var& w, const Var& b) {
  // "ni,ji->nj" for matrices: n rows, i inputs, j outputs; passes compare operands, not letters.
  static constexpr std::string_view kRows = "nmlkabcdefgh";
  if (x.rank() < 1 || x.rank() > static_cast<int64_t>(kRows.size()))
    fail(ErrorKind::BadInput, "linear: got {}, expected rank 1 to {}", x.value()->type().str(), kRows.size());
  const std::string rows(kRows.substr(0, static_cast<size_t>(x.rank() - 1)));
  const Var product = contract(rows + "i,ji->" + rows + "j", x, w);
  return b ? product + b : product;
}

Var contract(const std::string& spec, const Var& x, const Var& w) {
  return {x.context(), builder(x).contract(spec, x.value(), w.value())};
}

Var reshape(const Var& x, Shape shape) { return {x.context(), builder(x).reshape(x.value(), std::move(shape))}; }
Var broadcast(const Var& x, Shape shape) { return {x.context(), builder(x).broadcast(x.value(), std::move(shape))}; }
Var transpose(const Var& x, std::vector<int64_t> perm) {
  return {x.context(), builder(x).transpose(x.value(), std::move(perm))};
}

Var concat(const Vars& parts, int64_t axis) {
  if (parts.empty()) fail(ErrorKind::BadInput, "concat: got no parts, expected at least one");
  std::vector<ir::Value*> values;
  for (const Var& part : parts) values.push_back(part.value());
  return {parts[0].context(),
          builder(parts[0]).concat(std::move(values), checked_axis(axis, parts[0].rank(), "concat"))};
}

Var slice(const Var& x, int64_t axis, Dim start, Dim size) {
  return {x.context(), builder(x).slice_axis(x.value(), checked_axis(axis, x.rank(), "slice"), start, size)};
}

Var select(const Var& x, int64_t axis, Dim index) {
  return {x.context(), builder(x).select_axis(x.value(), checked_axis(axis, x.rank(), "select"), index)};
}

Var stack(const Vars& parts, int64_t axis) {
  Vars unsqueezed;
  for (const Var& part : parts) {
    Shape shape = part.shape();
    shape.insert(shape.begin() + checked_axis(axis, part.rank() + 1, "stack"), Dim(1));
    unsqueezed.push_back(reshape(part, std::move(shape)));
  }
  return concat(unsqueezed, axis);
}

Var sum(const Var& x, int64_t axis) { return reduce(ReduceKind::Sum, x, axis, "sum"); }
Var reduce_max(const Var& x, int64_t axis) { return reduce(ReduceKind::Max, x, axis, "reduce_max"); }

Var mean(const Var& x, int64_t axis) {
  const Dim& size = x.dim(checked_axis(axis, x.rank(), "mean"));
  const Var total = sum(x, axis);
  if (size.is_constant()) return total / static_cast<double>(size.constant());
  ir::Value* count = builder(x).reshape(builder(x).dims({size}), {});
  return total / cast(Var(x.context(), count), x.dtype());
}

Var softmax(const Var& x, int64_t axis) {
  const int64_t at = checked_axis(axis, x.rank(), "softmax");
  const Var e = exp(x - keep_axis(reduce_max(x, at), x, at));
  return e / keep_axis(sum(e, at), x, at);
}

void need_range(const std::string& role, const Var& integers, const Dim& size, const Var& weights) {
  const bool is_input = integers.value()->block() != nullptr;
  integers.context().add_range(
      {is_input ? integers.value()->name() : role, integers.value(), size, weights ? weights.value() : nullptr});
}

Var zeros(Shape shape, const Var& like) { return broadcast(scalar(0.0, like), std::move(shape)); }

Var zeros_like_rows(const Var& x, Dim size) {
  if (x.rank() < 2) fail(ErrorKind::BadInput, "zeros_like_rows: got {}, expected [T, N, ...]", x.value()->type().str());
  return zeros({x.dim(1), std::move(size)}, x);
}

}  // namespace seqc::dsl
