/// The LLVM functions of a model's kernels.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "codegen/ahead.h"
#include "codegen/emit_llvm.h"
#include "codegen/kernel_llvm.h"
#include "codegen/meetings.h"

namespace seqc::codegen {

/// What a kernel reads from outside, in order of first use, and the names of dims in its types and attributes. Its
/// function takes pointers to these buffers and to its results, the dims (i64), thread, threads, step (i64), pointers to
/// the slices of KernelContext::ahead a step later, with a meeting the call's workspace, with some rows how many (i64), and
/// of the product beside the buffers, results, dims, phase (i64) and memory.
struct KernelSignature {
  explicit KernelSignature(const ir::Op& kernel);

  std::vector<const ir::Value*> buffers;
  std::set<std::string> symbols;
};

/// What a kernel's function depends on beside the kernel.
struct KernelContext {
  const Ahead* ahead = nullptr;          ///< what it asks for, for the next step
  std::vector<size_t> far_results = {};  ///< those that are written where no step has been before
  const Meeting* meeting = nullptr;      ///< how it waits for threads that are still at the kernel before
  llvm::Function* wait = nullptr;        ///< see create_wait
  bool some_rows = false;                ///< whether a product makes only some rows
  bool alone = false;                    ///< whether thread 0 runs all of it: nothing is shared, and no share computed
  const ir::Op* beside = nullptr;        ///< a product of which it makes rows (see deferred.h)
};

/// In how many pieces `kernel` makes a tile of rows of `product` besides, one piece in each of its blocks; 0: it has no room.
int64_t pieces_beside(const Machine& machine, const ir::Op& product, const ir::Op& kernel);
/// Bytes of all weights that a kernel multiplies, or those of a block; none where a size is not known.
int64_t weight_bytes(const ir::Op& kernel);
int64_t weight_bytes(const ir::Block& block);
/// Bytes of the memory for sums from one piece to the next.
int64_t deferred_memory_bytes(const Machine& machine);

class KernelFunctions {
 public:
  KernelFunctions(llvm::Module& module, const Machine& machine) : module_(module), machine_(machine) {}

  /// Kernels that are equal but for the values they read share a function.
  llvm::Function* function(const ir::Op& kernel, const KernelSignature& signature, const KernelContext& context);
  /// What the generator decided, for people: see KernelSchedule.
  const std::string& loops(llvm::Function* function) const { return loops_.at(function); }

 private:
  llvm::Function* create(const ir::Op& kernel, const std::vector<llvm::Type*>& types);
  llvm::Function* generate(const ir::Op& kernel, const KernelSignature& signature, const KernelContext& context);

  llvm::Module& module_;
  const Machine& machine_;
  std::map<std::string, llvm::Function*> functions_;
  std::map<llvm::Function*, std::string> loops_;
};

}  // namespace seqc::codegen
