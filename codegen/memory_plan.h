/// Where every value of a function in kernel form lives: one arena whose layout is symbolic in the dims.
#pragma once

#include <map>
#include <vector>

#include "ir/ir.h"

namespace seqc::codegen {

enum class Place {
  Arena,     ///< at `offset` in the workspace
  Output,    ///< the caller's memory of output `index`
  ScanEmit,  ///< element t of what the enclosing scan's or loop's result `owner` collects
  Alternate,  ///< two halves at `offset`, taken in turn by the steps of the enclosing loop: what they carry; and what else they
              ///< make, where threads may be a step apart (repeats.h)
  IfResult,  ///< the memory of the enclosing if's result `owner`
};

struct Storage {
  Place place;
  size_t slot = 0;                   ///< Arena, Alternate
  size_t index = 0;                  ///< Output
  const ir::Value* owner = nullptr;  ///< ScanEmit, IfResult
  ir::Dim skip = 0;                  ///< Arena: elements of the slot in front of the value
  int64_t shift = 0;                 ///< ScanEmit: of the element t + shift
};

struct MemoryPlan {
  /// For results of kernels, emitted results of scans, results of ifs. Views and carries are pointers into these.
  std::map<const ir::Value*, Storage> storage;
  /// A piece of the arena and the time in which it is somebody's: positions in program order, in which an op with regions
  /// ends behind the last of them.
  struct Lifetime {
    const ir::Value* value;
    ir::Dim bytes;
    size_t slot, begin, end;
  };
  std::vector<Lifetime> lifetimes;  ///< in program order
  /// Sizes of the arena's slots in bytes, multiples of the alignment, in order of address.
  std::vector<ir::Dim> slots;

  ir::Dim arena_bytes() const;
  /// What `prepare` asks for: the header that the threads of a call share, then the arena.
  ir::Dim workspace_bytes() const;
};

/// How many threads at most share a call.
inline constexpr int64_t kMostThreads = 32;
/// Bytes at the start of every workspace that belong to the call itself: what the threads share (see run.cpp) and where they
/// meet (see barrier.cpp).
inline constexpr int64_t kCallHeaderBytes = 128 + 128 * kMostThreads;

/// Bytes of a value, rounded up to whole cache lines.
ir::Dim padded_bytes(const ir::Type& type);

/// Plans the memory of `function`, in terms of the dims that its inputs have (see ir::DimBounds). Two values share a slot when the one is dead before the other is born and the slot's
/// size provably suffices for all values of the dims.
MemoryPlan plan_memory(const ir::Function& function);

}  // namespace seqc::codegen
