// Gradients of random functions: they can be written for every op that a frontend emits, leave the function's outputs as
// they were, and do not depend on what is saved. SEQC_RANDOM_GRADIENTS=5000 tries as many, SEQC_SEED=n begins with seed n.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "ir/clone.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/named_dims.h"
#include "ir/printer.h"
#include "ir/verifier.h"
#include "passes/differentiate.h"
#include "passes/pass.h"
#include "tests/support/compiled_ways.h"
#include "tests/support/gradient_check.h"
#include "tests/support/random_graph.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;
using ir::Tensor;

int64_t from_environment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoll(text, nullptr, 10) : otherwise;
}

/// The first output that is f32 or f64 and whose size the inputs decide; null if there is none.
ir::Value* float_output(const ir::Function& f) {
  const ir::DimBounds bounds(f);
  for (ir::Value* value : f.body().terminator()->operands()) {
    bool varies = !(value->dtype() == ir::DType::f32 || value->dtype() == ir::DType::f64);
    for (const ir::Dim& dim : value->shape()) varies = varies || bounds.varies(dim);
    if (!varies) return value;
  }
  return nullptr;
}

/// The function with gradients of one output by its arguments; null if it has nothing to differentiate.
std::unique_ptr<ir::Function> gradients_of(const ir::Function& f, const passes::GradientOptions& options) {
  auto result = ir::clone(f);
  ir::Value* y = float_output(*result);
  std::vector<ir::Value*> by;
  for (size_t i = 0; i < result->body().argument_count(); ++i)
    if (ir::is_float(result->body().argument(i)->dtype())) by.push_back(result->body().argument(i));
  if (!y || by.empty()) return nullptr;
  const auto all = passes::gradients(*result, y, by, options);
  ir::Op* end = result->body().terminator();
  std::vector<ir::Value*> outputs = end->operands();
  for (size_t i = 0; i < all.size(); ++i) {
    outputs.push_back(all[i].dense);
    result->output_names.push_back(fmt::format("gradient {}", i));
  }
  end->set_operands(outputs);
  ir::verify_or_throw(*result, "gradients");
  return result;
}

/// Equal, or apart by no more than sums in another order may be; where one is not finite, neither need be.
bool agree(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return false;
  double largest = 1;
  for (int64_t i = 0; i < a.count(); ++i)
    if (std::isfinite(a.real(i))) largest = std::max(largest, std::fabs(a.real(i)));
  const double bound = (a.dtype() == ir::DType::f64 ? 1e-9 : a.dtype() == ir::DType::f32 ? 1e-3 : 0.3) * largest;
  for (int64_t i = 0; i < a.count(); ++i)
    if (std::isfinite(a.real(i)) && std::isfinite(b.real(i)) && std::fabs(a.real(i) - b.real(i)) > bound) return false;
  return true;
}

struct Counts : test::ComparisonCounts {
  int differentiated = 0, refused = 0, skipped = 0;
};

std::string check(const ir::Function& f, uint64_t seed, Counts& counts) {
  std::string at = "differentiate";
  try {
    std::unique_ptr<ir::Function> fast, small;
    try {
      fast = gradients_of(f, {});
      small = gradients_of(f, {.max_saved_bytes = 0, .expected_dims = {{"T", 7}, {"N", 3}}});
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Unsupported) throw;
      ++counts.refused;
      return "";
    }
    if (!fast) return "";
    ++counts.differentiated;
    test::CompiledWays ways(*fast);
    ways.add("kernels only", test::needed_passes());
    ways.add("standard pipeline", passes::standard_pipeline(), true);
    for (const auto& [t, n] : {std::pair{1, 1}, {3, 2}, {0, 2}, {7, 5}}) {
      at = fmt::format("T={}, N={}", t, n);
      const auto inputs = test::random_inputs(f, {{"N", n}, {"T", t}}, seed);
      std::vector<Tensor> want;
      try {
        want = ir::interpret(f, inputs);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::BadInput) throw;
        ++counts.skipped;
        continue;
      }
      const auto got = ir::interpret(*fast, inputs), again = ir::interpret(*small, inputs);
      for (size_t i = 0; i < got.size(); ++i) {
        if (i < want.size() && !(got[i].identical(want[i]) && again[i].identical(want[i])))
          return fmt::format("{}: output {} changed", at, i);
        if (i >= want.size() && !agree(got[i], again[i]))
          return fmt::format("{}: gradient {} depends on what is saved", at, i - want.size());
      }
      if (const std::string fault = ways.compare(inputs, got, counts); !fault.empty()) return at + ": " + fault;
    }
  } catch (const Error& error) {
    return at + ": " + error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("random graphs: gradients can be computed, whatever is saved, and compiled") {
  const int64_t count = from_environment("SEQC_RANDOM_GRADIENTS", 60), first = from_environment("SEQC_SEED", 1);
  Counts counts;
  int faults = 0;
  for (int64_t seed = first; seed < first + count && faults < 3; ++seed) {
    const auto f = test::random_graph(static_cast<uint64_t>(seed), 3 + static_cast<int>(seed % 9));
    const std::string fault = check(*f, static_cast<uint64_t>(seed), counts);
    if (fault.empty()) continue;
    ++faults;
    const std::string text = ir::print(*f);
    FAIL_CHECK("seed " << seed << ": " << fault << "\n" << text);
  }
  MESSAGE(counts.differentiated << " differentiated, " << counts.refused << " refused, " << counts.runs << " runs");
  CHECK(counts.differentiated * 3 > count);
}
