/// Finds out where a difference comes from: see verify.h.
#pragma once

#include "runtime/verify.h"

namespace seqc::runtime {

/// Who made it that the function after `passes`, compiled, gives other outputs than `want`, what the interpreter makes of
/// `function`. Halves the list of passes: the interpreter runs a few times.
Culprit find_culprit(const ir::Function& function, const std::vector<passes::PassInfo>& passes,
                     const std::vector<ir::Tensor>& inputs, const std::vector<ir::Tensor>& want,
                     const VerifyOptions& options);

}  // namespace seqc::runtime
