// Random functions through the interpreter and through generated code: no pass, no thread count and no vector width may
// change what a function means. SEQC_RANDOM_GRAPHS=5000 tries as many, SEQC_SEED=n begins with seed n; a function that
// fails is made small and printed as text, which a file of tests/codegen/run (or `seqc opt`) takes as it is. Where the
// process itself ends, SEQC_RANDOM_GRAPH_FILE=f.seq has the function at fault.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/printer.h"
#include "ir/verifier.h"
#include "passes/pass.h"
#include "passes/replay.h"
#include "tests/support/compiled_ways.h"
#include "tests/support/random_graph.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;
using Names = std::vector<std::string>;

int64_t from_environment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoll(text, nullptr, 10) : otherwise;
}

/// The standard pipeline without fold, and without about `percent` of the passes that are not needed for code.
Names some_passes(test::Random& random, int percent) {
  Names names;
  const Names& must = test::needed_passes();
  for (const std::string& name : passes::standard_pipeline()) {
    const bool needed = std::find(must.begin(), must.end(), name) != must.end();
    if (name != "fold" && (needed || random.integer(0, 99) >= percent)) names.push_back(name);
  }
  return names;
}

struct Counts : test::ComparisonCounts {
  int skipped = 0;
};

/// Compiles and runs one function in every way; says what differs first.
std::string check(const ir::Function& function, uint64_t seed, Counts& counts) {
  std::string at = "pipeline";
  try {
    test::Random random(seed);
    test::CompiledWays ways(function);
    ways.add("kernels only", test::needed_passes());
    if (random.integer(0, 1) == 0) ways.add("all passes but fold", some_passes(random, 0));
    if (random.integer(0, 4) == 0) ways.add("some passes", some_passes(random, 30));
    ways.add("standard pipeline", passes::standard_pipeline(), true);
    for (const auto& [t, n] : {std::pair{1, 1}, {3, 2}, {0, 2}, {2, 0}, {7, 5}}) {
      at = fmt::format("T={}, N={}", t, n);
      const auto inputs = test::random_inputs(function, {{"N", n}, {"T", t}}, seed);
      std::vector<ir::Tensor> want;
      try {
        want = ir::interpret(function, inputs);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::BadInput) throw;
        ++counts.skipped;
        continue;
      }
      if (const std::string fault = ways.compare(inputs, want, counts); !fault.empty()) return at + ": " + fault;
    }
  } catch (const Error& error) {
    return at + ": " + error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("random graphs: every pipeline and thread count computes what the interpreter computes") {
  const int64_t count = from_environment("SEQC_RANDOM_GRAPHS", 240), first = from_environment("SEQC_SEED", 1);
  Counts counts;
  int failures = 0;
  for (int64_t seed = first; seed < first + count && failures < 10; ++seed) {
    INFO("SEQC_SEED=" << seed);
    const auto function = test::random_graph(static_cast<uint64_t>(seed), static_cast<int>(4 + seed % 21));
    ir::verify_or_throw(*function, "the generator");
    if (const char* file = std::getenv("SEQC_RANDOM_GRAPH_FILE")) passes::save_function(*function, file);
    const std::string fault = check(*function, static_cast<uint64_t>(seed), counts);
    if (fault.empty()) continue;
    ++failures;
    std::string smallest = fault;
    const auto small = test::minimise(*function, [&](const ir::Function& smaller) {
      Counts ignored;
      const std::string same = check(smaller, static_cast<uint64_t>(seed), ignored);
      if (!same.empty()) smallest = same;
      return !same.empty();
    });
    FAIL_CHECK(fault << "\nmade smaller: " << smallest << "\n" << ir::print(*small, {.max_inline_elements = 4096}));
  }
  MESSAGE(
      fmt::format("{} graphs, {} runs, {} of other sizes refused; outputs compared: {} exactly, {} within a bound, {} "
                  "only between pipelines",
                  count, counts.runs, counts.skipped, counts.exact, counts.bounded, counts.unbounded));
  CHECK(counts.exact > 0);
}
