/// Random values and ops that keep to the rules of the IR; random_graph.cpp puts them together.
#pragma once

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "ir/builder.h"
#include "tests/support/random_inputs.h"

namespace seqc::test {

using namespace ir;

using Values = std::vector<Value*>;

/// Dims of at most this many elements in all, with the names at the sizes that trials give them.
inline constexpr int64_t kMostElements = 3000;
inline constexpr int64_t kTrialSize = 7;

inline int64_t elements_in_trials(const Shape& shape) {
  const Dim count = element_count(shape);
  return count.evaluate({{"T", kTrialSize}, {"N", kTrialSize}});
}

/// Each method adds one op (or a value for one); null if the choice makes none. `pool` holds what may be used.
class RandomOps {
 public:
  explicit RandomOps(uint64_t seed) : random_(seed), function_(std::make_unique<Function>("main")) {}

 protected:
  // --- choices --------------------------------------------------------------------------------------------------------

  bool chance(int percent) { return random_.integer(0, 99) < percent; }

  template <class T>
  T pick(std::initializer_list<T> list) {
    return list.begin()[random_.integer(0, static_cast<int64_t>(list.size()) - 1)];
  }

  DType dtype() {
    if (chance(45)) return DType::f32;
    return static_cast<DType>(random_.integer(0, kDTypeCount - 1));
  }

  Dim dim() {
    if (chance(25)) return chance(50) ? time_ : batch_;
    if (chance(4)) return Dim(0);
    return Dim(pick<int64_t>({1, 1, 2, 3, 3, 4, 5, 7, 8, 9, 17, 33}));
  }

  Shape shape(int64_t rank) {
    Shape result;
    for (int64_t i = 0; i < rank; ++i) result.push_back(dim());
    while (elements_in_trials(result) > kMostElements) result.pop_back();
    return result;
  }

  /// The newest values more often than others.
  Value* recent(const Values& pool) {
    const auto size = static_cast<int64_t>(pool.size());
    return pool[chance(60) ? size - 1 - random_.integer(0, std::min<int64_t>(size, 5) - 1)
                           : random_.integer(0, size - 1)];
  }

  template <class F>
  Value* find(const Values& pool, const F& good) {
    for (int i = 0; i < 20; ++i)
      if (Value* value = recent(pool); good(value)) return value;
    return nullptr;
  }

  Value* float_value(const Values& pool) {
    return find(pool, [](const Value* v) { return is_float(v->dtype()); });
  }

  Value* argument(Type type) {
    return function_->body().add_argument(std::move(type), fmt::format("x{}", function_->body().argument_count()));
  }

  static bool is_numeric(const Shape& shape) {
    return std::all_of(shape.begin(), shape.end(), [](const Dim& dim) { return dim.is_constant(); });
  }

  Tensor tensor(DType type, const Shape& shape) {
    std::vector<int64_t> sizes;
    for (const Dim& dim : shape) sizes.push_back(dim.constant());
    Tensor result = random_tensor(type, sizes, random_);
    for (int64_t i = 0; i < result.count() && is_float(type); ++i)  // numbers that algebra treats specially
      if (chance(30)) result.set_real(i, pick({0.0, -0.0, 1.0, -1.0, 2.0, 0.5}));
    return result;
  }

  /// A value of this very type: one that is there, a constant, a broadcast or a new argument.
  Value* value_of(Builder& b, const Values& pool, const Type& type) {
    if (chance(60))
      if (Value* value = find(pool, [&](const Value* v) { return v->type() == type; })) return value;
    if (is_numeric(type.shape) && chance(60)) return b.constant(tensor(type.dtype, type.shape));
    if (chance(30)) return b.broadcast(b.constant(tensor(type.dtype, {})), type.shape);
    for (const Dim& dim : type.shape)
      if (dim.has_symbols() && !dim.is_symbol()) return b.broadcast(b.constant(tensor(type.dtype, {})), type.shape);
    return argument(type);
  }

  /// Something that broadcasts against x, of its type.
  Value* partner(Builder& b, const Values& pool, const Value* x) {
    if (chance(40))
      if (Value* y = find(pool, [&](const Value* v) { return v->dtype() == x->dtype(); })) return y;
    Shape small(x->shape().begin() + random_.integer(0, x->rank()), x->shape().end());
    for (Dim& dim : small)
      if (chance(25)) dim = Dim(1);
    return value_of(b, pool, {x->dtype(), small});
  }

  // --- ops ----------------------------------------------------------------------------------------------------------

