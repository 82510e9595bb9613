#include "runtime/training/faults.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "frontend/dsl/model.h"
#include "ir/error.h"

namespace seqc::training {

using ir::Tensor;

namespace {

/// `x[2,0,5]`.
std::string element_name(const std::string& name, const Tensor& tensor, int64_t position) {
  std::vector<int64_t> index(tensor.shape().size());
  for (size_t axis = index.size(); axis-- > 0;) {
    index[axis] = position % tensor.shape()[axis];
    position /= tensor.shape()[axis];
  }
  return index.empty() ? name : fmt::format("{}[{}]", name, fmt::join(index, ","));
}

/// The first element that is NaN or infinite; -1 if none is.
int64_t first_bad(const Tensor& tensor) {
  if (!ir::is_float(tensor.dtype())) return -1;
  for (int64_t i = 0; i < tensor.count(); ++i)
    if (!std::isfinite(tensor.real(i))) return i;
  return -1;
}

std::string bad_element(const std::string& name, const Tensor& tensor, int64_t position) {
  return fmt::format("{} is {}", element_name(name, tensor, position), tensor.real(position));
}

}  // namespace

void refuse_bad_elements(const StepRunner& runner, const Batch& batch, const std::string& where) {
  const auto& checks = runner.step().checks;
  for (size_t i = 0; i < checks.size(); ++i) {
    const int64_t position = runner.check(i);
    if (position < 0) continue;
    // "labels in [0, 10)"
    const std::string text = checks[i].substr(std::string_view(dsl::kCheckPrefix).size());
    const size_t space = text.find(" in ");
    const std::string name = text.substr(0, space), range = space == std::string::npos ? "" : text.substr(space + 4);
    const auto it = batch.find(name);
    if (it == batch.end() || position >= it->second.count())
      fail(ErrorKind::BadInput, "{}: element {} of {} is not in {}", where, position, name, range);
    fail(ErrorKind::BadInput, "{}: {} is {}, expected a number in {}", where, element_name(name, it->second, position),
         it->second.integer(position), range);
  }
}

void refuse_bad_numbers(const StepRunner& runner, const Batch& batch, const std::vector<Tensor>& now,
                        const std::vector<Tensor>& next, const std::string& where) {
  const double loss = runner.metric(0);
  const bool trains = !next.empty();
  if (std::isfinite(loss) && (!trains || std::isfinite(runner.gradient_norm()))) return;
  const StepFunction& step = runner.step();
  const std::string what = std::isfinite(loss)
                               ? fmt::format("{}: the gradients are no finite numbers (loss {})", where, loss)
                               : fmt::format("{}: the {} is {}", where, step.metrics[0], loss);
  for (const auto& [name, tensor] : batch)
    if (const int64_t bad = first_bad(tensor); bad >= 0)
      fail(ErrorKind::BadInput, "{}; input {}, expected finite numbers", what, bad_element(name, tensor, bad));
  for (size_t i = 0; i < step.parameters.size(); ++i)
    if (const int64_t bad = first_bad(now[i]); bad >= 0)
      fail(ErrorKind::BadInput, "{}; parameter {} before this batch, expected finite numbers", what,
           bad_element(step.parameters[i].name, now[i], bad));
  for (size_t i = 0; trains && i < step.parameters.size(); ++i)
    if (const int64_t bad = first_bad(next[i]); bad >= 0)
      fail(ErrorKind::BadInput,
           "{}; inputs and parameters are finite, and {} would be {} after this step; lower the learning rate or "
           "clip gradients",
           what, element_name(step.parameters[i].name, next[i], bad), next[i].real(bad));
  fail(ErrorKind::BadInput, "{}; inputs and parameters are finite; lower the learning rate or clip gradients", what);
}

bool has_bad_numbers(const Batch& batch) {
  return std::any_of(batch.begin(), batch.end(), [](const auto& input) { return first_bad(input.second) >= 0; });
}

}  // namespace seqc::training
