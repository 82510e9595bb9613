#include "tests/support/random_graph.h"

#include "ir/error.h"
#include "tests/support/random_ops.h"

namespace seqc::test {
namespace {

/// Builds one function, step by step. A step that the rules of the IR refuse adds nothing.
class Generator : RandomOps {
 public:
  using RandomOps::RandomOps;

  std::unique_ptr<Function> run(int steps) {
    Builder b(*function_);
    Values pool;
    pool.push_back(argument({DType::f32, {time_, batch_, Dim(pick({1, 3, 4, 8, 9}))}}));
    pool.push_back(argument({dtype(), {batch_, Dim(pick({4, 5, 17}))}}));
    pool.push_back(argument({dtype(), {}}));
    grow(b, pool, steps, 0);
    Values outputs;
    const int64_t count = random_.integer(1, 4);
    for (int64_t i = 0; i < count; ++i) outputs.push_back(recent(pool));
    b.return_(outputs);
    for (size_t i = 0; i < outputs.size(); ++i) function_->output_names.push_back(fmt::format("y{}", i));
    function_->erase_unused_constants();
    return std::move(function_);
  }

 private:
  // --- steps ----------------------------------------------------------------------------------------------------------

  void grow(Builder& b, Values& pool, int64_t steps, int depth) {
    for (int64_t i = 0; i < steps; ++i) {
      Values added;
      try {
        added = step(b, pool, depth);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::BadInput) throw;
      }
      for (Value* value : added)
        if (value && value->rank() <= 6 && elements_in_trials(value->shape()) <= 4 * kMostElements)
          pool.push_back(value);
    }
  }

  Values step(Builder& b, const Values& pool, int depth) {
    switch (random_.integer(0, 30)) {
      case 0:
      case 1:
      case 2: return {unary(b, recent(pool))};
      case 3:
      case 4:
      case 5:
      case 6: return {binary(b, pool)};
      case 7: return {ternary(b, pool)};
      case 8: return {cast(b, recent(pool))};
      case 9: return {leaf(b)};
      case 10: return {reshape(b, recent(pool))};
      case 11: return {broadcast(b, recent(pool))};
      case 12: return {transpose(b, recent(pool))};
      case 13:
      case 14: return {slice(b, recent(pool))};
      case 15: return {concat(b, pool)};
      case 16: return {pad(b, recent(pool))};
      case 17: return {gather(b, pool)};
      case 18: return {gather_elements(b, pool)};
      case 19: return {indexed_by_tuples(b, pool)};
      case 20:
      case 21: return {reduce(b, recent(pool))};
      case 22:
      case 23:
      case 24: return contract(b, pool);
      case 25: return {conv(b, pool)};
      case 26: return {reduce_window(b, pool)};
      case 27: return {ordered(b, pool)};
      case 28: return depth < 2 ? scan(b, pool, depth) : Values{};
      case 29: return depth < 2 ? loop(b, pool, depth) : Values{};
      default: return depth < 2 ? branch(b, pool, depth) : Values{};
    }
  }

