#include "runtime/verify.h"

#include <algorithm>

#include "ir/clone.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/verifier.h"
#include "runtime/bisect.h"
#include "runtime/session.h"

namespace seqc::runtime {
namespace {

using Tensors = std::vector<ir::Tensor>;

void run_passes(ir::Function& function, const std::vector<passes::PassInfo>& passes, const VerifyOptions& options) {
  passes::PassContext context = options.context;
  for (const passes::PassInfo& pass : passes)
    if (pass.run(function, context)) ir::verify_or_throw(function, fmt::format("after {}", pass.name));
}

/// Compiles the function after these passes, runs it and compares.
VerifiedWay run_way(const std::string& name, const ir::Function& function, const std::vector<passes::PassInfo>& passes,
                    const Tensors& inputs, const Tensors& want, const VerifyOptions& options) {
  VerifiedWay way{.name = name};
  try {
    auto copy = ir::clone(function);
    run_passes(*copy, passes, options);
    Session session(options.generate(ready(std::move(copy))), options.threads);
    const Stopwatch watch;
    const Tensors got = session.run(inputs);
    way.milliseconds = watch.milliseconds();
    compare_outputs(way, got, want, function.output_names, options.tolerance);
  } catch (const Error& error) {
    way.problem = error.what();
  }
  return way;
}

bool holds_gradient(const ir::Function& function) {
  bool found = false;
  ir::walk(function.body(), [&](const ir::Op* op) { found = found || op->code() == ir::Opcode::Gradient; });
  return found;
}

std::vector<passes::PassInfo> passes_of(const std::vector<std::string>& names) {
  std::vector<passes::PassInfo> result;
  for (const std::string& name : names) result.push_back(*passes::find_pass(name));
  return result;
}

}  // namespace

Lowered ready(std::unique_ptr<ir::Function> function) {
  Lowered result;
  result.function = std::move(function);
  return result;
}

std::vector<passes::PassInfo> standard_passes(const std::set<std::string>& disabled) {
  std::vector<std::string> names = passes::standard_pipeline();
  std::erase_if(names, [&](const std::string& name) { return disabled.contains(name); });
  return passes_of(names);
}

std::vector<passes::PassInfo> needed_passes() {
  return passes_of({"canonicalize-contractions", "pack-weights", "form-kernels", "eliminate-dead-code"});
}

bool Verification::agrees() const {
  return std::all_of(ways.begin(), ways.end(), [](const VerifiedWay& way) { return way.agrees(); });
}

std::vector<ir::Tensor> expected_outputs(const ir::Function& function, const std::vector<ir::Tensor>& inputs) {
  if (!holds_gradient(function)) return ir::interpret(function, inputs);
  // Gradients have no other meaning than what is written out for them.
  auto written = ir::clone(function);
  passes::PassContext context;
  passes::differentiate(*written, context);
  return ir::interpret(*written, inputs);
}

void compare_outputs(VerifiedWay& way, const Tensors& got, const Tensors& want, const std::vector<std::string>& names,
                     const Tolerance& tolerance) {
  if (got.size() != want.size()) {
    way.problem = fmt::format("gave {} outputs, expected {}", got.size(), want.size());
    return;
  }
  for (size_t i = 0; i < want.size(); ++i)
    if (auto found = difference(got[i], want[i], tolerance)) way.differences.emplace_back(names[i], std::move(*found));
}

Verification verify(const ir::Function& imported, const Tensors& inputs, const VerifyOptions& asked) {
  VerifyOptions options = asked;
  if (options.passes.empty()) options.passes = standard_passes();
  if (!options.generate)
    options.generate = [](Lowered lowered) {
      CompileOptions compile;
      compile.cache.enabled = false;
      return Program::generate(std::move(lowered), compile);
    };
  Verification result;
  auto function = ir::clone(imported);
  if (holds_gradient(*function)) run_passes(*function, passes_of({"differentiate"}), options);
  const Stopwatch watch;
  const Tensors want = ir::interpret(*function, inputs);
  result.interpreter_milliseconds = watch.milliseconds();
  const auto check = [&](const std::string& name, const std::vector<passes::PassInfo>& passes) {
    result.ways.push_back(run_way(name, *function, passes, inputs, want, options));
    if (result.ways.back().agrees()) return;
    Culprit culprit = find_culprit(*function, passes, inputs, want, options);
    culprit.way = name;
    result.culprits.push_back(std::move(culprit));
  };
  check("unoptimised code", needed_passes());
  check("optimised code", options.passes);
  return result;
}

}  // namespace seqc::runtime
