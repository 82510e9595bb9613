#include "runtime/difference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "ir/text.h"

namespace seqc::runtime {
namespace {

using ir::Tensor;

bool close(double got, double want, const Tolerance& tolerance) {
  if (std::isnan(want)) return std::isnan(got);
  if (std::isinf(want)) return got == want;
  return std::abs(got - want) <= tolerance.absolute + tolerance.relative * std::abs(want);
}

bool equal(const Tensor& got, const Tensor& want, int64_t i, const Tolerance& tolerance) {
  if (want.dtype() == ir::DType::string) return got.text(i) == want.text(i);
  if (ir::is_float(want.dtype())) return close(got.real(i), want.real(i), tolerance);
  return got.integer(i) == want.integer(i);
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

std::string Difference::text() const {
  if (!types.empty()) return types;
  const std::string most = largest > 0 || std::isnan(largest) ? fmt::format(", by at most {:.2g}", largest) : "";
  return fmt::format("{}: got {}, expected {}; {} of {} elements differ{}", index, got, want, wrong, count, most);
}

std::optional<Difference> difference(const Tensor& got, const Tensor& want, const Tolerance& tolerance) {
  Difference result;
  if (got.dtype() != want.dtype() || got.shape() != want.shape()) {
    result.types = fmt::format("got {}, expected {}", got.type_str(), want.type_str());
    return result;
  }
  result.count = want.count();
  const bool numbers = ir::is_arithmetic(want.dtype());
  for (int64_t i = 0; i < want.count(); ++i) {
    if (equal(got, want, i, tolerance)) continue;
    if (result.wrong++ == 0) result.first = i;
    const double error = numbers ? std::abs(got.real(i) - want.real(i)) : 0;
    if (!(error <= result.largest)) result.largest = error;
  }
  if (result.wrong == 0) return std::nullopt;
  result.index = index_text(want.shape(), result.first);
  result.got = shown_element(got, result.first);
  result.want = shown_element(want, result.first);
  if (result.got == result.want && numbers) {  // they differ further behind the point
    result.got = fmt::format("{:.9g}", got.real(result.first));
    result.want = fmt::format("{:.9g}", want.real(result.first));
  }
  return result;
}

}  // namespace seqc::runtime