  /// x with a weight whose labels are some of x's and up to two new ones; one or two weights.
  Values contract(Builder& b, const Values& pool) {
    Value* x = find(pool, [](const Value* v) { return v->rank() > 0 && v->dtype() != DType::boolean; });
    if (!x) return {};
    if (!is_float(x->dtype()) && chance(60)) x = b.cast(x, pick({DType::f32, DType::f64, DType::f16}));
    std::string lhs, rhs, out;
    Shape sizes;
    for (int64_t i = 0; i < x->rank(); ++i) {
      const char label = static_cast<char>('a' + i);
      lhs += label;
      const bool last = i + 1 == x->rank();
      const bool summed = last ? chance(80) : chance(15), shared = summed || chance(15);
      if (!summed) out += label;
      if (!shared) continue;
      rhs += label;
      sizes.push_back(x->shape()[i]);
    }
    for (int64_t i = random_.integer(0, chance(70) ? 1 : 2); i > 0; --i) {
      const char label = static_cast<char>('x' + i);
      out += label;
      const size_t at = static_cast<size_t>(random_.integer(0, static_cast<int64_t>(rhs.size())));
      rhs.insert(rhs.begin() + static_cast<ptrdiff_t>(at), label);
      sizes.insert(sizes.begin() + static_cast<ptrdiff_t>(at),
                   chance(15) ? batch_ : Dim(pick<int64_t>({1, 2, 4, 7, 16, 33})));
    }
    if (chance(20) && out.size() > 1) std::swap(out.front(), out.back());
    if (elements_in_trials(sizes) > kMostElements) return {};
    Values operands = {x, value_of(b, pool, {x->dtype(), sizes})};
    if (chance(20)) operands.push_back(value_of(b, pool, {x->dtype(), sizes}));
    if (chance(10) && operands.size() == 2) {
      std::swap(operands[0], operands[1]);
      std::swap(lhs, rhs);
    }
    const Op* op =
        b.create(Opcode::Contract, operands, ContractAttr{.spec = lhs + "," + rhs + "->" + out, .columns = {}});
    Values results;
    for (size_t i = 0; i < op->result_count(); ++i) results.push_back(op->result(i));
    return results;
  }

  std::vector<int64_t> numbers(size_t count, std::initializer_list<int64_t> choices) {
    std::vector<int64_t> result(count);
    for (int64_t& number : result) number = pick(choices);
    return result;
  }

  DType window_type() {
    return chance(60) ? DType::f32 : pick({DType::f16, DType::bf16, DType::f64, DType::i32, DType::u8});
  }

  Value* conv(Builder& b, const Values& pool) {
    const size_t spatial = static_cast<size_t>(pick<int64_t>({1, 1, 2, 3}));
    const int64_t groups = pick<int64_t>({1, 1, 2, 3}), channels = pick<int64_t>({1, 2, 3});
    const DType type = window_type();
    Shape x = {chance(40) ? batch_ : Dim(pick<int64_t>({1, 2})), Dim(groups * channels)};
    Shape w = {Dim(groups * pick<int64_t>({1, 2, 5})), Dim(channels)};
    for (size_t i = 0; i < spatial; ++i) {
      x.push_back(i == 0 && chance(30) ? time_ : Dim(pick<int64_t>({1, 3, 4, 7, 9})));
      w.emplace_back(pick<int64_t>({1, 2, 3}));
    }
    ConvAttr attr{.strides = numbers(spatial, {1, 1, 2, 3}),
                  .dilations = numbers(spatial, {1, 1, 2}),
                  .input_dilations = numbers(spatial, {1, 1, 2}),
                  .pads_lo = numbers(spatial, {0, 1, 2, -1}),
                  .pads_hi = numbers(spatial, {0, 1, 2, -1}),
                  .groups = groups};
    if (elements_in_trials(x) > kMostElements) return nullptr;
    return b.emit(Opcode::Conv, {value_of(b, pool, {type, x}), value_of(b, pool, {type, w})}, attr);
  }

  Value* reduce_window(Builder& b, const Values& pool) {
    const size_t spatial = static_cast<size_t>(pick<int64_t>({1, 2, 3}));
    Value* x = find(pool, [&](const Value* v) { return v->shape().size() >= spatial && v->dtype() != DType::boolean; });
    if (!x || chance(40)) x = value_of(b, pool, {window_type(), shape(static_cast<int64_t>(spatial) + 1)});
    WindowAttr attr{.kind = static_cast<ReduceKind>(random_.integer(0, 3)),
                    .window = numbers(spatial, {1, 2, 3}),
                    .strides = numbers(spatial, {1, 2, 3}),
                    .dilations = numbers(spatial, {1, 1, 2}),
                    .pads_lo = numbers(spatial, {0, 1, 2}),
                    .pads_hi = numbers(spatial, {0, 1, 2})};
    return b.emit(Opcode::ReduceWindow, {x}, attr);
  }

  // --- regions --------------------------------------------------------------------------------------------------------

