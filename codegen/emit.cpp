#include "codegen/emit_llvm.h"
#include "ir/error.h"

namespace seqc::codegen {

using ir::DType;

llvm::Type* memory_type(llvm::LLVMContext& context, DType type) {
  switch (type) {
    case DType::f32: return llvm::Type::getFloatTy(context);
    case DType::f64: return llvm::Type::getDoubleTy(context);
    default: return llvm::Type::getIntNTy(context, static_cast<unsigned>(8 * ir::size_of(type)));
  }
}

llvm::Type* register_type(llvm::LLVMContext& context, DType type) {
  switch (type) {
    case DType::f16:
    case DType::bf16: return llvm::Type::getFloatTy(context);
    case DType::boolean: return llvm::Type::getInt1Ty(context);
    default: return memory_type(context, type);
  }
}

llvm::Type* vector_of(llvm::Type* element, int64_t lanes) {
  return lanes == 1 ? element : llvm::FixedVectorType::get(element, static_cast<unsigned>(lanes));
}

llvm::Value* Emitter::add(llvm::Value* a, llvm::Value* b) {
  if (auto* c = llvm::dyn_cast<llvm::ConstantInt>(a); c && c->isZero()) return b;
  if (auto* c = llvm::dyn_cast<llvm::ConstantInt>(b); c && c->isZero()) return a;
  return CreateNSWAdd(a, b);
}

llvm::Value* Emitter::mul(llvm::Value* a, llvm::Value* b) {
  if (auto* c = llvm::dyn_cast<llvm::ConstantInt>(a); c && c->isOne()) return b;
  if (auto* c = llvm::dyn_cast<llvm::ConstantInt>(b); c && c->isOne()) return a;
  return CreateNSWMul(a, b);
}

llvm::Value* Emitter::floor_div(llvm::Value* a, llvm::Value* b) {
  llvm::Value* quotient = CreateSDiv(a, b);
  llvm::Value* remainder = CreateSub(a, CreateMul(quotient, b));
  llvm::Value* wrong_side = CreateICmpSLT(CreateXor(remainder, b), i64(0));
  llvm::Value* inexact = CreateICmpNE(remainder, i64(0));
  return CreateSub(quotient, CreateZExt(CreateAnd(wrong_side, inexact), getInt64Ty()));
}

llvm::Value* Emitter::dim(const ir::Dim& dim, const Symbols& symbols) {
  if (dim.is_constant()) return i64(dim.constant());
  llvm::Value* sum = i64(0);
  for (const auto& term : dim.terms()) {
    llvm::Value* product = i64(term.coefficient);
    for (const auto& atom : term.atoms) {
      llvm::Value* value = nullptr;
      if (atom->kind == ir::AtomKind::Symbol) {
        const auto it = symbols.find(atom->name);
        SEQC_CHECK(it != symbols.end(), "dim {} is not bound in generated code", atom->name);
        value = it->second;
      } else {
        llvm::Value *a = this->dim(atom->a, symbols), *b = this->dim(atom->b, symbols);
        switch (atom->kind) {
          case ir::AtomKind::Symbol: break;
          case ir::AtomKind::FloorDiv: value = floor_div(a, b); break;
          case ir::AtomKind::Mod: value = CreateSub(a, CreateMul(floor_div(a, b), b)); break;
          case ir::AtomKind::Min: value = CreateBinaryIntrinsic(llvm::Intrinsic::smin, a, b); break;
          case ir::AtomKind::Max: value = CreateBinaryIntrinsic(llvm::Intrinsic::smax, a, b); break;
        }
      }
      product = mul(product, value);
    }
    sum = add(sum, product);
  }
  return sum;
}

llvm::Value* Emitter::select(llvm::Value* condition, llvm::Value* a, llvm::Value* b) {
  if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(condition)) return known->isOne() ? a : b;
  return CreateSelect(condition, a, b);
}

void Emitter::loop(llvm::Value* begin, llvm::Value* end, int64_t step, const std::function<void(llvm::Value*)>& body) {
  loop(begin, end, step, {}, [&](llvm::Value* i, const Carried&) -> Carried {
    body(i);
    return {};
  });
}

