#include "tools/seqc/limit_time.h"

#include <algorithm>
#include <map>

#include "tools/limit/peaks.h"

namespace seqc::tools {

ProductTime product_time(const runtime::ProductCost& product, const ir::DimBindings& dims, uint64_t all_bytes,
                         double multiply_adds_per_second, const std::function<double(uint64_t)>& rate) {
  const auto once = static_cast<uint64_t>(product.weight_bytes.evaluate(dims));
  const auto times = static_cast<double>(product.sweeps.evaluate(dims));
  // A loop of one step reads its weights once a run, as what stands outside of loops does.
  const uint64_t swept = times <= 1 ? all_bytes : static_cast<uint64_t>(product.swept_bytes.evaluate(dims));
  const double element = static_cast<double>(ir::size_of(product.type)) / sizeof(float);
  const double compute =
      static_cast<double>(product.multiply_adds.evaluate(dims)) * std::max(1.0, element) / multiply_adds_per_second;
  const double read = once == 0 ? 0 : static_cast<double>(once) * times / rate(swept);
  return {compute, read, swept};
}

LimitTime limit_time(const std::vector<runtime::ProductCost>& products, const ir::DimBindings& dims, int threads) {
  limit::Peaks peaks(threads);
  LimitTime result;
  result.multiply_adds_per_second = peaks.multiply_adds();
  uint64_t all_bytes = 0;
  for (const runtime::ProductCost& product : products)
    all_bytes += static_cast<uint64_t>(product.weight_bytes.evaluate(dims));
  std::map<uint64_t, double> sweeps;
  const auto rate = [&](uint64_t bytes) { return peaks.bytes(bytes); };
  for (const runtime::ProductCost& product : products) {
    const ProductTime time = product_time(product, dims, all_bytes, result.multiply_adds_per_second, rate);
    if (time.read > time.compute) sweeps[time.swept] = rate(time.swept);
    result.microseconds += 1e6 * std::max(time.compute, time.read);
  }
  for (const auto& [bytes, rate] : sweeps) result.sweeps.push_back({bytes, rate});
  return result;
}

}  // namespace seqc::tools
