#include "tests/support/gradient_check.h"
#include "runtime/compile.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "codegen/codegen.h"
#include "ir/clone.h"
#include "ir/interpreter.h"
#include "ir/parser.h"
#include "ir/verifier.h"
#include "passes/pass.h"
#include "tests/support/random_inputs.h"
#include "tests/support/run_model.h"

namespace seqc::test {
namespace {

using ir::Tensor;

double total(const Tensor& tensor) {
  double sum = 0;
  for (int64_t i = 0; i < tensor.count(); ++i) sum += tensor.real(i);
  return sum;
}

std::vector<ir::Value*> float_arguments(const ir::Function& f) {
  std::vector<ir::Value*> result;
  for (size_t i = 0; i < f.body().argument_count(); ++i)
    if (ir::is_float(f.body().argument(i)->dtype())) result.push_back(f.body().argument(i));
  return result;
}

std::vector<Tensor> draw(const ir::Function& f, const GradientInputs& how) {
  if (!how.given.empty()) return how.given;
  auto inputs = random_inputs(f, trial_dims(f, 1), how.seed);
  for (Tensor& input : inputs)
    if (ir::is_float(input.dtype()))
      for (int64_t i = 0; i < input.count(); ++i)
        input.set_real(i, how.low + (how.high - how.low) * (input.real(i) + 1) / 2);
  return inputs;
}

void check_compiled(const ir::Function& f, const std::vector<Tensor>& inputs, const std::vector<Tensor>& want) {
  const auto got = run_compiled(f, inputs);
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    CAPTURE(f.output_names[i]);
    CHECK(distance(got[i], want[i]) < 1e-10);
  }
}

}  // namespace

double distance(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape()) return std::numeric_limits<double>::infinity();
  double largest = 1, difference = 0;
  for (int64_t i = 0; i < a.count(); ++i) {
    if (std::isnan(a.real(i)) || std::isnan(b.real(i))) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, std::fabs(b.real(i)));
    difference = std::max(difference, std::fabs(a.real(i) - b.real(i)));
  }
  return difference / largest;
}

std::string gradient_text(const std::string& signature, const std::string& body, const std::string& y) {
  return "func @f(" + signature + ") -> (y: " + y + ") {\n" + body + "\n  return %y\n}\n";
}

std::unique_ptr<ir::Function> with_gradients(const ir::Function& f, const passes::GradientOptions& options) {
  auto result = ir::clone(f);
  ir::Op* end = result->body().terminator();
  const auto all = passes::gradients(*result, end->operand(0), float_arguments(*result), options);
  std::vector<ir::Value*> outputs = end->operands();
  for (size_t i = 0; i < all.size(); ++i)
    for (ir::Value* value : {all[i].dense, all[i].indices, all[i].rows}) {
      if (!value) continue;
      outputs.push_back(value);
      result->output_names.push_back("grad" + std::to_string(outputs.size()));
    }
  end->set_operands(outputs);
  ir::verify_or_throw(*result, "gradients");
  return result;
}

std::vector<Tensor> run_compiled(const ir::Function& f, const std::vector<Tensor>& inputs, size_t* workspace) {
  passes::PassContext context = runtime::pass_context({});
  auto function = ir::clone(f);
  passes::run_passes(*function, passes::standard_pipeline(), context, {});
  const auto code = codegen::compile(*function);
  if (workspace) *workspace = workspace_bytes(code->model(), inputs);
  return run_model(code->model(), inputs);
}

double worst_gradient(const std::string& text, const GradientInputs& inputs, const passes::GradientOptions& options) {
  const auto module = ir::parse_module(text, "test");
  return worst_gradient(*module->functions[0], inputs, options);
}

double worst_gradient(const ir::Function& f, const GradientInputs& how, const passes::GradientOptions& options) {
  const auto backward = with_gradients(f, options), forward = ir::clone(f);
  passes::PassContext context;
  passes::differentiate(*forward, context);  // where the function itself asks for gradients
  auto inputs = draw(f, how);
  const auto got = ir::interpret(*backward, inputs);
  if (how.compiled) check_compiled(*backward, inputs, got);
  const auto want = ir::interpret(*forward, inputs);
  for (size_t i = 0; i < want.size(); ++i) CHECK(got[i].identical(want[i]));
  double worst = 0;
  size_t result = want.size();
  constexpr double kStep = 1e-6;
  for (Tensor& input : inputs) {
    if (!ir::is_float(input.dtype())) continue;
    Tensor differences(ir::DType::f64, input.shape());
    for (int64_t i = 0; i < input.count(); ++i) {
      const double at = input.real(i);
      input.set_real(i, at + kStep);
      const double above = total(ir::interpret(*forward, inputs)[0]);
      input.set_real(i, at - kStep);
      const double below = total(ir::interpret(*forward, inputs)[0]);
      input.set_real(i, at);
      differences.set_real(i, (above - below) / (2 * kStep));
    }
    worst = std::max(worst, distance(got[result++], differences));
  }
  return worst;
}

}  // namespace seqc::test