  Opcode any_of(OpClass op_class) {
    for (;;)
      if (const auto code = static_cast<Opcode>(random_.integer(0, kOpcodeCount - 1)); info(code).op_class == op_class)
        return code;
  }

  Value* unary(Builder& b, Value* x) {
    if (is_float(x->dtype()) && chance(40))
      return b.emit(pick({Opcode::Neg, Opcode::Tanh, Opcode::Sigmoid, Opcode::Abs}), {x});
    const Opcode code = any_of(OpClass::Unary);
    return code == Opcode::Cast ? nullptr : b.emit(code, {x});
  }

  Value* binary(Builder& b, const Values& pool) {
    Value *x = recent(pool), *y = partner(b, pool, x);
    if (chance(50)) std::swap(x, y);
    if (x->dtype() != DType::boolean && chance(60))
      return b.emit(pick({Opcode::Add, Opcode::Sub, Opcode::Mul, Opcode::Max}), {x, y});
    return b.emit(any_of(OpClass::Binary), {x, y});
  }

  Value* ternary(Builder& b, const Values& pool) {
    Value *x = recent(pool), *y = partner(b, pool, x);
    if (is_float(x->dtype()) && chance(50)) return b.fma(x, y, partner(b, pool, x));
    Value* condition = find(pool, [](const Value* v) { return v->dtype() == DType::boolean; });
    if (!condition || chance(20)) condition = value_of(b, pool, {DType::boolean, chance(50) ? Shape{} : x->shape()});
    return b.select(condition, x, y);
  }

  Value* cast(Builder& b, Value* x) { return b.cast(x, dtype()); }

  Value* leaf(Builder& b) {
    if (chance(50)) return b.dims({time_, batch_ + Dim(1), time_ * batch_, Dim(3)});
    DType type = dtype();
    if (type == DType::boolean) type = DType::i64;
    return b.iota(dim(), type);
  }

  Value* reshape(Builder& b, Value* x) {
    Shape shape;
    for (const Dim& dim : x->shape()) {
      if (dim == Dim(1) && chance(60)) continue;
      if (chance(15)) shape.emplace_back(1);
      if (!shape.empty() && chance(20)) {
        shape.back() = shape.back() * dim;
      } else if (dim.is_constant() && dim.constant() > 2 && dim.constant() % 2 == 0 && chance(40)) {
        shape.emplace_back(2);
        shape.emplace_back(dim.constant() / 2);
      } else {
        shape.push_back(dim);
      }
    }
    return b.reshape(x, std::move(shape));
  }

  Value* broadcast(Builder& b, Value* x) {
    Shape shape = x->shape();
    for (Dim& size : shape)
      if (size == Dim(1) && chance(60)) size = dim();
    if (chance(40)) shape.insert(shape.begin(), dim());
    return elements_in_trials(shape) > kMostElements ? nullptr : b.broadcast(x, std::move(shape));
  }

  std::vector<int64_t> permutation(int64_t rank) {
    std::vector<int64_t> perm(static_cast<size_t>(rank));
    std::iota(perm.begin(), perm.end(), 0);
    for (int64_t i = rank - 1; i > 0; --i) std::swap(perm[i], perm[random_.integer(0, i)]);
    return perm;
  }

  Value* transpose(Builder& b, Value* x) { return b.transpose(x, permutation(x->rank())); }

  Value* slice(Builder& b, Value* x) {
    Shape starts(x->shape().size(), Dim(0)), sizes = x->shape();
    std::vector<int64_t> steps(x->shape().size(), 1);
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (!sizes[i].is_constant()) {
        if (!chance(25)) continue;
        starts[i] = sizes[i] - Dim(1);
        if (chance(70))
          steps[i] = -1;  // backwards
        else
          sizes[i] = Dim(1);  // the last one; refused where there is none
        continue;
      }
      const int64_t size = sizes[i].constant();
      if (size < 1 || chance(40)) continue;
      steps[i] = pick<int64_t>({1, 1, 1, 2, 3, -1, -2});
      const int64_t start = random_.integer(0, size - 1);
      const int64_t room = steps[i] > 0 ? (size - 1 - start) / steps[i] + 1 : start / -steps[i] + 1;
      starts[i] = Dim(start);
      sizes[i] = Dim(random_.integer(chance(5) ? 0 : 1, room));
    }
    return b.slice(x, std::move(starts), std::move(sizes), std::move(steps));
  }