Emitter::Carried Emitter::loop(llvm::Value* begin, llvm::Value* end, int64_t step, Carried initial,
                               const std::function<Carried(llvm::Value*, const Carried&)>& body) {
  const auto* first = llvm::dyn_cast<llvm::ConstantInt>(begin);
  const auto* last = llvm::dyn_cast<llvm::ConstantInt>(end);
  if (first && last) {
    const int64_t from = first->getSExtValue(), to = last->getSExtValue();
    if (from >= to) return initial;
    if (from + step >= to) return body(begin, initial);
  }
  llvm::Function* function = GetInsertBlock()->getParent();
  llvm::BasicBlock* before = GetInsertBlock();
  auto* head = llvm::BasicBlock::Create(getContext(), "loop", function);
  auto* after = llvm::BasicBlock::Create(getContext(), "done", function);
  const bool runs = first && last;
  if (runs)
    CreateBr(head);
  else
    CreateCondBr(CreateICmpSLT(begin, end), head, after);
  SetInsertPoint(head);
  auto* index = CreatePHI(getInt64Ty(), 2);
  index->addIncoming(begin, before);
  Carried inside;
  std::vector<llvm::PHINode*> phis;
  for (llvm::Value* value : initial) {
    phis.push_back(CreatePHI(value->getType(), 2));
    phis.back()->addIncoming(value, before);
    inside.push_back(phis.back());
  }
  const Carried next = body(index, inside);
  llvm::BasicBlock* tail = GetInsertBlock();
  llvm::Value* following = CreateNSWAdd(index, i64(step));
  CreateCondBr(CreateICmpSLT(following, end), head, after);
  index->addIncoming(following, tail);
  for (size_t i = 0; i < phis.size(); ++i) phis[i]->addIncoming(next[i], tail);
  SetInsertPoint(after);
  Carried results;
  for (size_t i = 0; i < phis.size(); ++i) {
    if (runs) {
      results.push_back(next[i]);
      continue;
    }
    auto* result = CreatePHI(initial[i]->getType(), 2);
    result->addIncoming(initial[i], before);
    result->addIncoming(next[i], tail);
    results.push_back(result);
  }
  return results;
}

void Emitter::when(llvm::Value* condition, const std::function<void()>& body) {
  if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(condition)) {
    if (!known->isZero()) body();
    return;
  }
  llvm::Function* function = GetInsertBlock()->getParent();
  auto* then = llvm::BasicBlock::Create(getContext(), "then", function);
  auto* after = llvm::BasicBlock::Create(getContext(), "after", function);
  CreateCondBr(condition, then, after);
  SetInsertPoint(then);
  body();
  CreateBr(after);
  SetInsertPoint(after);
}