  /// What a region yields for a value of this type: the newest that fits.
  Value* next_of(const Values& pool, const Type& type) {
    Value* found = nullptr;
    for (Value* value : pool)
      if (value->type() == type && (!found || chance(70))) found = value;
    return found;
  }

  /// Values from outside that a region may use, then its arguments.
  Values inner_pool(const Values& pool, const Values& arguments) {
    Values inner;
    for (int i = 0; i < 4; ++i) inner.push_back(recent(pool));
    for (int i = 0; i < 2; ++i) inner.insert(inner.end(), arguments.begin(), arguments.end());
    return inner;
  }

  Values carries_from(const Values& pool) {
    Values carries;
    for (int64_t i = random_.integer(0, 3); i > 0; --i)
      if (Value* value = recent(pool); value->rank() < 4) carries.push_back(value);
    return carries;
  }

  static Values results_of(const Op* op) {
    Values results;
    for (size_t i = 0; i < op->result_count(); ++i) results.push_back(op->result(i));
    return results;
  }

  Values scan(Builder& b, const Values& pool, int depth) {
    const Dim length = chance(70) ? time_ : dim();
    Values carries = carries_from(pool), scanned;
    for (Value* value : pool)
      if (value->rank() > 0 && value->shape()[0] == length && scanned.size() < 3 && chance(50))
        scanned.push_back(value);
    if (scanned.empty())
      scanned.push_back(
          value_of(b, pool, {chance(70) ? DType::f32 : dtype(), {length, Dim(pick<int64_t>({1, 4, 9}))}}));
    const int64_t steps = random_.integer(2, 8), emits = random_.integer(0, 2);
    const auto body = [&](Builder& inner, const Values& arguments) {
      Values inside = inner_pool(pool, arguments), yielded;
      grow(inner, inside, steps, depth + 1);
      for (size_t i = 0; i < carries.size(); ++i) {
        inside.push_back(arguments[i]);
        yielded.push_back(next_of(inside, carries[i]->type()));
      }
      for (int64_t i = 0; i < emits; ++i)
        if (Value* value = recent(inside); value->rank() < 4) yielded.push_back(value);
      return yielded;
    };
    return results_of(b.scan(length, carries, scanned, body, chance(30)));
  }

  Values loop(Builder& b, const Values& pool, int depth) {
    Values carries = carries_from(pool);
    carries.push_back(recent(pool));
    Value* count = b.constant(Tensor::scalar_int(DType::i64, random_.integer(0, 3)));
    if (chance(30))
      count = b.min(value_of(b, pool, {DType::i64, {}}), b.constant(Tensor::scalar_int(DType::i64, kMostLoopSteps)));
    Value* condition = value_of(b, pool, {DType::boolean, {}});
    const int64_t steps = random_.integer(1, 6);
    const auto body = [&](Builder& inner, const Values& arguments) {
      Values inside = inner_pool(pool, arguments);
      grow(inner, inside, steps, depth + 1);
      Values yielded = {value_of(inner, inside, {DType::boolean, {}})};
      for (size_t i = 0; i < carries.size(); ++i) {
        inside.push_back(arguments[i + 1]);
        yielded.push_back(next_of(inside, carries[i]->type()));
      }
      return yielded;
    };
    return results_of(b.loop(count, condition, carries, body));
  }

  Values branch(Builder& b, const Values& pool, int depth) {
    Value* condition = value_of(b, pool, {DType::boolean, {}});
    const Values wanted = {recent(pool), recent(pool)};
    const auto body = [&](Builder& inner, const Values&) {
      Values inside = inner_pool(pool, {}), yielded;
      grow(inner, inside, random_.integer(0, 5), depth + 1);
      for (Value* value : wanted) {
        inside.push_back(value);
        yielded.push_back(next_of(inside, value->type()));
      }
      return yielded;
    };
    return results_of(b.if_(condition, body, body));
  }
};

}  // namespace

std::unique_ptr<Function> random_graph(uint64_t seed, int steps) { return Generator(seed).run(steps); }

}  // namespace seqc::test
