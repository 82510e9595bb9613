// Elementwise ops. Types narrower than those that runtimes compute with are computed wide and cut back, which gives the
// same bits.
#include <array>

#include "frontend/onnx/export_graph_pb.h"

namespace seqc::frontend {

DType wide_type(DType type) {
  switch (type) {
    case DType::i8:
    case DType::i16:
    case DType::u8:
    case DType::u16:
    case DType::boolean: return DType::i32;
    case DType::u32: return DType::i64;
    case DType::bf16: return DType::f32;
    default: return type;
  }
}

namespace {

/// Ops that ONNX has under another name with the same meaning for floats; empty for all others.
std::string_view same_for_floats(Opcode code) {
  switch (code) {
    case Opcode::Neg: return "Neg";
    case Opcode::Abs: return "Abs";
    case Opcode::Sign: return "Sign";
    case Opcode::Floor: return "Floor";
    case Opcode::Ceil: return "Ceil";
    case Opcode::Round: return "Round";
    case Opcode::Sqrt: return "Sqrt";
    case Opcode::Exp: return "Exp";
    case Opcode::Log: return "Log";
    case Opcode::Sin: return "Sin";
    case Opcode::Cos: return "Cos";
    case Opcode::Tan: return "Tan";
    case Opcode::Asin: return "Asin";
    case Opcode::Acos: return "Acos";
    case Opcode::Atan: return "Atan";
    case Opcode::Sinh: return "Sinh";
    case Opcode::Cosh: return "Cosh";
    case Opcode::Asinh: return "Asinh";
    case Opcode::Acosh: return "Acosh";
    case Opcode::Atanh: return "Atanh";
    case Opcode::Tanh: return "Tanh";
    case Opcode::Sigmoid: return "Sigmoid";
    case Opcode::Erf: return "Erf";
    case Opcode::IsNan: return "IsNaN";
    case Opcode::Add: return "Add";
    case Opcode::Sub: return "Sub";
    case Opcode::Mul: return "Mul";
    case Opcode::Div: return "Div";
    case Opcode::Pow: return "Pow";
    case Opcode::Min: return "Min";
    case Opcode::Max: return "Max";
    case Opcode::Eq: return "Equal";
    case Opcode::Lt: return "Less";
    case Opcode::Le: return "LessOrEqual";
    case Opcode::Gt: return "Greater";
    case Opcode::Ge: return "GreaterOrEqual";
    default: return "";
  }
}

class Elementwise {
 public:
  Elementwise(GraphWriter& g, const Op& op) : g_(g), op_(op), type_(op.operands().back()->dtype()), work_(type_) {
    for (const Value* operand : op.operands()) x_.push_back(g.name(operand));
    if (type_ == DType::bf16 && op.code() != Opcode::Cast && op.code() != Opcode::Copy && op.code() != Opcode::Select)
      widen();
  }

  void write() {
    switch (op_.code()) {
      case Opcode::Cast: return cast();
      case Opcode::Copy: return g_.define(op_.result(), "Identity", x_);
      case Opcode::Select: return select();
      case Opcode::Expm1: return define_narrow(expm1(x_[0]));
      case Opcode::Log1p: return define_narrow(log1p(x_[0]));
      case Opcode::IsInf: return is_inf();
      case Opcode::Fma: return fma();
      case Opcode::Not: return negate();
      case Opcode::And: return bits("And", "BitwiseAnd");
      case Opcode::Or: return bits("Or", "BitwiseOr");
      case Opcode::Xor: return bits("Xor", "BitwiseXor");
      case Opcode::Shl:
      case Opcode::Shr: return shift();
      case Opcode::Rem:
      case Opcode::Mod: return remainder();
      case Opcode::Ne: {
        widen();
        return g_.define(op_.result(), "Not", {make("Equal", x_)});
      }
      case Opcode::Neg:
        if (ir::is_float(type_)) break;
        widen();
        return define_narrow("Sub", {number(0), x_[0]});
      case Opcode::Div:
        if (ir::is_float(type_)) break;
        widen();
        return divide("Div");
      default: break;
    }
    const std::string_view name = same_for_floats(op_.code());
    SEQC_CHECK(!name.empty(), "export: no operator for {}", op_.info().mnemonic);
    if (!ir::is_float(type_)) widen();
    define_narrow(name, x_);
  }

