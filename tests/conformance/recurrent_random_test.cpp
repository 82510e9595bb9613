// RNN, GRU and LSTM over the whole attribute space: random nodes through import and execution, against the oracle.
#include <doctest/doctest.h>

#include "ir/interpreter.h"
#include "ir/verifier.h"
#include "tests/support/recurrent_check.h"

namespace {

using namespace seqc;
using namespace seqc::test;

/// Verifies what the importer made and interprets it.
std::vector<Tensor> interpreted(std::unique_ptr<ir::Function> function, const std::vector<Tensor>& inputs) {
  if (const auto faults = ir::verify(*function); !faults.empty()) FAIL_CHECK(faults[0].message);
  return ir::interpret(*function, inputs);
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
    expect_agreement(seed, c, interpreted, 1e-4, 1e-5);
  }
}

TEST_CASE("random recurrent nodes in f64 agree far beyond f32") {
  for (uint64_t seed = 10000; seed < 10300; ++seed) {
    const RecurrentCase c = in_type(random_case(seed), DType::f64);
    expect_agreement(seed, c, interpreted, 1e-11, 1e-12);
  }
}

TEST_CASE("random recurrent nodes in f16 and bf16") {
  // Every op rounds its result; a step adds a handful of roundings to the states, which the cells here damp.
  for (const auto& [type, epsilon] : {std::pair(DType::f16, 0x1p-11), std::pair(DType::bf16, 0x1p-8)}) {
    int compared = 0;
    for (uint64_t seed = 20000; seed < 20300; ++seed) {
      const RecurrentCase c = in_type(random_case(seed), type);
      if (c.T > 7 || distance_to_jump(c) < 1) continue;
      expect_agreement(seed, c, interpreted, 16 * epsilon, 16 * epsilon);
      ++compared;
    }
    CHECK(compared >= 100);
  }
}

TEST_SUITE_END();
