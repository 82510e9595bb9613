// Elementwise ops of one operand. f32 functions are computed in f64 and rounded, so that the reference is the correctly
// rounded value in all but a few cases; f16 and bf16 are computed in f32.
#include <cmath>
#include <limits>

#include "ir/interpret_ops.h"

namespace seqc::ir::interp {
namespace {

/// f applied to each element; a bool result makes a bool tensor. f says by its constraints for which types it exists.
template <class T, class F>
Tensor map(Opcode code, const Tensor& a, F f) {
  if constexpr (std::invocable<F, T>) {
    using Result = std::conditional_t<Bool<decltype(f(T{}))>, bool, T>;
    Tensor result(Bool<Result> ? DType::boolean : a.dtype(), a.shape());
    const auto from = a.data<Storage<T>>();
    const auto to = result.mutable_data<Storage<Result>>();
    for (size_t i = 0; i < from.size(); ++i) to[i] = static_cast<Result>(f(static_cast<T>(from[i])));
    return result;
  } else {
    fail(ErrorKind::BadInput, "got {}, expected an element type that {} is defined for", a.type_str(),
         info(code).mnemonic);
  }
}

constexpr auto kNegative = Cases{[](Float auto x) { return -x; }, []<Integer T>(T x) { return wrap<T>(0 - bits(x)); }};
constexpr auto kMagnitude =
    Cases{[](Float auto x) { return std::abs(x); }, []<Integer T>(T x) { return x < 0 ? wrap<T>(0 - bits(x)) : x; }};
constexpr auto kSign = Cases{[]<Float T>(T x) { return std::isnan(x) ? x : static_cast<T>((x > 0) - (x < 0)); },
                             []<Integer T>(T x) { return static_cast<T>((x > 0) - (x < 0)); }};
constexpr auto kInverse = Cases{[](Bool auto x) { return !x; }, []<Integer T>(T x) { return wrap<T>(~bits(x)); }};

template <class T>
Tensor unary_of(Opcode code, const Tensor& a) {
  using D = double;
  switch (code) {
    case Opcode::Neg: return map<T>(code, a, kNegative);
    case Opcode::Abs: return map<T>(code, a, kMagnitude);
    case Opcode::Sign: return map<T>(code, a, kSign);
    case Opcode::Floor: return map<T>(code, a, [](Float auto x) { return std::floor(x); });
    case Opcode::Ceil: return map<T>(code, a, [](Float auto x) { return std::ceil(x); });
    case Opcode::Round: return map<T>(code, a, [](Float auto x) { return std::nearbyint(x); });
    case Opcode::Sqrt: return map<T>(code, a, [](Float auto x) { return std::sqrt(x); });
    case Opcode::Exp: return map<T>(code, a, [](Float auto x) { return std::exp(D{x}); });
    case Opcode::Expm1: return map<T>(code, a, [](Float auto x) { return std::expm1(D{x}); });
    case Opcode::Log: return map<T>(code, a, [](Float auto x) { return std::log(D{x}); });
    case Opcode::Log1p: return map<T>(code, a, [](Float auto x) { return std::log1p(D{x}); });
    case Opcode::Sin: return map<T>(code, a, [](Float auto x) { return std::sin(D{x}); });
    case Opcode::Cos: return map<T>(code, a, [](Float auto x) { return std::cos(D{x}); });
    case Opcode::Tan: return map<T>(code, a, [](Float auto x) { return std::tan(D{x}); });
    case Opcode::Asin: return map<T>(code, a, [](Float auto x) { return std::asin(D{x}); });
    case Opcode::Acos: return map<T>(code, a, [](Float auto x) { return std::acos(D{x}); });
    case Opcode::Atan: return map<T>(code, a, [](Float auto x) { return std::atan(D{x}); });
    case Opcode::Sinh: return map<T>(code, a, [](Float auto x) { return std::sinh(D{x}); });
    case Opcode::Cosh: return map<T>(code, a, [](Float auto x) { return std::cosh(D{x}); });
    case Opcode::Asinh: return map<T>(code, a, [](Float auto x) { return std::asinh(D{x}); });
    case Opcode::Acosh: return map<T>(code, a, [](Float auto x) { return std::acosh(D{x}); });
    case Opcode::Atanh: return map<T>(code, a, [](Float auto x) { return std::atanh(D{x}); });
    case Opcode::Tanh: return map<T>(code, a, [](Float auto x) { return std::tanh(D{x}); });
    case Opcode::Sigmoid: return map<T>(code, a, [](Float auto x) { return 1 / (1 + std::exp(-D{x})); });
    case Opcode::Erf: return map<T>(code, a, [](Float auto x) { return std::erf(D{x}); });
    case Opcode::Not: return map<T>(code, a, kInverse);
    case Opcode::IsNan: return map<T>(code, a, [](Float auto x) { return std::isnan(x); });
    case Opcode::IsInf: return map<T>(code, a, [](Float auto x) { return std::isinf(x); });
    case Opcode::Cast:
    case Opcode::Copy:
      break;  // handled by evaluate: one has an attribute, the other computes nothing
// Ops of other classes, listed from the table: the compiler still names a unary op without a case above.
#define SEQC_NOT_Unary(id)
#define SEQC_NOT_Binary(id) case Opcode::id:
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
  internal_error(__FILE__, __LINE__, "unary", std::string(info(code).mnemonic));
}

/// Float to integer truncates and saturates, NaN gives 0; integers wrap; anything to bool tests != 0.
template <class To, class From>
To convert(From x) {
  if constexpr (Bool<To>) {
    return x != 0;
  } else if constexpr (Float<From> && Integer<To>) {
    using Limits = std::numeric_limits<To>;
    if (std::isnan(x)) return 0;
    if (static_cast<double>(x) <= static_cast<double>(Limits::min())) return Limits::min();
    if (static_cast<double>(x) >= std::ldexp(1.0, Limits::digits)) return Limits::max();
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

template <class From>
Tensor cast_of(const Tensor& a, DType to) {
  Tensor result(to, a.shape());
  const auto from = a.data<Storage<From>>();
  if (to == DType::f16 || to == DType::bf16) {
    const auto out = result.mutable_data<uint16_t>();
    using Middle = std::conditional_t<std::same_as<From, double>, double, float>;
    for (size_t i = 0; i < from.size(); ++i)
      out[i] = to_16_bit_float(to, static_cast<Middle>(static_cast<From>(from[i])));
    return result;
  }
  with_element(to, [&]<class To>() {
    const auto out = result.mutable_data<Storage<To>>();
    for (size_t i = 0; i < from.size(); ++i) out[i] = convert<To>(static_cast<From>(from[i]));
  });
  return result;
}

}  // namespace

Tensor unary(Opcode code, const Tensor& a) {
  const Tensor wide = widened(a);
  return narrowed(with_element(wide.dtype(), [&]<class T>() { return unary_of<T>(code, wide); }), a.dtype());
}

Tensor cast(const Tensor& a, DType to) {
  if (a.dtype() == to) return a;
  const Tensor wide = widened(a);
  return with_element(wide.dtype(), [&]<class T>() { return cast_of<T>(wide, to); });
}

}  // namespace seqc::ir::interp
