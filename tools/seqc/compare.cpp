#include "tools/seqc/compare.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "ir/text.h"

namespace seqc::tools {
namespace {

using ir::Tensor;

bool close(double got, double want, const Tolerance& tolerance) {
  if (std::isnan(want)) return std::isnan(got);
  if (std::isinf(want)) return got == want;
  return std::abs(got - want) <= tolerance.absolute + tolerance.relative * std::abs(want);
}

/// Strings are equal or not.
std::string string_difference(const Tensor& got, const Tensor& want) {
  int64_t first = -1, wrong = 0;
  for (int64_t i = 0; i < want.count(); ++i)
    if (got.text(i) != want.text(i) && wrong++ == 0) first = i;
  if (wrong == 0) return "";
  return fmt::format("{}: got {}, expected {}; {} of {} elements differ", index_text(want.shape(), first),
                     shown_element(got, first), shown_element(want, first), wrong, want.count());
}

}  // namespace

std::string index_text(const std::vector<int64_t>& shape, int64_t position) {
  std::vector<int64_t> index(shape.size());
  for (size_t axis = shape.size(); axis-- > 0; position /= shape[axis]) index[axis] = position % shape[axis];
  return fmt::format("[{}]", fmt::join(index, ","));
}

std::string shown_element(const Tensor& tensor, int64_t i) {
  if (tensor.dtype() == ir::DType::string) return ir::quoted(tensor.text(i));
  return ir::is_float(tensor.dtype()) ? fmt::format("{:g}", tensor.real(i)) : fmt::format("{}", tensor.integer(i));
}

std::string difference(const Tensor& got, const Tensor& want, const Tolerance& tolerance) {
  if (got.dtype() != want.dtype() || got.shape() != want.shape())
    return fmt::format("got {}, expected {}", got.type_str(), want.type_str());
  if (want.dtype() == ir::DType::string) return string_difference(got, want);
  const bool real = ir::is_float(want.dtype());
  int64_t first = -1, wrong = 0;
  double largest = 0;
  for (int64_t i = 0; i < want.count(); ++i) {
    if (real ? close(got.real(i), want.real(i), tolerance) : got.integer(i) == want.integer(i)) continue;
    if (wrong++ == 0) first = i;
    if (const double error = std::abs(got.real(i) - want.real(i)); !(error <= largest)) largest = error;
  }
  if (wrong == 0) return "";
  return fmt::format("{}: got {}, expected {}; {} of {} elements differ, by at most {:.2g}",
                     index_text(want.shape(), first), shown_element(got, first), shown_element(want, first), wrong,
                     want.count(), largest);
}

}  // namespace seqc::tools
