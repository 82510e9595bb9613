// What decides compiled code is in its key, and what does not is left out.
#include "codegen/code_key_llvm.h"

#include <doctest/doctest.h>

#include <set>

#include "codegen/digest.h"
#include "codegen/target_llvm.h"
#include "ir/parser.h"

using namespace seqc;
using codegen::code_key;
using codegen::Target;
using ir::Tensor;

namespace {

std::string text(const std::string& weights, const std::string& factor, const std::string& op) {
  return "func @main(%x: f32[N,2]) -> (y: f32[N,2]) {\n  const @w: f32[2] = " + weights + "\n  %a = mul %x, f32(" +
         factor + ")\n  %y = " + op + " %a, @w\n  return %y\n}\n";
}

std::string key(const std::string& source, const Target& target = {}, const codegen::FixedValues& fixed = {},
                const std::string& version = "1") {
  const auto module = ir::parse_module(source, "test");
  const auto machine = codegen::make_target_machine(target);
  codegen::ProgramOptions options;
  options.embed_constants = false;
  options.target = codegen::describe_target(*machine, target);
  options.needs = codegen::cpu_needs(*machine);
  options.fixed = fixed;
  return code_key(*module->functions[0], target, *machine, options, version);
}

}  // namespace

TEST_CASE("digest: BLAKE3's own test vector") {
  // Source: test_vectors.json of BLAKE3, input_len 0.
  CHECK(codegen::digest("") == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
}

TEST_CASE("code key: weights have no part in it, everything else has") {
  const std::string base = text("[1, 2]", "3.0", "add");
  Target base_target;
  base_target.triple = "x86_64-pc-linux-gnu";
  base_target.cpu = "x86-64-v3";
  const std::string known = key(base, base_target);
  CHECK(known.size() == 64);
  CHECK(key(base, base_target) == known);
  CHECK(key(text("[7, -1]", "3.0", "add"), base_target) == known);
  const auto with = [&](auto change) {
    Target target = base_target;
    change(target);
    return target;
  };
  const codegen::FixedValues one = {{"x", Tensor::f32({1, 2}, {1, 2})}}, other = {{"x", Tensor::f32({1, 2}, {1, 3})}};
  const std::vector<std::string> keys = {
      known,
      key(text("[1, 2]", "3.5", "add"), base_target),  // a number of rank 0 is part of the code
      key(text("[1, 2]", "3.0", "sub"), base_target),
      key("func @main(%x: f32[N,2]) -> (y: f32[N,2]) {\n  const @w: f32[1,2] = [[1, 2]]\n  %a = mul %x, f32(3.0)\n"
          "  %y = add %a, @w\n  return %y\n}\n",
          base_target),
      key(base, with([](Target& t) { t.cpu = "x86-64-v4"; })),
      key(base, with([](Target& t) { t.features = "-fma"; })),
      key(base, with([](Target& t) { t.triple = "aarch64-linux-gnu", t.cpu = ""; })),
      key(base, with([](Target& t) { t.worth_sharing = 0; })),
      key(base, base_target, one),
      key(base, base_target, other),
      key(base, base_target, {}, "2"),
  };
  CHECK(std::set<std::string>(keys.begin(), keys.end()).size() == keys.size());
}

TEST_CASE("code key: the version says which seqc, which sources and which LLVM") {
  const std::string version = codegen::generator_version();
  CHECK(version.starts_with("seqc 0."));
  CHECK(version.find(" LLVM 19.1.") != std::string::npos);
  CHECK(version.size() > 64);
}
