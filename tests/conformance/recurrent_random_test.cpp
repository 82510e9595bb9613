// RNN, GRU and LSTM over the whole attribute space: random nodes through import and execution, against the oracle.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <limits>
#include <span>

#include "frontend/onnx/import.h"
#include "ir/interpreter.h"
#include "ir/verifier.h"
#include "tests/support/recurrent_cases.h"

namespace {

using namespace seqc;
using namespace seqc::test;

/// A way to run an imported function on the inputs that it asks for.
struct Executor {
  const char* name;
  std::function<std::vector<Tensor>(const ir::Function&, const std::vector<Tensor>&)> run;
};

std::vector<Executor> executors() { return {{"interpreter", ir::interpret}}; }

std::unique_ptr<ir::Function> import_case(const RecurrentCase& c) {
  const std::string bytes = to_model(c).SerializeAsString();
  return frontend::import_model_bytes(std::as_bytes(std::span(bytes)), "case.onnx");
}

std::vector<double> reals(const Tensor& tensor) {
  std::vector<double> values(static_cast<size_t>(tensor.count()));
  for (int64_t i = 0; i < tensor.count(); ++i) values[static_cast<size_t>(i)] = tensor.real(i);
  return values;
}

/// "" or what is wrong with the results.
std::string compare(const RecurrentCase& c, const std::vector<Tensor>& got, double rtol, double atol) {
  const std::vector<ExpectedTensor> want = oracle(c);
  if (got.size() != want.size()) return fmt::format("{} outputs, expected {}", got.size(), want.size());
  for (size_t k = 0; k < want.size(); ++k) {
    const std::string_view name = kOutputNames[want[k].slot];
    if (got[k].dtype() != c.dtype) return fmt::format("{} is {}", name, got[k].type_str());
    if (got[k].shape() != want[k].shape) return fmt::format("{} has shape {}", name, got[k].type_str());
    const std::string difference = find_mismatch(reals(got[k]), want[k].values, rtol, atol);
    if (!difference.empty()) return fmt::format("{}: {}", name, difference);
  }
  return "";
}

/// Imports a case and compares what every executor makes of it; "" or what is wrong.
std::string check_case(const RecurrentCase& c, double rtol, double atol) {
  const auto function = import_case(c);
  if (const auto faults = ir::verify(*function); !faults.empty()) return faults[0].message;
  std::vector<Tensor> feeds;
  for (const NamedTensor& input : inputs(c)) feeds.push_back(input.value);
  for (const Executor& executor : executors()) {
    const std::string difference = compare(c, executor.run(*function, feeds), rtol, atol);
    if (!difference.empty()) return fmt::format("{}: {}", executor.name, difference);
  }
  return "";
}

/// Counts a case as failed, with its seed and description, and lets the others run.
void expect_agreement(uint64_t seed, const RecurrentCase& c, double rtol, double atol) {
  std::string fault;
  try {
    fault = check_case(c, rtol, atol);
  } catch (const std::exception& error) {
    fault = error.what();
  }
  CHECK_MESSAGE(fault.empty(), "seed ", seed, ": ", describe(c), "\n", fault);
}

/// The case in another element type; its values are rounded to it.
RecurrentCase in_type(RecurrentCase c, DType type) {
  c.dtype = type;
  for (int slot = 0; slot < kInputSlots; ++slot) {
    if (slot == kSequenceLens || !c.has(InputSlot(slot))) continue;
    Tensor rounded(type, c.inputs[slot].value.shape());
    for (int64_t i = 0; i < rounded.count(); ++i) rounded.set_real(i, c.inputs[slot].value.real(i));
    c.inputs[slot].value = rounded;
  }
  return c;
}

}  // namespace

TEST_SUITE_BEGIN("conformance");

TEST_CASE("random recurrent nodes: import and run agree with the oracle") {
  constexpr uint64_t kCases = 2400;
  for (uint64_t seed = 0; seed < kCases; ++seed) {
    const RecurrentCase c = random_case(seed);
    expect_agreement(seed, c, 1e-4, 1e-5);
  }
}

TEST_CASE("random recurrent nodes in f64 agree far beyond f32") {
  for (uint64_t seed = 10000; seed < 10300; ++seed) {
    const RecurrentCase c = in_type(random_case(seed), DType::f64);
    expect_agreement(seed, c, 1e-11, 1e-12);
  }
}

TEST_CASE("random recurrent nodes in f16 and bf16") {
  // Every op rounds its result; a step adds a handful of roundings to the states, which the cells here damp.
  for (const auto& [type, epsilon] : {std::pair(DType::f16, 0x1p-11), std::pair(DType::bf16, 0x1p-8)}) {
    int compared = 0;
    for (uint64_t seed = 20000; seed < 20300; ++seed) {
      const RecurrentCase c = in_type(random_case(seed), type);
      if (c.T > 7 || distance_to_jump(c) < 1) continue;
      expect_agreement(seed, c, 16 * epsilon, 16 * epsilon);
      ++compared;
    }
    CHECK(compared >= 100);
  }
}

TEST_SUITE_END();
