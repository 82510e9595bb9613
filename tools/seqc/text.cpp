#include "tools/seqc/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ir/text.h"

namespace seqc::tools {
namespace {

std::string shown(const ir::Tensor& tensor, int64_t i) {
  if (tensor.dtype() == ir::DType::string) return ir::quoted(tensor.text(i));
  return ir::is_float(tensor.dtype()) ? fmt::format("{:.5g}", tensor.real(i)) : fmt::format("{}", tensor.integer(i));
}

/// Lowest, highest and mean of a float tensor's finite elements, and how many are not.
std::string range_text(const ir::Tensor& tensor) {
  double low = INFINITY, high = -INFINITY, sum = 0;
  int64_t finite = 0;
  for (int64_t i = 0; i < tensor.count(); ++i) {
    const double value = tensor.real(i);
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
    sum += value;
    ++finite;
  }
  std::string text;
  if (finite > 0)
    text = fmt::format("  from {:.5g} to {:.5g}, mean {:.5g}", low, high, sum / static_cast<double>(finite));
  if (finite < tensor.count()) text += fmt::format("  {} not finite", tensor.count() - finite);
  return text;
}

}  // namespace

std::string bytes_text(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  double size = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"KB", "MB", "GB", "TB"}) {
    if (size < 1024) break;
    size /= 1024;
    unit = next;
  }
  return fmt::format("{:.1f} {}", size, unit);
}

std::string count_text(int64_t count) {
  std::string text = fmt::format("{}", std::abs(count));
  for (auto at = static_cast<ptrdiff_t>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<size_t>(at), ",");
  return count < 0 ? "-" + text : text;
}

std::string time_text(double microseconds) {
  if (microseconds < 1e3) return fmt::format("{:.2f} us", microseconds);
  if (microseconds < 1e6) return fmt::format("{:.2f} ms", microseconds / 1e3);
  return fmt::format("{:.2f} s", microseconds / 1e6);
}

std::string dims_text(const ir::DimBindings& dims) {
  std::string text;
  for (const auto& [name, value] : dims) text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, value);
  return text;
}

std::string formula_text(const ir::Dim& dim) {
  if (dim.is_constant()) return count_text(dim.constant());
  return dim.str();
}

std::string summary_text(const std::string& name, const ir::Tensor& tensor) {
  constexpr int64_t kEnds = 4;
  std::string elements;
  for (int64_t i = 0; i < tensor.count(); ++i) {
    if (i == kEnds && tensor.count() > 2 * kEnds) {
      elements += " ...";
      i = tensor.count() - kEnds;
    }
    elements += " " + shown(tensor, i);
  }
  const bool real = ir::is_float(tensor.dtype()) && tensor.count() > 1;
  return fmt::format("{}: {}{}\n {}\n", name, tensor.type_str(), real ? range_text(tensor) : "",
                     tensor.count() == 0 ? " (empty)" : elements);
}

}  // namespace seqc::tools
