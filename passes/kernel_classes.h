/// Which role each op can play in a kernel; shared by form-kernels and code generation's reading of kernels.
#pragma once

#include "ir/ir.h"

namespace seqc::passes {

enum class KernelRole {
  Point,    ///< elementwise: computed in registers
  Index,    ///< moves data by address arithmetic: may be folded into the reading kernel
  View,     ///< the same bytes under another shape or at an offset: costs nothing
  Root,     ///< begins a kernel of its own
  Control,  ///< regions and terminators
};

KernelRole role(const ir::Op& op);

/// Whether the contractions that read packed weights had better read them where they lie: each line is whole in memory,
/// and there are so few rows that packing, which happens as often as they do, would cost a good part of their time.
bool is_read_in_place(const ir::Op& pack);

/// Index ops whose result element addresses are an affine function of the result's indices.
bool is_affine(const ir::Op& op);

}  // namespace seqc::passes