  Value* concat(Builder& b, const Values& pool) {
    Value* x = recent(pool);
    if (x->rank() == 0) return nullptr;
    const int64_t axis = random_.integer(0, x->rank() - 1), count = random_.integer(2, 3);
    Values parts = {x};
    for (int64_t i = 1; i < count; ++i) {
      Type type = x->type();
      if (chance(50)) type.shape[axis] = dim();
      parts.push_back(value_of(b, pool, type));
    }
    if (chance(50)) std::swap(parts.front(), parts.back());
    return b.concat(parts, axis);
  }

  Value* pad(Builder& b, Value* x) {
    PadAttr attr{.lo = Shape(x->shape().size(), Dim(0)), .hi = Shape(x->shape().size(), Dim(0))};
    attr.mode = static_cast<PadMode>(random_.integer(0, 3));
    for (size_t i = 0; i < attr.lo.size(); ++i) {
      // Other modes than constant need elements to copy.
      const Dim& size = x->shape()[i];
      const int64_t most = attr.mode == PadMode::Constant ? 3
                           : size.is_constant()           ? std::min<int64_t>(size.constant() - 1, 3)
                                                          : 0;
      if (most <= 0 || chance(40)) continue;
      attr.lo[i] = Dim(random_.integer(0, most));
      attr.hi[i] = Dim(random_.integer(0, most));
    }
    return b.emit(Opcode::Pad, {x, b.constant(tensor(x->dtype(), {}))}, attr);
  }

  Value* indices(Builder& b, const Values& pool, const Shape& shape) {
    return value_of(b, pool, {chance(70) ? DType::i64 : pick({DType::i32, DType::i8, DType::u8}), shape});
  }

  Value* gather(Builder& b, const Values& pool) {
    Value* x = recent(pool);
    if (x->rank() == 0) return nullptr;
    Value* index = indices(b, pool, shape(random_.integer(0, 2)));
    return b.emit(Opcode::Gather, {x, index}, AxisAttr{random_.integer(0, x->rank() - 1)});
  }

  Value* gather_elements(Builder& b, const Values& pool) {
    Value* x = recent(pool);
    if (x->rank() == 0) return nullptr;
    const int64_t axis = random_.integer(0, x->rank() - 1);
    Shape shape = x->shape();
    if (chance(70)) shape[axis] = dim();
    return b.emit(Opcode::GatherElements, {x, indices(b, pool, shape)}, AxisAttr{axis});
  }

  Value* indexed_by_tuples(Builder& b, const Values& pool) {
    Value* x = recent(pool);
    const bool scatters = chance(50);
    const int64_t batch = !scatters && x->rank() > 1 && chance(40) ? 1 : 0;
    const int64_t depth = random_.integer(0, x->rank() - batch);
    Shape shape(x->shape().begin(), x->shape().begin() + batch);
    for (int64_t i = random_.integer(0, 2); i > 0; --i) shape.push_back(dim());
    Shape updates = shape;
    shape.emplace_back(depth);
    Value* index = indices(b, pool, shape);
    if (!scatters) return b.emit(Opcode::GatherNd, {x, index}, GatherNdAttr{batch});
    updates.insert(updates.end(), x->shape().begin() + depth, x->shape().end());
    ScatterKind kind = static_cast<ScatterKind>(random_.integer(0, 4));
    if (x->dtype() == DType::boolean) kind = ScatterKind::Set;
    return b.emit(Opcode::ScatterNd, {x, index, value_of(b, pool, {x->dtype(), updates})}, ScatterAttr{kind});
  }

  /// An order of rows, or the positions of what is true.
  Value* ordered(Builder& b, const Values& pool) {
    Value* x = recent(pool);
    if (x->rank() >= 2 && chance(60)) return b.emit(Opcode::ArgSort, {x}, ArgSortAttr{});
    const Shape mask = shape(1);
    return b.emit(Opcode::Positions, {value_of(b, pool, {DType::boolean, mask})}, PositionsAttr{mask[0]});
  }

  Value* reduce(Builder& b, Value* x) {
    std::vector<int64_t> axes;
    for (int64_t i = 0; i < x->rank(); ++i)
      if (chance(45)) axes.push_back(i);
    return b.reduce(static_cast<ReduceKind>(random_.integer(0, 3)), x, axes);
  }

  Random random_;
  std::unique_ptr<Function> function_;
  const Dim time_ = Dim::symbol("T"), batch_ = Dim::symbol("N");
};

}  // namespace seqc::test
