/// Random functions of IR: valid by construction, over every op that a frontend may emit, for comparing pipelines.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ir/ir.h"

namespace seqc::test {

/// No loop of a random graph takes more steps.
inline constexpr int64_t kMostLoopSteps = 5;

/// The same function for the same seed and number of steps on every machine. Its arguments bind the names T and N; element
/// types, odd sizes, sizes 0 and 1, named dims and nested regions are mixed. Each step adds one op, or one with regions.
std::unique_ptr<ir::Function> random_graph(uint64_t seed, int steps);

/// A smaller function for which `fails` still holds: fewer outputs, ops replaced by arguments of their results' types.
/// `fails` must hold for `function`; it is called often.
std::unique_ptr<ir::Function> minimise(const ir::Function& function,
                                       const std::function<bool(const ir::Function&)>& fails);

}  // namespace seqc::test