 private:
  Name make(std::string_view name, const Names& inputs, const Attributes& attributes = {}) {
    return g_.node(name, inputs, attributes);
  }
  Name number(double value) { return g_.scalar(work_, value); }

  /// Operands in a type that runtimes compute with; equality of bools needs none.
  void widen() {
    if (type_ == DType::boolean && op_.code() == Opcode::Eq) return;
    if (type_ == DType::boolean && op_.code() == Opcode::Ne) return;
    work_ = wide_type(type_);
    for (Name& x : x_) x = g_.cast(x, type_, work_);
  }
  /// The result of the op in its own type, from one in the type that was computed with.
  void define_narrow(std::string_view name, const Names& inputs, const Attributes& attributes = {}) {
    if (work_ == op_.result()->dtype() || op_.result()->dtype() == DType::boolean)
      return g_.define(op_.result(), name, inputs, attributes);
    define_narrow(make(name, inputs, attributes));
  }
  void define_narrow(const Name& wide) { g_.define_as(op_.result(), g_.cast(wide, work_, op_.result()->dtype())); }

  /// Ours saturates, which quantising relies on; ONNX leaves open what a float beyond an integer's range becomes. For
  /// types that f32 holds, the bounds are written out; beyond 16 bits it is left to the runtime.
  void cast() {
    const DType to = op_.as<ir::CastAttr>().to;
    Name x = x_[0];
    if (ir::is_float(type_) && ir::is_integer(to) && ir::size_of(to) <= 2) {
      if (type_ == DType::f16 || type_ == DType::bf16) {
        x = g_.cast(x, type_, DType::f32);
        work_ = DType::f32;
      }
      const double most = static_cast<double>((uint64_t{1} << (8 * ir::size_of(to))) - 1);
      const double least = ir::is_signed_integer(to) ? -(most + 1) / 2 : 0;
      x = make("Min", {make("Max", {x, number(least)}), number(least + most)});
      x = g_.cast(x, work_, DType::i32);  // from which other runtimes convert alike
      return g_.define_as(op_.result(), g_.cast(x, DType::i32, to));
    }
    g_.define_as(op_.result(), g_.cast(x, type_, to));
  }

  void select() {
    if (type_ == DType::boolean) {
      const Name yes = make("And", {x_[0], x_[1]});
      return g_.define(op_.result(), "Or", {yes, make("And", {make("Not", {x_[0]}), x_[2]})});
    }
    if (type_ != DType::u8) work_ = type_ == DType::u64 ? DType::i64 : wide_type(type_);
    for (size_t i = 1; i < 3; ++i) x_[i] = g_.cast(x_[i], type_, work_);
    define_narrow("Where", x_);
  }

  // e^x - 1 = 2t / (1 - t) with t = tanh(x/2), without cancellation near 0.
  Name expm1(const Name& x) {
    const Name t = make("Tanh", {make("Mul", {x, number(0.5)})});
    const Name near = make("Div", {make("Add", {t, t}), make("Sub", {number(1), t})});
    const Name is_near = make("Less", {make("Abs", {x}), number(1)});
    return make("Where", {is_near, near, make("Sub", {make("Exp", {x}), number(1)})});
  }

  // log(w) * x / (w - 1) with w = 1 + x as rounded: both factors err by the same amount (Kahan). x itself where w is 1.
  Name log1p(const Name& x) {
    const Name w = make("Add", {x, number(1)}), log = make("Log", {w});
    const Name rounded = make("Sub", {w, number(1)});
    const Name is_small = make("Equal", {rounded, number(0)});
    const Name safe = make("Where", {is_small, number(1), rounded});
    const Name near = make("Where", {is_small, x, make("Mul", {log, make("Div", {x, safe})})});
    return make("Where", {make("Less", {make("Abs", {x}), number(1)}), near, log});
  }

  void is_inf() {
    const Name x = type_ == DType::f16 ? g_.cast(x_[0], type_, DType::f32) : x_[0];
    g_.define(op_.result(), "IsInf", {x});
  }

  // f32: exact in f64 up to the last rounding.
  void fma() {
    const DType wide = type_ == DType::f16 ? DType::f32 : DType::f64;
    for (Name& x : x_) x = g_.cast(x, work_, wide);
    const Name sum = make("Add", {make("Mul", {x_[0], x_[1]}), x_[2]});
    g_.define_as(op_.result(), g_.cast(sum, wide, type_));
  }

