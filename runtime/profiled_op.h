/// The kernels and loops of a compiled function, as a profile names and counts them.
#pragma once

#include <string>
#include <vector>

#include "runtime/cost.h"

namespace seqc::runtime {

/// A kernel, scan, loop or if. All sizes are of a run, in terms of the dims of the function's inputs.
struct ProfiledOp {
  bool kernel = true;
  std::string name;       ///< "contract ni,ji->nj f32[1,8] x f32[32,8], sigmoid, mul, ..."; "scan, T steps"
  std::string sources;    ///< what it comes from in the model, in order: "lstm1, dense"
  int parent = -1;        ///< position of the loop or if around it; -1: none
  ir::Dim runs = 1;       ///< how often it runs, as far as that is known: the steps of the scans around it
  ir::Dim multiply_adds;  ///< of its products
  ir::Dim bytes;          ///< that it reads from values of other kernels, inputs and constants, and writes
  std::vector<ProductCost> products = {};
};

/// In the order of codegen::profiled_ops.
std::vector<ProfiledOp> profiled_ops(const ir::Function& function);

}  // namespace seqc::runtime
