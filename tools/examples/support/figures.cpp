#include "tools/examples/support/figures.h"

#include <fmt/format.h>

#include "runtime/training/report/progress.h"
#include "runtime/training/report/text.h"

namespace seqc::examples {

std::string figure_text(const std::string& name, double value) {
  const auto about = [&](const char* what) { return name.find(what) != std::string::npos; };
  if (about("accuracy") || about("share")) return fmt::format("{:.2f} %", 100 * value);
  if (about("seconds")) return fmt::format("{:.3g}", value);
  if (value == static_cast<double>(static_cast<int64_t>(value))) return training::grouped(static_cast<int64_t>(value));
  return training::metric_text(value);
}

std::string joined_name(const std::string& part, const std::string& name) {
  return part.empty() ? name : part + " " + name;
}

}  // namespace seqc::examples