namespace {

/// The type with the same lanes as `like`.
llvm::Type* with_lanes_of(llvm::Type* element, llvm::Value* like) {
  auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(like->getType());
  return vector ? llvm::FixedVectorType::get(element, vector->getNumElements()) : element;
}

/// f16 bits to f32 without hardware support: exponents are rebased by a multiplication, infinities and NaNs repaired.
llvm::Value* half_to_float(Emitter& e, llvm::Value* bits) {
  llvm::Type *word = with_lanes_of(e.getInt32Ty(), bits), *real = with_lanes_of(e.getFloatTy(), bits);
  const auto constant = [&](uint64_t value) { return llvm::ConstantInt::get(word, value); };
  llvm::Value* wide = e.CreateZExt(bits, word);
  llvm::Value* magnitude = e.CreateShl(e.CreateAnd(wide, constant(0x7fff)), constant(13));
  llvm::Value* scale = e.CreateBitCast(constant(0x77800000), real);  // 2^112
  llvm::Value* rebased = e.CreateBitCast(e.CreateFMul(e.CreateBitCast(magnitude, real), scale), word);
  llvm::Value* special = e.CreateICmpUGE(magnitude, constant(0x0f800000));
  llvm::Value* repaired = e.CreateSelect(special, e.CreateOr(magnitude, constant(0x7f800000)), rebased);
  llvm::Value* sign = e.CreateShl(e.CreateAnd(wide, constant(0x8000)), constant(16));
  return e.CreateBitCast(e.CreateOr(repaired, sign), real);
}

/// f32 to f16 bits, nearest even, without hardware support. Normal results are rounded in the integer domain, subnormal
/// ones by adding 0.5, whose ulp is the smallest f16.
llvm::Value* float_to_half(Emitter& e, llvm::Value* value) {
  llvm::Type *word = with_lanes_of(e.getInt32Ty(), value), *real = with_lanes_of(e.getFloatTy(), value);
  const auto constant = [&](uint64_t v) { return llvm::ConstantInt::get(word, v); };
  llvm::Value* bits = e.CreateBitCast(value, word);
  llvm::Value* sign = e.CreateLShr(e.CreateAnd(bits, constant(0x80000000)), constant(16));
  llvm::Value* magnitude = e.CreateAnd(bits, constant(0x7fffffff));
  llvm::Value* odd = e.CreateAnd(e.CreateLShr(magnitude, constant(13)), constant(1));
  llvm::Value* normal = e.CreateLShr(e.CreateAdd(e.CreateAdd(magnitude, constant(0xc8000fff)), odd), constant(13));
  llvm::Value* half = llvm::ConstantFP::get(real, 0.5);
  llvm::Value* small = e.CreateSub(e.CreateBitCast(e.CreateFAdd(e.CreateBitCast(magnitude, real), half), word),
                                   e.CreateBitCast(half, word));
  llvm::Value* result = e.CreateSelect(e.CreateICmpULT(magnitude, constant(0x38800000)), small, normal);
  result = e.CreateSelect(e.CreateICmpUGE(magnitude, constant(0x477ff000)), constant(0x7c00), result);
  result = e.CreateSelect(e.CreateICmpUGT(magnitude, constant(0x7f800000)), constant(0x7e00), result);
  return e.CreateTrunc(e.CreateOr(result, sign), with_lanes_of(e.getInt16Ty(), value));
}

llvm::Value* bfloat_to_float(Emitter& e, llvm::Value* bits) {
  llvm::Type* word = with_lanes_of(e.getInt32Ty(), bits);
  return e.CreateBitCast(e.CreateShl(e.CreateZExt(bits, word), llvm::ConstantInt::get(word, 16)),
                         with_lanes_of(e.getFloatTy(), bits));
}

llvm::Value* float_to_bfloat(Emitter& e, llvm::Value* value) {
  llvm::Type* word = with_lanes_of(e.getInt32Ty(), value);
  const auto constant = [&](uint64_t v) { return llvm::ConstantInt::get(word, v); };
  llvm::Value* bits = e.CreateBitCast(value, word);
  llvm::Value* odd = e.CreateAnd(e.CreateLShr(bits, constant(16)), constant(1));
  llvm::Value* rounded = e.CreateAdd(e.CreateAdd(bits, constant(0x7fff)), odd);
  llvm::Value* result = e.CreateSelect(e.CreateFCmpUNO(value, value), e.CreateOr(bits, constant(0x400000)), rounded);
  return e.CreateTrunc(e.CreateLShr(result, constant(16)), with_lanes_of(e.getInt16Ty(), value));
}

}  // namespace

llvm::Value* Emitter::from_memory(llvm::Value* value, DType type) {
  switch (type) {
    case DType::f16:
      if (!machine.has_f16) return half_to_float(*this, value);
      return CreateFPExt(CreateBitCast(value, with_lanes_of(getHalfTy(), value)), with_lanes_of(getFloatTy(), value));
    case DType::bf16: return bfloat_to_float(*this, value);
    case DType::boolean: return CreateICmpNE(value, llvm::Constant::getNullValue(value->getType()));
    default: return value;
  }
}

llvm::Value* Emitter::to_memory(llvm::Value* value, DType type) {
  switch (type) {
    case DType::f16:
      if (!machine.has_f16) return float_to_half(*this, value);
      return CreateBitCast(CreateFPTrunc(value, with_lanes_of(getHalfTy(), value)), with_lanes_of(getInt16Ty(), value));
    case DType::bf16: return float_to_bfloat(*this, value);
    case DType::boolean: return CreateZExt(value, with_lanes_of(getInt8Ty(), value));
    default: return value;
  }
}

llvm::Value* Emitter::lane_numbers(int64_t lanes) {
  if (lanes == 1) return i64(0);
  std::vector<llvm::Constant*> numbers;
  for (int64_t i = 0; i < lanes; ++i) numbers.push_back(getInt64(static_cast<uint64_t>(i)));
  return llvm::ConstantVector::get(numbers);
}

llvm::Value* Emitter::element_address(llvm::Value* base, DType type, llvm::Value* elements) {
  return CreateInBoundsGEP(memory_type(getContext(), type), base, elements);
}

}  // namespace seqc::codegen
