#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "ir/error.h"
#include "ir/named_dims.h"
#include "tests/support/random_inputs.h"
#include "tests/support/text_test.h"

namespace seqc::test {
namespace {

double epsilon(ir::DType type) {
  switch (type) {
    case ir::DType::f16: return 0x1p-10;
    case ir::DType::bf16: return 0x1p-7;
    case ir::DType::f32: return 0x1p-23;
    default: return 0x1p-52;
  }
}

/// The number of terms that a sum in the function can have at most: the elements of its largest value.
double longest_sum(const ir::Function& function, const ir::DimBindings& dims) {
  double longest = 2;
  const ir::DimBounds bounds(function);
  ir::walk(function.body(), [&](const ir::Op* op) {
    for (const ir::Value* value : op->operands())
      longest = std::max(longest, static_cast<double>(ir::element_count(bounds.upper(value->shape())).evaluate(dims)));
  });
  return longest;
}

/// Empty if equal, else where they first differ. Rounding may change by 16 eps·log2(terms), relative to the largest
/// element (at least 1: terms of that size may have cancelled).
std::string compare(const ir::Tensor& want, const ir::Tensor& got, bool exact, double terms) {
  if (want.dtype() != got.dtype() || want.shape() != got.shape())
    return fmt::format("got {}, expected {}", got.type_str(), want.type_str());
  if (want.identical(got)) return "";
  if (!ir::is_arithmetic(want.dtype())) return fmt::format("other strings in {}", want.type_str());
  double largest = 1;
  for (int64_t i = 0; i < want.count(); ++i)
    if (std::isfinite(want.real(i))) largest = std::max(largest, std::abs(want.real(i)));
  const bool bounded = !exact && ir::is_float(want.dtype());
  const double bound = bounded ? 16 * epsilon(want.dtype()) * std::log2(terms) * largest : 0;
  const size_t size = ir::size_of(want.dtype());
  for (int64_t i = 0; i < want.count(); ++i) {
    const double a = want.real(i), b = got.real(i);
    const auto offset = static_cast<size_t>(i) * size;
    const bool same_bits = std::equal(want.bytes() + offset, want.bytes() + offset + size, got.bytes() + offset);
    const bool near = bounded && (a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= bound);
    if (!same_bits && !near)
      return fmt::format("element {} of {}: got {}, expected {} {}", i, want.type_str(), b, a,
                         bounded ? fmt::format("within {:.3g}", bound) : "exactly");
  }
  return "";
}

/// One trial; false if `before` refuses the sizes.
bool try_sizes(const ir::Function& before, const ir::Function& after, bool exact, const ir::DimBindings& dims,
               uint64_t seed, std::vector<std::string>& faults) {
  const std::string sizes = fmt::format("@{} with {}", before.name, fmt::join(dims, ", "));
  std::vector<ir::Tensor> inputs, want, got;
  try {
    inputs = random_inputs(before, dims, seed);
    want = ir::interpret(before, inputs);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::BadInput) faults.push_back(sizes + ": input: " + error.what());
    return false;
  }
  try {
    got = ir::interpret(after, inputs);
  } catch (const Error& error) {
    faults.push_back(sizes + ": output: " + error.what());
    return true;
  }
  if (got.size() != want.size()) faults.push_back(sizes + ": the number of outputs changed");
  for (size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    const std::string difference = compare(want[i], got[i], exact, longest_sum(before, dims));
    if (!difference.empty())
      faults.push_back(fmt::format("{}: the meaning of output {} changed: {}", sizes, i, difference));
  }
  return true;
}

}  // namespace

std::vector<std::string> changes_of_meaning(const ir::Function& before, const ir::Function& after, bool exact,
                                            const ir::DimBindings& dims) {
  std::vector<std::string> faults;
  bool gradients = false;
  ir::walk(before.body(), [&](const ir::Op* op) { gradients = gradients || op->code() == ir::Opcode::Gradient; });
  if (gradients)
    return faults;  // the interpreter has no meaning for them; differentiate_test compares with differences
  const bool one_trial = !dims.empty() || dim_names(before).empty();
  int done = 0;
  for (int trial = 0; trial < (one_trial ? 1 : 8); ++trial)
    done += try_sizes(before, after, exact, one_trial ? dims : trial_dims(before, trial), static_cast<uint64_t>(trial),
                      faults);
  if (done == 0)
    faults.push_back("the interpreter refuses the input with all sizes that were tried; give others as // DIMS:");
  return faults;
}

}  // namespace seqc::test
