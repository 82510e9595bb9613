#include <doctest/doctest.h>

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "codegen/codegen.h"
#include "ir/interpreter.h"
#include "ir/parser.h"
#include "passes/pass.h"
#include "runtime/compile.h"
#include "tests/support/random_inputs.h"
#include "tests/support/run_model.h"

namespace {

namespace fs = std::filesystem;
using namespace seqc;

std::string read(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

/// "" or where `got` leaves the tolerance of its type.
std::string difference(const ir::Tensor& got, const ir::Tensor& want) {
  if (got.dtype() != want.dtype() || got.shape() != want.shape())
    return got.type_str() + " instead of " + want.type_str();
  if (!ir::is_arithmetic(got.dtype())) return got.identical(want) ? "" : "other strings";
  const double tolerance = got.dtype() == ir::DType::f64   ? 1e-12
                           : got.dtype() == ir::DType::f32 ? 2e-5
                           : ir::is_float(got.dtype())     ? 2e-2
                                                           : 0;
  for (int64_t i = 0; i < got.count(); ++i) {
    if (!ir::is_float(got.dtype())) {
      if (got.integer(i) != want.integer(i))
        return fmt::format("element {}: {} instead of {}", i, got.integer(i), want.integer(i));
      continue;
    }
    const double a = got.real(i), b = want.real(i);
    if (std::isnan(a) && std::isnan(b)) continue;
    if (a == b || std::fabs(a - b) <= tolerance * (1 + std::fabs(b))) continue;
    return fmt::format("element {}: {} instead of {}", i, a, b);
  }
  return "";
}

std::unique_ptr<ir::Module> parse(const std::string& text, const std::string& name) {
  return ir::parse_module(text, name);
}

}  // namespace

TEST_SUITE("codegen") {
  // Every function of tests/codegen/run runs through the interpreter, through code made without optimisation and through
  // code made by the standard pipeline, at several sizes and thread counts.
  TEST_CASE("run files: generated code computes what the interpreter computes") {
    passes::PassContext context = runtime::pass_context({});
    size_t functions = 0;
    for (const auto& entry : fs::directory_iterator(fs::path(SEQC_SOURCE_DIR) / "tests/codegen/run")) {
      const std::string text = read(entry.path()), name = entry.path().filename().string();
      INFO(name);
      const auto reference = parse(text, name);
      for (size_t f = 0; f < reference->functions.size(); ++f) {
        const ir::Function& original = *reference->functions[f];
        INFO("@" << original.name);
        ++functions;
        for (const bool optimised : {false, true}) {
          INFO((optimised ? "standard pipeline" : "kernels only"));
          const auto copy = parse(text, name);
          ir::Function& function = *copy->functions[f];
          const auto pipeline = optimised ? passes::standard_pipeline()
                                          : std::vector<std::string>{"canonicalize-contractions", "pack-weights",
                                                                     "form-kernels", "eliminate-dead-code"};
          passes::run_passes(function, pipeline, context, {});
          codegen::Target shared;
          shared.worth_sharing = optimised ? 1 : 0;  // threads share some kernels, or all, small as they are
          const auto compiled = codegen::compile(function, shared);
          for (int trial = 0; trial < 6; ++trial) {
            const auto dims = test::trial_dims(original, trial);
            const auto inputs = test::random_inputs(original, dims, static_cast<uint64_t>(trial));
            const auto want = ir::interpret(original, inputs);
            for (const int threads : {1, 2}) {
              const auto got = test::run_model(compiled->model(), inputs, threads);
              REQUIRE(got.size() == want.size());
              for (size_t i = 0; i < want.size(); ++i) {
                INFO("trial " << trial << ", " << threads << " threads, output " << i);
                CHECK(difference(got[i], want[i]) == "");
              }
            }
          }
        }
      }
    }
    CHECK(functions > 0);
  }
}
