// Random functions through the interpreter and through generated code: no pass, no thread count and no vector width may
// change what a function means. SEQC_RANDOM_GRAPHS=5000 tries as many, SEQC_SEED=n begins with seed n; a function that
// fails is made small and printed as text, which a file of tests/codegen/run (or `seqc opt`) takes as it is. Where the
// process itself ends, SEQC_RANDOM_GRAPH_FILE=f.seq has the function at fault.
#include <doctest/doctest.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <cstdlib>
#include <optional>

#include "codegen/codegen.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/printer.h"
#include "ir/verifier.h"
#include "passes/pass.h"
#include "passes/replay.h"
#include "tests/support/error_bound.h"
#include "tests/support/random_graph.h"
#include "tests/support/random_inputs.h"
#include "tests/support/run_model.h"

namespace {

using namespace seqc;
using Tensors = std::vector<ir::Tensor>;
using Names = std::vector<std::string>;

int64_t from_environment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoll(text, nullptr, 10) : otherwise;
}

passes::PassContext host_context() {
  const codegen::TargetInfo target = codegen::describe({});
  passes::PassContext context;
  context.vector_lanes = target.vector_lanes;
  context.vector_registers = target.vector_registers;
  return context;
}

const Names kKernelsOnly = {"canonicalize-contractions", "pack-weights", "form-kernels", "eliminate-dead-code"};

/// The standard pipeline without fold, and without about `percent` of the passes that are not needed for code.
Names some_passes(test::Random& random, int percent) {
  Names names;
  for (const std::string& name : passes::standard_pipeline()) {
    const bool needed = std::find(kKernelsOnly.begin(), kKernelsOnly.end(), name) != kKernelsOnly.end();
    if (name != "fold" && (needed || random.integer(0, 99) >= percent)) names.push_back(name);
  }
  return names;
}

/// "" or the first element that differs by more than `bound`; any NaN is as good as another.
std::string difference(const ir::Tensor& got, const ir::Tensor& want, double bound) {
  if (got.dtype() != want.dtype() || got.shape() != want.shape())
    return fmt::format("got {}, expected {}", got.type_str(), want.type_str());
  if (!ir::is_arithmetic(want.dtype()))
    return got.identical(want) ? "" : fmt::format("other strings in {}", want.type_str());
  const size_t size = ir::size_of(want.dtype());
  for (int64_t i = 0; i < want.count(); ++i) {
    const size_t at = static_cast<size_t>(i) * size;
    if (std::equal(want.bytes() + at, want.bytes() + at + size, got.bytes() + at)) continue;
    const double a = want.real(i), b = got.real(i);
    if (ir::is_float(want.dtype()) && ((std::isnan(a) && std::isnan(b)) || (bound > 0 && std::abs(a - b) <= bound)))
      continue;
    if (bound > 0 && a == b) continue;
    return fmt::format("element {} of {}: got {}, expected {}{}", i, want.type_str(), b, a,
                       bound > 0 ? fmt::format(" within {:.3g}", bound) : "");
  }
  return "";
}

std::string difference(const Tensors& got, const Tensors& want, const std::vector<double>& bounds) {
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isinf(bounds[i])) continue;
    if (const std::string text = difference(got[i], want[i], bounds[i]); !text.empty())
      return fmt::format("output {}: {}", i, text);
  }
  return "";
}

/// One way to compile a function.
struct Compiled {
  std::string how;
  std::unique_ptr<ir::Function> function;
  std::unique_ptr<codegen::CompiledModel> code;
  bool folds = false;  ///< some of it is computed by the interpreter, whose exp and tanh are the C library's
};

struct Counts {
  int runs = 0, skipped = 0, exact = 0, bounded = 0, unbounded = 0;
};

/// Compiles and runs one function in every way; says what differs first.
class Check {
 public:
  Check(const ir::Function& function, uint64_t seed, Counts& counts)
      : function_(function), seed_(seed), counts_(counts) {}

  std::string run() {
    std::string at = "pipeline";
    try {
      test::Random random(seed_);
      add("kernels only", kKernelsOnly);
      if (random.integer(0, 1) == 0) add("all passes but fold", some_passes(random, 0));
      if (random.integer(0, 4) == 0) add("some passes", some_passes(random, 30));
      add("standard pipeline", passes::standard_pipeline());
      ways_.back().folds = true;
      for (const auto& [t, n] : {std::pair{1, 1}, {3, 2}, {0, 2}, {2, 0}, {7, 5}}) {
        at = fmt::format("T={}, N={}", t, n);
        if (const std::string fault = at_sizes({{"N", n}, {"T", t}}); !fault.empty()) return at + ": " + fault;
      }
    } catch (const Error& error) {
      return at + ": " + error.what();
    }
    return "";
  }

 private:
  void add(const std::string& how, const Names& names) {
    passes::PassContext context = host_context();
    auto function = test::copy_of(function_);
    passes::run_passes(*function, names, context, {});
    auto code = codegen::compile(*function);
    ways_.push_back({how, std::move(function), std::move(code), false});
  }

  std::string at_sizes(const ir::DimBindings& dims) {
    const Tensors inputs = test::random_inputs(function_, dims, seed_);
    Tensors want;
    try {
      want = ir::interpret(function_, inputs);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::BadInput) throw;
      ++counts_.skipped;
      return "";
    }
    const std::vector<double> bounds = test::error_bounds(function_, dims), exact(want.size(), 0.0);
    for (const double bound : bounds)
      ++(bound == 0 ? counts_.exact : std::isinf(bound) ? counts_.unbounded : counts_.bounded);
    std::optional<Tensors> first;
    for (const Compiled& way : ways_) {
      if (const std::string fault = difference(ir::interpret(*way.function, inputs), want, exact); !fault.empty())
        return fmt::format("{}, interpreted: {}", way.how, fault);
      std::optional<Tensors> alone;
      for (const int threads : {1, 2}) {
        int32_t status = 0;
        const auto got = test::try_run_model(way.code->model(), inputs, threads, status);
        if (SEQC_STATUS_CODE(status) == SEQC_TOO_SMALL) continue;  // slices of loops that take no step count as well
        if (!got) return fmt::format("{}: prepare gives status {}", way.how, status);
        ++counts_.runs;
        if (!alone) alone = *got;
        if (const std::string fault = difference(*got, *alone, exact); !fault.empty())
          return fmt::format("{}, {} threads, against one: {}", way.how, threads, fault);
        if (!first) first = *got;
        if (const std::string fault = difference(*got, *first, way.folds ? bounds : exact); !fault.empty())
          return fmt::format("{}, {} threads, against {}: {}", way.how, threads, ways_[0].how, fault);
        if (const std::string fault = difference(*got, want, bounds); !fault.empty())
          return fmt::format("{}, {} threads, against the interpreter: {}", way.how, threads, fault);
      }
    }
    return "";
  }

  const ir::Function& function_;
  uint64_t seed_;
  Counts& counts_;
  std::vector<Compiled> ways_;
};

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
    const std::string fault = Check(*function, static_cast<uint64_t>(seed), counts).run();
    if (fault.empty()) continue;
    ++failures;
    std::string smallest = fault;
    const auto small = test::minimise(*function, [&](const ir::Function& smaller) {
      Counts ignored;
      const std::string same = Check(smaller, static_cast<uint64_t>(seed), ignored).run();
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
