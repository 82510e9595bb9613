/// How much there is to do in a kernel, to decide whether several threads are worth their meeting.
#pragma once

#include <vector>

#include "ir/ir.h"

namespace seqc::codegen {

/// Elementary operations of a kernel: multiply-adds, or elements times the weight of what is done to each. An estimate;
/// 0 for kernels that one thread runs alone anyway.
ir::Dim work(const ir::Op& kernel);

/// The kernels of a block, those in its regions included.
std::vector<const ir::Op*> kernels_in(const ir::Block& block);

}  // namespace seqc::codegen
