// Random functions of the IR, which have every op that a frontend may emit, through ONNX and back.
// SEQC_RANDOM_GRAPHS=2000 tries as many, SEQC_SEED=n begins with seed n, SEQC_RANDOM_ORT=1 asks ONNX Runtime as well, which
// lacks types and reads corners (windows of padding only, strings) otherwise.
#include <doctest/doctest.h>

#include <cstdlib>

#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/printer.h"
#include "tests/support/error_bound.h"
#include "tests/support/exported.h"
#include "tests/support/random_graph.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;

int64_t from_environment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoll(text, nullptr, 10) : otherwise;
}

struct Counts {
  int passed = 0, refused = 0, skipped = 0;
  std::map<std::string, int> reasons;
};

std::string check(const ir::Function& function, uint64_t seed, Counts& counts) {
  for (const auto& [t, n] : {std::pair{3, 2}, {5, 1}}) {
    const auto inputs = test::random_inputs(function, {{"N", n}, {"T", t}}, seed);
    std::vector<ir::Tensor> want;
    try {
      want = ir::interpret(function, inputs);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::BadInput) throw;
      ++counts.skipped;
      continue;
    }
    test::Judges judges{.compiled = false, .ort = std::getenv("SEQC_RANDOM_ORT") != nullptr, .bounds = {}};
    judges.bounds = test::error_bounds(function, ir::bind_dims(function, inputs), inputs);
    // f64 has no wider type in which an fma could be written out.
    const test::Within within = judges.ort ? test::Within{1e-4, 1e-4} : test::Within{1e-14, 1e-14};
    for (double& bound : judges.bounds) bound *= 8;  // some ops are several in ONNX
    try {
      if (const std::string fault = test::round_trip_fault(function, inputs, within, {.opset = 19}, judges);
          !fault.empty())
        return fmt::format("T={}, N={}: {}", t, n, fault);
      ++counts.passed;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::Unsupported && std::string(error.what()).starts_with("export: ")) {
        ++counts.refused;
        ++counts.reasons[std::string(error.what()).substr(0, 60)];
        continue;
      }
      if (std::string_view(error.what()).find("out of range") != std::string_view::npos) {
        ++counts.skipped;  // a fixed index beyond a named dim: ours is moved into range, ONNX has no meaning for it
        continue;
      }
      return fmt::format("T={}, N={}: {}", t, n, error.what());
    }
  }
  return "";
}

}  // namespace

TEST_CASE("random graphs: what is exported and imported again computes the same") {
  const int64_t count = from_environment("SEQC_RANDOM_GRAPHS", 200), first = from_environment("SEQC_SEED", 1);
  Counts counts;
  int failures = 0;
  for (int64_t seed = first; seed < first + count && failures < 10; ++seed) {
    INFO("SEQC_SEED=" << seed);
    const auto function = test::random_graph(static_cast<uint64_t>(seed), static_cast<int>(4 + seed % 21));
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
  std::string reasons;
  for (const auto& [reason, times] : counts.reasons) reasons += fmt::format("\n  {} times {}...", times, reason);
  MESSAGE(fmt::format("{} runs the same, {} refused, {} of other sizes left out{}", counts.passed, counts.refused,
                      counts.skipped, reasons));
  CHECK(counts.passed > 20 * counts.refused);
}
