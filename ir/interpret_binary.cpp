// Elementwise ops of two and three operands: broadcast to one shape, then one plain loop.
#include <cmath>

#include "ir/interpret_ops.h"
#include "ir/interpret_scalar.h"

namespace seqc::ir::interp {
namespace {

// clang-format off
constexpr auto kSubtract = Cases{[]<Float T>(T a, T b) { return a - b; },
                                 []<Integer T>(T a, T b) { return wrap<T>(bits(a) - bits(b)); }};

constexpr auto kDivide = Cases{[]<Float T>(T a, T b) { return a / b; },
                               []<Integer T>(T a, T b) {
                                 if (b == 0) return T{0};
                                 if (std::is_signed_v<T> && bits(b) == ~uint64_t{0}) return wrap<T>(0 - bits(a));
                                 return static_cast<T>(a / b);
                               }};

/// C's % and fmod: the sign of a.
constexpr auto kRemainder = Cases{[]<Float T>(T a, T b) { return std::fmod(a, b); },
                                  []<Integer T>(T a, T b) {
                                    if (b == 0 || (std::is_signed_v<T> && bits(b) == ~uint64_t{0})) return T{0};
                                    return static_cast<T>(a % b);
                                  }};

/// Python's %: the sign of b, also of a zero result.
constexpr auto kModulo = Cases{[]<Float T>(T a, T b) {
                                 const T r = std::fmod(a, b);
                                 if (r == 0) return std::copysign(r, b);
                                 return (r < 0) != (b < 0) ? r + b : r;
                               },
                               []<Integer T>(T a, T b) {
                                 const T r = kRemainder(a, b);
                                 return r != 0 && (r < 0) != (b < 0) ? wrap<T>(bits(r) + bits(b)) : r;
                               }};

constexpr auto kPower = Cases{[]<Float T>(T a, T b) { return static_cast<T>(std::pow(double{a}, double{b})); },
                              []<Integer T>(T a, T b) {
                                if (b < 0) {  // 1 / a^-b, truncated
                                  if (a == 1) return T{1};
                                  const bool minus_one = bits(a) == ~uint64_t{0};
                                  return minus_one ? ((b & 1) != 0 ? a : T{1}) : T{0};
                                }
                                uint64_t result = 1, square = bits(a);
                                for (uint64_t e = bits(b); e != 0; e >>= 1, square *= square)
                                  if ((e & 1) != 0) result *= square;
                                return wrap<T>(result);
                              }};

constexpr auto kAnd = Cases{[]<Bool T>(T a, T b) { return a && b; }, []<Integer T>(T a, T b) { return static_cast<T>(a & b); }};
constexpr auto kOr = Cases{[]<Bool T>(T a, T b) { return a || b; }, []<Integer T>(T a, T b) { return static_cast<T>(a | b); }};
constexpr auto kXor = Cases{[]<Bool T>(T a, T b) { return a != b; }, []<Integer T>(T a, T b) { return static_cast<T>(a ^ b); }};

/// Shift counts are read as unsigned numbers, so negative ones are large.
template <Integer T>
constexpr uint64_t kBits = 8 * sizeof(T);
constexpr auto kShiftLeft = []<Integer T>(T a, T b) {
  return bits(b) >= kBits<T> ? T{0} : wrap<T>(bits(a) << bits(b));
};
constexpr auto kShiftRight = []<Integer T>(T a, T b) {
  if (bits(b) >= kBits<T>) return a < 0 ? wrap<T>(~uint64_t{0}) : T{0};
  return static_cast<T>(a >> bits(b));  // of negative numbers: arithmetic since C++20
};
// clang-format on

/// f applied to each pair; operands have the result's shape or one element.
template <class T, class F>
Tensor map(Opcode code, const Sizes& shape, const Tensor& a, const Tensor& b, F f) {
  if constexpr (std::invocable<F, T, T>) {
    using Result = std::conditional_t<Bool<decltype(f(T{}, T{}))>, bool, T>;
    Tensor result(Bool<Result> ? DType::boolean : a.dtype(), shape);
    const auto x = a.data<Storage<T>>();
    const auto y = b.data<Storage<T>>();
    const auto to = result.mutable_data<Storage<Result>>();
    const size_t x_step = x.size() != 1, y_step = y.size() != 1;
    for (size_t i = 0; i < to.size(); ++i)
      to[i] = static_cast<Result>(f(static_cast<T>(x[i * x_step]), static_cast<T>(y[i * y_step])));
    return result;
  } else {
    fail(ErrorKind::BadInput, "got {}, expected an element type that {} is defined for", a.type_str(),
         info(code).mnemonic);
  }
}

template <class T>
Tensor binary_of(Opcode code, const Sizes& s, const Tensor& a, const Tensor& b) {
  switch (code) {
    case Opcode::Add: return map<T>(code, s, a, b, kAdd);
    case Opcode::Sub: return map<T>(code, s, a, b, kSubtract);
    case Opcode::Mul: return map<T>(code, s, a, b, kMultiply);
    case Opcode::Div: return map<T>(code, s, a, b, kDivide);
    case Opcode::Pow: return map<T>(code, s, a, b, kPower);
    case Opcode::Min: return map<T>(code, s, a, b, kMinimum);
    case Opcode::Max: return map<T>(code, s, a, b, kMaximum);
    case Opcode::Rem: return map<T>(code, s, a, b, kRemainder);
    case Opcode::Mod: return map<T>(code, s, a, b, kModulo);
    case Opcode::And: return map<T>(code, s, a, b, kAnd);
    case Opcode::Or: return map<T>(code, s, a, b, kOr);
    case Opcode::Xor: return map<T>(code, s, a, b, kXor);
    case Opcode::Shl: return map<T>(code, s, a, b, kShiftLeft);
    case Opcode::Shr: return map<T>(code, s, a, b, kShiftRight);
    case Opcode::Eq: return map<T>(code, s, a, b, [](auto x, auto y) { return x == y; });
    case Opcode::Ne: return map<T>(code, s, a, b, [](auto x, auto y) { return x != y; });
    case Opcode::Lt: return map<T>(code, s, a, b, [](auto x, auto y) { return x < y; });
    case Opcode::Le: return map<T>(code, s, a, b, [](auto x, auto y) { return x <= y; });
    case Opcode::Gt: return map<T>(code, s, a, b, [](auto x, auto y) { return x > y; });
    case Opcode::Ge:
      return map<T>(code, s, a, b, [](auto x, auto y) { return x >= y; });
// Ops of other classes, listed from the table: the compiler still names a binary op without a case above.
#define SEQC_NOT_Unary(id) case Opcode::id:
#define SEQC_NOT_Binary(id)
#define SEQC_NOT_Ternary(id) case Opcode::id:
#define SEQC_NOT_Leaf(id) case Opcode::id:
#define SEQC_NOT_Move(id) case Opcode::id:
#define SEQC_NOT_Reduce(id) case Opcode::id:
#define SEQC_NOT_Control(id) case Opcode::id:
#define SEQC_OP(id, mnemonic, cls, ...) SEQC_NOT_##cls(id)
#include "ir/ops.def"
#undef SEQC_OP
      break;
  }
  internal_error(__FILE__, __LINE__, "binary", std::string(info(code).mnemonic));
}

/// x itself when it has one element, else broadcast to `shape`.
Tensor expanded(const Tensor& x, const Sizes& shape) { return x.count() == 1 ? x : broadcast_to(x, shape); }

void expect_dtype(const Tensor& x, DType type) {
  if (x.dtype() != type) fail(ErrorKind::BadInput, "got {}, expected elements of type {}", x.type_str(), name(type));
}

Tensor select(const Sizes& shape, const Tensor& condition, const Tensor& a, const Tensor& b) {
  expect_dtype(condition, DType::boolean);
  Tensor result(a.dtype(), shape);
  const size_t c_step = condition.count() != 1, a_step = a.count() != 1, b_step = b.count() != 1;
  with_width(a.dtype(), [&]<class U>() {
    const auto c = condition.data<uint8_t>();
    const auto x = a.data<U>();
    const auto y = b.data<U>();
    const auto to = result.mutable_data<U>();
    for (size_t i = 0; i < to.size(); ++i) to[i] = c[i * c_step] != 0 ? x[i * a_step] : y[i * b_step];
  });
  return result;
}

template <class T>
Tensor multiply_add(const Sizes& shape, const Tensor& a, const Tensor& b, const Tensor& c) {
  if constexpr (Float<T>) {
    Tensor result(a.dtype(), shape);
    const auto x = a.data<T>();
    const auto y = b.data<T>();
    const auto z = c.data<T>();
    const auto to = result.mutable_data<T>();
    const size_t x_step = x.size() != 1, y_step = y.size() != 1, z_step = z.size() != 1;
    for (size_t i = 0; i < to.size(); ++i) to[i] = kMultiplyAdd(x[i * x_step], y[i * y_step], z[i * z_step]);
    return result;
  } else {
    fail(ErrorKind::BadInput, "got {}, expected floats", a.type_str());
  }
}

}  // namespace

Tensor binary(Opcode code, const Tensor& a, const Tensor& b) {
  expect_dtype(b, a.dtype());
  const Sizes shape = broadcast_sizes(a.shape(), b.shape());
  const Tensor x = widened(expanded(a, shape)), y = widened(expanded(b, shape));
  return narrowed(with_element(x.dtype(), [&]<class T>() { return binary_of<T>(code, shape, x, y); }), a.dtype());
}

Tensor ternary(Opcode code, const Tensor& a, const Tensor& b, const Tensor& c) {
  expect_dtype(c, b.dtype());
  const Sizes shape = broadcast_sizes(broadcast_sizes(a.shape(), b.shape()), c.shape());
  const Tensor x = expanded(a, shape), y = expanded(b, shape), z = expanded(c, shape);
  switch (code) {
    case Opcode::Select: return select(shape, x, y, z);
    case Opcode::Fma: {
      expect_dtype(b, a.dtype());
      const Tensor fx = widened(x), fy = widened(y), fz = widened(z);
      return narrowed(with_element(fx.dtype(), [&]<class T>() { return multiply_add<T>(shape, fx, fy, fz); }),
                      a.dtype());
    }
#undef SEQC_NOT_Binary
#undef SEQC_NOT_Ternary
#define SEQC_NOT_Binary(id) case Opcode::id:
#define SEQC_NOT_Ternary(id)
#define SEQC_OP(id, mnemonic, cls, ...) SEQC_NOT_##cls(id)
#include "ir/ops.def"
#undef SEQC_OP
    break;
  }
  internal_error(__FILE__, __LINE__, "ternary", std::string(info(code).mnemonic));
}

}  // namespace seqc::ir::interp
