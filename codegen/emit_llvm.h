/// Shared pieces of code generation: element types in memory and in registers, loops, dim arithmetic.
#pragma once

#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/Module.h>
#include <llvm/TargetParser/Triple.h>

#include <functional>
#include <map>
#include <string>

#include "ir/ir.h"

namespace seqc::codegen {

/// What code generation knows of the target machine.
struct Machine {
  llvm::Triple triple;
  int64_t vector_lanes = 4;  ///< f32 lanes of a vector register
  int64_t vector_registers = 16;
  int64_t fma_units = 1;           ///< full vectors that are multiplied and added in a cycle, see TargetInfo
  int64_t first_cache = 32 << 10;  ///< bytes of a core's first data cache
  int64_t load_stride = 4 << 10;   ///< bytes from one load of an instruction to its next, up to which caches foresee it
  bool has_fma = false;
  bool has_scale = false;       ///< multiplies vectors by powers of two, of any size, in one instruction
  bool has_f16 = false;         ///< converts f16 in hardware
  bool has_byte_dots = false;   ///< sums four products of bytes in one instruction
  bool has_byte_pairs = false;  ///< can do that in a few: the same sums
  int64_t worth_sharing = 0;    ///< see Target
};

/// Elements in memory: f16 and bf16 as i16 bit patterns, bool as i8, strings as the i64 of a pointer.
llvm::Type* memory_type(llvm::LLVMContext& context, ir::DType type);
/// Elements in registers: f16 and bf16 as float, bool as i1.
llvm::Type* register_type(llvm::LLVMContext& context, ir::DType type);
/// A vector of `lanes` elements; the element itself for one lane.
llvm::Type* vector_of(llvm::Type* element, int64_t lanes);

/// Emits IR at one insertion point: an IRBuilder with the idioms that all kernels need.
class Emitter : public llvm::IRBuilder<> {
 public:
  Emitter(llvm::BasicBlock* block, const Machine& machine) : IRBuilder(block), machine(machine) {}

  const Machine& machine;

  llvm::Value* i64(int64_t value) { return getInt64(static_cast<uint64_t>(value)); }
  /// Adds and multiplies that fold constants; index arithmetic never wraps.
  llvm::Value* add(llvm::Value* a, llvm::Value* b);
  llvm::Value* mul(llvm::Value* a, llvm::Value* b);
  /// A select that is no instruction where the condition is known.
  llvm::Value* select(llvm::Value* condition, llvm::Value* a, llvm::Value* b);

  /// The value of a dim expression; names are looked up in `symbols`.
  using Symbols = std::map<std::string, llvm::Value*>;
  llvm::Value* dim(const ir::Dim& dim, const Symbols& symbols);
  llvm::Value* floor_div(llvm::Value* a, llvm::Value* b);

  /// for (i = begin; i < end; i += step) body(i). Leaves the insertion point behind the loop.
  void loop(llvm::Value* begin, llvm::Value* end, int64_t step, const std::function<void(llvm::Value*)>& body);
  /// The same with values carried from step to step; the loop's results are returned.
  using Carried = std::vector<llvm::Value*>;
  Carried loop(llvm::Value* begin, llvm::Value* end, int64_t step, Carried initial,
               const std::function<Carried(llvm::Value*, const Carried&)>& body);
  /// if (condition) body().
  void when(llvm::Value* condition, const std::function<void()>& body);

  /// Element conversions between memory and registers, scalar or vector.
  llvm::Value* from_memory(llvm::Value* value, ir::DType type);
  llvm::Value* to_memory(llvm::Value* value, ir::DType type);

  llvm::Value* splat(llvm::Value* scalar, int64_t lanes) {
    return lanes == 1 ? scalar : CreateVectorSplat(lanes, scalar);
  }
  /// <0, 1, ..., lanes-1> as i64; 0 for one lane.
  llvm::Value* lane_numbers(int64_t lanes);
  /// The address `elements` elements of `type` behind `base`.
  llvm::Value* element_address(llvm::Value* base, ir::DType type, llvm::Value* elements);
};

}  // namespace seqc::codegen
