// What is known of a target's processor, and what follows from it.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "codegen/codegen.h"
#include "ir/parser.h"
#include "runtime/compile.h"

using namespace seqc;

namespace {

codegen::Target processor(const std::string& triple, const std::string& cpu, const std::string& features) {
  codegen::Target target;
  target.triple = triple;
  target.cpu = cpu;
  target.features = features;
  return target;
}

codegen::Target x86(const std::string& cpu, const std::string& features = "") {
  return processor("x86_64-pc-linux-gnu", cpu, features);
}

/// Registers that a step's product of one row with `products` matrices has for its sums.
int64_t accumulators(const codegen::Target& target, size_t products, int64_t hidden) {
  std::string weights, results, sum = "    %s0 = tanh %c0\n";
  for (size_t i = 0; i < products; ++i) {
    weights += fmt::format(", %w{}: f32[{},{}]", i, hidden, hidden);
    results += fmt::format("{}%c{}", i ? ", " : "", i);
    if (i) sum += fmt::format("    %t{0} = tanh %c{0}\n    %s{0} = add %s{1}, %t{0}\n", i, i - 1);
  }
  std::string operands;
  for (size_t i = 0; i < products; ++i) operands += fmt::format(", %w{}", i);
  const std::string text = fmt::format(
      R"(func @steps(%h0: f32[1,{0}]{1}) -> (last: f32[1,{0}]) {{
  %last = scan {{length=9}} carry(%h = %h0) {{
    {2} = contract %h{3} {{spec="ni,ij->nj"}}
{4}    yield %s{5}
  }}
  return %last
}}
)",
      hidden, weights, results, operands, sum, products - 1);
  runtime::CompileOptions options;
  options.target = target;
  const auto function = runtime::lower(std::move(ir::parse_module(text, "steps")->functions[0]), options).function;
  int64_t found = 0;
  ir::walk(function->body(), [&](ir::Op* op) {
    if (op->code() == ir::Opcode::Contract)
      found += static_cast<int64_t>(op->result_count()) * op->as<ir::ContractAttr>().lanes /
               codegen::describe(target).vector_lanes;
  });
  return found;
}

}  // namespace

TEST_CASE("target: what its processor's name tells") {
  const auto known = [](const codegen::Target& target) {
    const codegen::TargetInfo info = codegen::describe(target);
    return std::pair(info.fma_units, info.first_cache >> 10);
  };
  CHECK(known(x86("znver4")) == std::pair<int64_t, int64_t>(1, 32));
  CHECK(known(x86("znver5")) == std::pair<int64_t, int64_t>(2, 48));
  CHECK(known(x86("znver5", "-avx512f")) == std::pair<int64_t, int64_t>(1, 48));  // as for all with shorter vectors
  CHECK(known(x86("icelake-client")) == std::pair<int64_t, int64_t>(1, 48));
  CHECK(known(x86("skylake-avx512")) == std::pair<int64_t, int64_t>(2, 32));
  CHECK(known(x86("x86-64-v4")) == std::pair<int64_t, int64_t>(1, 32));
  CHECK(known(processor("aarch64-linux-gnu", "", "")) == std::pair<int64_t, int64_t>(1, 32));
}

TEST_CASE("target: two vectors a cycle want more sums at once, also of weights that come from the second cache") {
  CHECK(accumulators(x86("znver4"), 4, 64) == 4);
  CHECK(accumulators(x86("znver5"), 4, 64) == 8);
  CHECK(accumulators(x86("znver4"), 4, 128) == 4);
  CHECK(accumulators(x86("znver5"), 4, 128) == 8);
  CHECK(accumulators(x86("znver4"), 3, 128) == 3);
  CHECK(accumulators(x86("znver5"), 3, 128) == 6);
  CHECK(accumulators(x86("znver5"), 2, 128) == 4);
  CHECK(accumulators(x86("znver5"), 2, 64) == 8);  // weights of 32 KB
  CHECK(accumulators(x86("znver4"), 3, 64) == 6);  // of 48 KB
  CHECK(accumulators(x86("znver5"), 3, 64) == 6);
}
