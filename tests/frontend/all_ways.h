/// Runs a model in every way: interpreted, and compiled after all passes, on one and on two threads.
#pragma once

#include "codegen/codegen.h"
#include "passes/pass.h"
#include "tests/frontend/import_support.h"
#include "tests/support/run_model.h"

namespace seqc::test {

inline std::vector<Tensor> run_compiled(const ModelBuilder& model, const std::vector<Tensor>& inputs,
                                        const frontend::ImportOptions& options, int threads) {
  const auto function = import_built(model, options);
  passes::PassContext context;
  passes::run_passes(*function, passes::standard_pipeline(), context, {});
  codegen::Target shared;
  shared.worth_sharing = 0;  // small as it is
  return run_model(codegen::compile(*function, shared)->model(), inputs, threads);
}

/// The outputs, which must be the same every way.
inline std::vector<Tensor> run_all_ways(const ModelBuilder& model, const std::vector<Tensor>& inputs,
                                        const frontend::ImportOptions& options = {}) {
  const auto want = run_built(model, inputs, options);
  for (const int threads : {1, 2}) {
    const auto got = run_compiled(model, inputs, options, threads);
    REQUIRE(got.size() == want.size());
    for (size_t i = 0; i < want.size(); ++i) {
      INFO("output " << i << ", " << threads << " threads");
      CHECK(find_difference(got[i], want[i], 1e-6, 1e-7) == "");
    }
  }
  return want;
}

inline int64_t count_ops(const ir::Function& function, ir::Opcode code) {
  int64_t count = 0;
  ir::walk(function.body(), [&](const ir::Op* op) { count += op->code() == code; });
  return count;
}

}  // namespace seqc::test
