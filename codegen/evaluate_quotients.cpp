// Products of functions that end in a division, such as a gate of a recurrent cell by what it lets pass: one division
// instead of two, or instead of a division and a multiplication. Divisions are what an epilogue waits for.
#include "codegen/kernel_llvm.h"
#include "codegen/vector_math_llvm.h"

namespace seqc::codegen {

using ir::Opcode;

/// `op` is a product. Null unless it can be one division: where a factor that nothing else reads is a sigmoid, or both are
/// functions of that kind. A tanh alone stays as it is: its numerator times a large factor could overflow.
llvm::Value* Evaluator::product_of_quotients(const ir::Op& op, const Coordinates& at) {
  if (op.result()->dtype() != ir::DType::f32 || !e_.machine.has_fma) return nullptr;
  const ir::Value *a = op.operand(0), *b = op.operand(1);
  const auto is = [&](const ir::Value* factor, Opcode code) {
    return is_defined_inside(factor, frame_.region()) && factor->op()->code() == code && factor->users().size() == 1 &&
           factor->shape() == op.result()->shape();
  };
  const bool both = (is(a, Opcode::Sigmoid) || is(a, Opcode::Tanh)) && (is(b, Opcode::Sigmoid) || is(b, Opcode::Tanh));
  if (!both && !is(a, Opcode::Sigmoid)) std::swap(a, b);
  if (a == b || (!both && !is(a, Opcode::Sigmoid))) return nullptr;
  VectorMath math(e_, e_.machine);
  llvm::Value* numerator = nullptr;  // of what is multiplied so far; null: 1
  llvm::Value* denominator = nullptr;
  const auto multiply = [&](llvm::Value*& product, llvm::Value* factor) {
    product = product ? e_.CreateFMul(product, factor) : factor;
  };
  for (const ir::Value* factor : {a, b}) {
    if (factor == b && !both) {
      multiply(numerator, operand(op, b == op.operand(0) ? 0 : 1, at));
    } else if (factor->op()->code() == Opcode::Sigmoid) {
      multiply(denominator, math.sigmoid_denominator(operand(*factor->op(), 0, at)));
    } else {
      const auto [above, below] = math.tanh_quotient(operand(*factor->op(), 0, at));
      multiply(numerator, above);
      multiply(denominator, below);
    }
  }
  if (!numerator) numerator = llvm::ConstantFP::get(denominator->getType(), 1.0);
  return e_.CreateFDiv(numerator, denominator);
}

}  // namespace seqc::codegen
