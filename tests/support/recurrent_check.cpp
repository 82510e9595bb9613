#include "tests/support/recurrent_check.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <span>

#include "frontend/onnx/import.h"

namespace seqc::test {

std::unique_ptr<ir::Function> import_case(const RecurrentCase& c) {
  const std::string bytes = to_model(c).SerializeAsString();
  return frontend::import_model_bytes(std::as_bytes(std::span(bytes)), "case.onnx");
}

std::string compare_with_oracle(const RecurrentCase& c, const std::vector<ir::Tensor>& got, double rtol, double atol) {
  const std::vector<ExpectedTensor> want = oracle(c);
  if (got.size() != want.size()) return fmt::format("{} outputs, expected {}", got.size(), want.size());
  for (size_t k = 0; k < want.size(); ++k) {
    const std::string_view name = kOutputNames[want[k].slot];
    if (got[k].dtype() != c.dtype) return fmt::format("{} is {}", name, got[k].type_str());
    if (got[k].shape() != want[k].shape) return fmt::format("{} has shape {}", name, got[k].type_str());
    std::vector<double> values(static_cast<size_t>(got[k].count()));
    for (int64_t i = 0; i < got[k].count(); ++i) values[static_cast<size_t>(i)] = got[k].real(i);
    const std::string difference = find_mismatch(values, want[k].values, rtol, atol);
    if (!difference.empty()) return fmt::format("{}: {}", name, difference);
  }
  return "";
}

void expect_agreement(uint64_t seed, const RecurrentCase& c, const Executor& run, double rtol, double atol) {
  std::string fault;
  try {
    std::vector<ir::Tensor> feeds;
    for (const NamedTensor& input : inputs(c)) feeds.push_back(input.value);
    fault = compare_with_oracle(c, run(import_case(c), feeds), rtol, atol);
  } catch (const std::exception& error) {
    fault = error.what();
  }
  CHECK_MESSAGE(fault.empty(), "seed ", seed, ": ", describe(c), "\n", fault);
}

}  // namespace seqc::test
