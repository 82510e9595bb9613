#include "tests/support/compiled_ways.h"
#include "runtime/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "ir/clone.h"
#include "passes/pass.h"
#include "tests/support/error_bound.h"
#include "tests/support/run_model.h"

namespace seqc::test {
namespace {

using Tensors = std::vector<ir::Tensor>;

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

}  // namespace

std::string difference(const Tensors& got, const Tensors& want, const std::vector<double>& bounds) {
  if (got.size() != want.size()) return fmt::format("got {} outputs, expected {}", got.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isinf(bounds[i])) continue;
    if (const std::string text = difference(got[i], want[i], bounds[i]); !text.empty())
      return fmt::format("output {}: {}", i, text);
  }
  return "";
}

const std::vector<std::string>& needed_passes() {
  static const std::vector<std::string> kNames = {"canonicalize-contractions", "pack-weights", "form-kernels",
                                                  "eliminate-dead-code"};
  return kNames;
}

void CompiledWays::add(const std::string& how, const std::vector<std::string>& passes, bool folds) {
  passes::PassContext context = runtime::pass_context({});
  auto function = ir::clone(function_);
  const auto timings = passes::run_passes(*function, passes, context, {});
  const bool exact = std::none_of(timings.begin(), timings.end(), [](const passes::PassTiming& timing) {
    return timing.changed && passes::find_pass(timing.name)->exactness != passes::Exactness::Exact;
  });
  auto code = codegen::compile(*function);
  ways_.push_back({how, std::move(function), std::move(code), folds, exact});
}

std::string CompiledWays::compare(const Tensors& inputs, const Tensors& want, ComparisonCounts& counts) const {
  const std::vector<double> bounds = error_bounds(function_, ir::bind_dims(function_, inputs), inputs);
  const std::vector<double> exact(want.size(), 0.0);
  for (const double bound : bounds)
    ++(bound == 0 ? counts.exact : std::isinf(bound) ? counts.unbounded : counts.bounded);
  std::optional<Tensors> first;
  for (const Way& way : ways_) {
    if (const std::string fault = difference(ir::interpret(*way.function, inputs), want, way.exact ? exact : bounds);
        !fault.empty())
      return fmt::format("{}, interpreted: {}", way.how, fault);
    std::optional<Tensors> alone;
    for (const int threads : {1, 2}) {
      int32_t status = 0;
      const auto got = try_run_model(way.code->model(), inputs, threads, status);
      if (SEQC_STATUS_CODE(status) == SEQC_TOO_SMALL) continue;  // slices of loops that take no step count as well
      if (!got) return fmt::format("{}: prepare gives status {}", way.how, status);
      ++counts.runs;
      if (!alone) alone = *got;
      if (const std::string fault = difference(*got, *alone, exact); !fault.empty())
        return fmt::format("{}, {} threads, against one: {}", way.how, threads, fault);
      if (!first) first = *got;
      if (const std::string fault = difference(*got, *first, way.folds || !way.exact ? bounds : exact); !fault.empty())
        return fmt::format("{}, {} threads, against {}: {}", way.how, threads, ways_[0].how, fault);
      if (const std::string fault = difference(*got, want, bounds); !fault.empty())
        return fmt::format("{}, {} threads, against the interpreter: {}", way.how, threads, fault);
    }
  }
  return "";
}

}  // namespace seqc::test