  // Of integers -1 - a, which wraps to the complement in unsigned types too.
  void negate() {
    if (type_ == DType::boolean) return g_.define(op_.result(), "Not", x_);
    work_ = type_ == DType::u64 ? DType::i64 : wide_type(type_);
    const Name x = g_.cast(x_[0], type_, work_);
    define_narrow("Sub", {number(-1), x});
  }

  void bits(std::string_view of_bools, std::string_view of_integers) {
    if (type_ == DType::boolean) return g_.define(op_.result(), of_bools, x_);
    if (g_.opset() < 18)
      g_.unsupported(fmt::format("bits of {} need {}, which opset {} lacks", ir::name(type_), of_integers, g_.opset()),
                     "export with opset 18 or later (--opset 18)");
    g_.define(op_.result(), of_integers, x_);
  }

  // BitShift knows u32 and u64 everywhere, and amounts below the width.
  void shift() {
    const bool right = op_.code() == Opcode::Shr;
    const int64_t width = 8 * static_cast<int64_t>(ir::size_of(type_));
    const DType bare = width == 64 ? DType::u64 : DType::u32;
    const Attribute direction("direction", std::string_view(right ? "RIGHT" : "LEFT"));
    const auto amount = [&](int64_t most) {
      const Name limit = g_.scalar(DType::i64, static_cast<double>(most));
      return make("Min", {g_.cast(x_[1], type_, DType::i64), limit});
    };
    const auto moved = [&](const Name& a, const Name& b) {
      return make("BitShift", {a, g_.cast(b, DType::i64, bare)}, {direction});
    };
    if (right && ir::is_signed_integer(type_)) {
      // Arithmetic: complement, shift, complement where a is negative.
      work_ = wide_type(type_);
      const Name a = g_.cast(x_[0], type_, work_), negative = make("Less", {a, number(0)});
      const Name bits = make("Where", {negative, make("Sub", {number(-1), a}), a});
      const Name down = g_.cast(moved(g_.cast(bits, work_, bare), amount(width - 1)), bare, work_);
      return define_narrow("Where", {negative, make("Sub", {number(-1), down}), down});
    }
    // Twice, as an amount of the whole width is none of BitShift's.
    const Name b = amount(width), last = make("Min", {b, g_.scalar(DType::i64, 1)});
    const Name once = moved(g_.cast(x_[0], type_, bare), make("Sub", {b, last}));
    g_.define_as(op_.result(), g_.cast(moved(once, last), bare, type_));
  }

  /// True for a constant without a zero.
  static bool never_zero(const Value* value) {
    if (!value->is_constant()) return false;
    for (int64_t i = 0; i < value->constant().count(); ++i)
      if (value->constant().integer(i) == 0) return false;
    return true;
  }

  /// An integer operator with 0 where the divisor is 0, which may stop other runtimes.
  void divide(std::string_view name, const Attributes& attributes = {}) {
    if (never_zero(op_.operand(1))) return define_narrow(name, x_, attributes);
    const Name none = make("Equal", {x_[1], number(0)});
    const bool wide = work_ == DType::u64;  // Where is not for u64 everywhere
    const Name safe = wide ? make("Max", {x_[1], number(1)}) : make("Where", {none, number(1), x_[1]});
    const Name result = make(name, {x_[0], safe}, attributes);
    if (!wide) return define_narrow("Where", {none, number(0), result});
    const Name zero = g_.scalar(DType::i64, 0);
    define_narrow(g_.cast(make("Where", {none, zero, g_.cast(result, work_, DType::i64)}), DType::i64, work_));
  }

  void remainder() {
    const bool of_first = op_.code() == Opcode::Rem;  // has the first operand's sign, as C's fmod
    if (ir::is_float(type_)) {
      if (of_first) return define_narrow("Mod", x_, {{"fmod", 1}});
      const Name r = make("Mod", x_, {{"fmod", 1}}), zero = number(0);
      const Name signs = make("Less", {make("Mul", {make("Sign", {r}), make("Sign", {x_[1]})}), zero});
      return define_narrow("Where", {signs, make("Add", {r, x_[1]}), r});
    }
    widen();
    if (of_first) return divide("Mod", {{"fmod", 1}});
    divide("Mod");
  }

  GraphWriter& g_;
  const Op& op_;
  DType type_, work_;
  Names x_;
};

}  // namespace

void export_elementwise(GraphWriter& g, const Op& op) { Elementwise(g, op).write(); }

}  // namespace seqc::frontend
