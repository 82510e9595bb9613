#include "tools/bench/peers/agreement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace seqc::peers {

Agreement compare(const std::vector<Tensor>& got, const std::vector<Tensor>& want, double atol, double rtol) {
  if (got.size() > want.size())
    throw std::runtime_error(std::to_string(got.size()) + " outputs, expected " + std::to_string(want.size()));
  Agreement agreement;
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i].shape() != want[i].shape() || got[i].dtype() != want[i].dtype())
      throw std::runtime_error("disagrees on the type of output " + std::to_string(i));
    for (int64_t k = 0; k < got[i].count(); ++k) {
      const double a = got[i].at(k), b = want[i].at(k);
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      double difference = std::abs(a - b);
      if (std::isnan(difference)) difference = std::numeric_limits<double>::infinity();
      agreement.largest = std::max(agreement.largest, difference);
      agreement.excess = std::max(agreement.excess, difference / (atol + rtol * std::abs(b)));
    }
  }
  return agreement;
}

}  // namespace seqc::peers
