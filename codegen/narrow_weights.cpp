// Weights of a contraction on their way from memory into registers, converted to the type that is multiplied.
//
// f16 takes one conversion a vector (F16C, AVX-512), i8 a sign extension and a conversion. Elements of bf16 are the upper
// halves of f32: with those of two consecutive k side by side, one load of 32-bit words gives two vectors, the first by a
// shift and the second by a mask, without any shuffle. Bytes times bytes are summed four at a time (VNNI), or by pairs.
#include <llvm/IR/IntrinsicsX86.h>

#include "codegen/kernel_llvm.h"

namespace seqc::codegen {
namespace {

/// Words of 32 bits hold the elements of a lane for a group of k; the ones for number k, as they stand in memory.
llvm::Value* part_of_words(Emitter& e, llvm::Value* words, ir::DType stored, llvm::Value* k, int64_t lanes) {
  const auto bits = static_cast<uint32_t>(8 * ir::size_of(stored));
  llvm::Value* shift = e.CreateMul(e.CreateTrunc(k, e.getInt32Ty()), e.getInt32(bits));
  return e.CreateTrunc(e.CreateLShr(words, e.splat(shift, lanes)), vector_of(e.getIntNTy(bits), lanes));
}

llvm::Align alignment(const WeightTypes& types, int64_t lanes) {
  if (types.in_place) return llvm::Align(ir::size_of(types.stored));
  return llvm::Align(std::min<size_t>(64, static_cast<size_t>(lanes * types.group) * ir::size_of(types.stored)));
}

}  // namespace

llvm::Value* load_weight_words(Emitter& e, llvm::Value* line, const WeightTypes& types, int64_t vector, int64_t lanes) {
  llvm::Value* at = e.element_address(line, types.stored, e.i64(vector * lanes * types.group));
  return e.CreateAlignedLoad(vector_of(e.getInt32Ty(), lanes), at, alignment(types, lanes));
}

llvm::Value* load_weights(Emitter& e, llvm::Value* line, const WeightTypes& types, int64_t vector, int64_t lanes,
                          llvm::Value* k) {
  llvm::Value* weights;
  if (types.group == 1) {
    llvm::Value* at = e.element_address(line, types.stored, e.i64(vector * lanes));
    llvm::Type* stored = vector_of(memory_type(e.getContext(), types.stored), lanes);
    weights = e.CreateAlignedLoad(stored, at, alignment(types, lanes));
  } else {
    weights = part_of_words(e, load_weight_words(e, line, types, vector, lanes), types.stored, k, lanes);
  }
  return convert_element(e, e.from_memory(weights, types.stored), types.stored, types.multiplied);
}

llvm::Value* convert_element(Emitter& e, llvm::Value* value, ir::DType from, ir::DType to) {
  if (from == to || ir::is_float(from)) return value;
  auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(value->getType());
  llvm::Type* wanted = vector_of(register_type(e.getContext(), to), vector ? vector->getNumElements() : 1);
  const bool is_signed = ir::is_signed_integer(from);
  if (!ir::is_float(to)) return e.CreateIntCast(value, wanted, is_signed);
  return is_signed ? e.CreateSIToFP(value, wanted) : e.CreateUIToFP(value, wanted);
}

bool has_byte_dots(const Emitter& e, int64_t lanes) {
  return e.machine.has_byte_pairs && (lanes == 4 || lanes == 8 || lanes == 16) && lanes <= e.machine.vector_lanes;
}

llvm::Value* byte_dots(Emitter& e, llvm::Value* sum, llvm::Value* x, llvm::Value* weights, int64_t lanes) {
  using namespace llvm::Intrinsic;
  if (e.machine.has_byte_dots) {
    const ID dots = lanes == 16  ? x86_avx512_vpdpbusd_512
                    : lanes == 8 ? x86_avx512_vpdpbusd_256
                                 : x86_avx512_vpdpbusd_128;
    return e.CreateIntrinsic(dots, {}, {sum, x, weights});
  }
  // Bytes 0 and 2, then 1 and 3, as 16-bit integers, of which pairs are multiplied and added in 32 bits.
  auto* halves = llvm::FixedVectorType::get(e.getInt16Ty(), static_cast<unsigned>(2 * lanes));
  const auto eight = llvm::ConstantInt::get(halves, 8);
  const ID pairs = lanes == 16 ? x86_avx512_pmaddw_d_512 : lanes == 8 ? x86_avx2_pmadd_wd : x86_sse2_pmadd_wd;
  llvm::Value *xs = e.CreateBitCast(x, halves), *ws = e.CreateBitCast(weights, halves);
  llvm::Value* even = e.CreateIntrinsic(
      pairs, {}, {e.CreateAnd(xs, llvm::ConstantInt::get(halves, 0xff)), e.CreateAShr(e.CreateShl(ws, eight), eight)});
  llvm::Value* odd = e.CreateIntrinsic(pairs, {}, {e.CreateLShr(xs, eight), e.CreateAShr(ws, eight)});
  return e.CreateAdd(sum, e.CreateAdd(even, odd));
}

}  // namespace seqc::codegen
