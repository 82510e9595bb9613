/// How far two right evaluations of a function may lie apart.
#pragma once

#include <vector>

#include "ir/interpreter.h"

namespace seqc::test {

/// One number for each output: the largest difference between two evaluations of which each rounds every op in the
/// type of its result, but may differ in the last bits of functions such as exp. 0: both give the same bits. Infinite:
/// nothing can be said (a rounded value decides a comparison, say). Errors grow with the type's epsilon, with the size of
/// values and along sums; arguments have the values of `inputs`.
std::vector<double> error_bounds(const ir::Function& function, const ir::DimBindings& dims,
                                 const std::vector<ir::Tensor>& inputs);

}  // namespace seqc::test
