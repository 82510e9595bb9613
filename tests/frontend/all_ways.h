/// For tests of the importer that run what it made: see tests/support/both_ways.h.
#pragma once

#include "tests/frontend/import_support.h"
#include "tests/support/both_ways.h"

namespace seqc::test {

/// The outputs, which must be the same every way.
inline std::vector<Tensor> run_all_ways(const ModelBuilder& model, const std::vector<Tensor>& inputs,
                                        const frontend::ImportOptions& options = {}) {
  return run_both_ways(model, inputs, {1e-6, 1e-7}, options);
}

inline int64_t count_ops(const ir::Function& function, ir::Opcode code) {
  int64_t count = 0;
  ir::walk(function.body(), [&](const ir::Op* op) { count += op->code() == code; });
  return count;
}

}  // namespace seqc::test
