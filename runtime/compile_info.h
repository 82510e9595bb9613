/// What is known of a program that was compiled in this process, and not of a library.
#pragma once

#include <vector>

#include "passes/pass.h"
#include "runtime/code_cache.h"
#include "runtime/cost.h"
#include "runtime/profiled_op.h"

namespace seqc::runtime {

struct CompileInfo {
  /// Whether its code was compiled now or came from the cache on disk. Results do not depend on it.
  CacheUse cache_use;
  /// Compiled for CompileOptions::known_inputs because the model cannot be compiled for others in one go.
  bool specialised = false;
  size_t constant_bytes = 0;               ///< of all constants that the code reads, as they are laid out for it
  ir::Dim multiply_adds;                   ///< of one run as a function of the named dims
  std::vector<passes::PassTiming> passes;  ///< those that made it
  std::vector<ProfiledOp> profiled;        ///< what its runs tell of; empty without CompileOptions::profiles
  std::vector<ProductCost> products;       ///< of its kernels, with dims as above
};

}  // namespace seqc::runtime
