// Which ops have a derivative, and where its rule is. Without a `default`, so that a new op must be given one or a reason.
#include "passes/derivative_rules.h"

#include "ir/error.h"

namespace seqc::passes {

using namespace ir;

std::string_view why_no_derivative(Opcode code) {
  switch (code) {
    case Opcode::Neg:
    case Opcode::Abs:
    case Opcode::Sqrt:
    case Opcode::Exp:
    case Opcode::Expm1:
    case Opcode::Log:
    case Opcode::Log1p:
    case Opcode::Sin:
    case Opcode::Cos:
    case Opcode::Tan:
    case Opcode::Asin:
    case Opcode::Acos:
    case Opcode::Atan:
    case Opcode::Sinh:
    case Opcode::Cosh:
    case Opcode::Asinh:
    case Opcode::Acosh:
    case Opcode::Atanh:
    case Opcode::Tanh:
    case Opcode::Sigmoid:
    case Opcode::Erf:
    case Opcode::Cast:
    case Opcode::Copy:
    case Opcode::Add:
    case Opcode::Sub:
    case Opcode::Mul:
    case Opcode::Div:
    case Opcode::Pow:
    case Opcode::Min:
    case Opcode::Max:
    case Opcode::Rem:
    case Opcode::Mod:
    case Opcode::Select:
    case Opcode::Fma:
    case Opcode::Reshape:
    case Opcode::Broadcast:
    case Opcode::Transpose:
    case Opcode::Slice:
    case Opcode::Concat:
    case Opcode::Pad:
    case Opcode::Gather:
    case Opcode::GatherElements:
    case Opcode::GatherNd:
    case Opcode::ScatterNd:
    case Opcode::Reduce:
    case Opcode::Contract:
    case Opcode::Conv:
    case Opcode::ReduceWindow:
    case Opcode::Scan:
    case Opcode::Loop:
    case Opcode::If: return "";
    case Opcode::Sign:
    case Opcode::Floor:
    case Opcode::Ceil:
    case Opcode::Round: return "is constant between its jumps";
    case Opcode::Not:
    case Opcode::IsNan:
    case Opcode::IsInf:
    case Opcode::And:
    case Opcode::Or:
    case Opcode::Xor:
    case Opcode::Shl:
    case Opcode::Shr:
    case Opcode::Eq:
    case Opcode::Ne:
    case Opcode::Lt:
    case Opcode::Le:
    case Opcode::Gt:
    case Opcode::Ge: return "gives bools or bits";
    case Opcode::Positions:
    case Opcode::ArgSort:
    case Opcode::BindDim: return "gives integers";
    case Opcode::Iota:
    case Opcode::Dims: return "reads nothing";
    case Opcode::Yield:
    case Opcode::Return: return "gives nothing";
    case Opcode::Gradient: return "is written out before what reads it";
    case Opcode::Pack:
    case Opcode::Kernel: return "is made after differentiate";
  }
  internal_error(__FILE__, __LINE__, "opcode", "unknown op");
}

std::vector<Value*> derivative(Builder& b, const Op& op, const std::vector<Value*>& adjoints,
                               const std::vector<bool>& wanted) {
  if (!why_no_derivative(op.code()).empty()) {
    SEQC_CHECK(op.code() != Opcode::Pack && op.code() != Opcode::Kernel && op.code() != Opcode::Gradient, "{} {}",
               op.info().mnemonic, why_no_derivative(op.code()));
    return std::vector<Value*>(op.operands().size(), nullptr);
  }
  switch (op.info().op_class) {
    case OpClass::Unary:
    case OpClass::Binary:
    case OpClass::Ternary: return elementwise_derivative(b, op, adjoints[0]);
    case OpClass::Move: return movement_derivative(b, op, adjoints[0]);
    default: break;
  }
  switch (op.code()) {
    case Opcode::Reduce: return reduce_derivative(b, op, adjoints[0]);
    case Opcode::Contract: return contract_derivative(b, op, adjoints, wanted);
    case Opcode::Conv: return conv_derivative(b, op, adjoints[0], wanted);
    case Opcode::ReduceWindow: return window_derivative(b, op, adjoints[0]);
    default: break;
  }
  internal_error(__FILE__, __LINE__, "derivative", std::string(op.info().mnemonic));
}

}  // namespace seqc::passes
