// RNN, GRU and LSTM over the whole attribute space, compiled just in time and ahead of time, against the oracle.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "codegen/codegen.h"
#include "runtime/compile.h"
#include "runtime/program.h"
#include "runtime/session.h"
#include "tests/support/onnx_model.h"
#include "tests/support/recurrent_check.h"

namespace {

using namespace seqc;
using namespace seqc::test;

/// Compiles in memory and runs on one or two threads, in turn, which share even the smallest if that is always worth it.
Executor just_in_time(int64_t worth_sharing = 0) {
  return [=, calls = 0](std::unique_ptr<ir::Function> function, const std::vector<ir::Tensor>& inputs) mutable {
    runtime::CompileOptions options;
    options.target.worth_sharing = worth_sharing;
    return runtime::Session(runtime::Program::compile(std::move(function), options), 1 + calls++ % 2).run(inputs);
  };
}

/// Builds a shared library, loads it and runs it.
Executor ahead_of_time(const TempDir& folder) {
  return [&folder, calls = 0](std::unique_ptr<ir::Function> function, const std::vector<ir::Tensor>& inputs) mutable {
    const std::string path = (folder.path() / fmt::format("case_{}.so", calls++)).string();
    const runtime::Lowered lowered = runtime::lower(std::move(function));
    codegen::emit(*lowered.function, {}, codegen::EmitKind::SharedLibrary, "recurrent", path);
    return runtime::Session(runtime::Program::load_library(path)).run(inputs);
  };
}

}  // namespace

TEST_SUITE_BEGIN("conformance");

TEST_CASE("random recurrent nodes, compiled just in time, agree with the oracle") {
  const Executor run = just_in_time();
  for (uint64_t seed = 0; seed < 2000; ++seed) expect_agreement(seed, random_case(seed), run, 1e-4, 1e-5);
}

TEST_CASE("random recurrent nodes of many steps and wide inputs, compiled just in time, agree with the oracle") {
  for (const int64_t worth_sharing : {0, 768}) {
    const Executor run = just_in_time(worth_sharing);
    for (uint64_t seed = 0; seed < 150; ++seed) expect_agreement(seed, random_case(seed, Sizes::Long), run, 1e-4, 1e-5);
  }
}

TEST_CASE("random recurrent nodes, built as libraries, agree with the oracle") {
  const TempDir folder;
  const Executor run = ahead_of_time(folder);
  for (uint64_t seed = 0; seed < 2000; seed += 20) expect_agreement(seed, random_case(seed), run, 1e-4, 1e-5);
}

TEST_SUITE_END();
