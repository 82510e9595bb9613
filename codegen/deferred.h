/// Products in front of a scan whose rows are made while it runs.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "ir/ir.h"

namespace seqc::codegen {

/// A product (a kernel with its epilogue) of which each step of a scan reads one row. Only the first rows are made in front
/// of the scan, the others in groups while it runs, before the steps that read them: by a kernel of the steps, whose
/// multipliers are free while its weights come from the second cache or because one row is too little for them, or by
/// threads that have no part in the scan.
struct Deferred {
  const ir::Op* product;
  const ir::Op* scan;
  std::vector<const ir::Op*> behind;   ///< kernels that make what the steps read from the product, row by row
  std::set<const ir::Value*> rows_of;  ///< results of the product and of these, with a row for each step
  const ir::Value* lhs;                ///< the product's left operand
  ir::Dim lhs_row;                     ///< elements from what makes one row to what makes the next
  ir::Dim row;                         ///< elements of a row of the product's results
  int64_t depth;                       ///< summed elements
  int64_t blocks;                      ///< of columns
};

/// Rows of a group that a kernel of the steps makes, in as many steps.
inline constexpr int64_t kDeferredRows = 8;

/// A kernel of Deferred::behind as one of `kRowsDim` rows, and what its buffers stand for in the original.
struct KernelOfRows {
  std::unique_ptr<ir::Function> function;  ///< holds it
  const ir::Op* kernel;
  std::map<const ir::Value*, const ir::Value*> buffers;
};
inline constexpr const char* kRowsDim = "rows of this call";
KernelOfRows kernel_of_rows(const ir::Op& kernel, const Deferred& plan);

/// The one result of `product` that `value` is computed from in its kernel; null: none, or several.
const ir::Value* only_sum(const ir::Value* value, const ir::Op& product);

/// In program order, at most one for a scan.
std::vector<Deferred> plan_deferred(const ir::Function& function);

/// How many groups of `size` rows are left for a scan of `steps` steps. One at least is made in front.
inline ir::Dim deferred_groups(const ir::Dim& steps, int64_t size = kDeferredRows) {
  return ir::max(ir::floordiv(steps, ir::Dim(size)) - ir::Dim(1), ir::Dim(0));
}

}  // namespace seqc::codegen
