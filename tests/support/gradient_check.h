/// Holds the gradients that differentiate writes against central differences, and compiled code against the interpreter.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ir/ir.h"
#include "passes/differentiate.h"

namespace seqc::test {

/// Random inputs: f64 between low and high, and how they are to be drawn.
struct GradientInputs {
  double low = -1, high = 1;
  uint64_t seed = 1;
  std::vector<ir::Tensor> given = {};  ///< these instead
  bool compiled = true;                ///< compile and run the gradients as well
};

/// The largest difference between the derivatives of the sum of the function's first output by each of its float arguments
/// and central differences, relative to the largest derivative of each argument (at least 1). Fails the current test when
/// code compiled after the standard pipeline gives other derivatives than the interpreter, or other values than without
/// them.
double worst_gradient(const std::string& text, const GradientInputs& inputs = {},
                      const passes::GradientOptions& options = {});
double worst_gradient(const ir::Function& f, const GradientInputs& inputs = {},
                      const passes::GradientOptions& options = {});

/// `body` computes %y, of type `y`, from arguments in `signature`.
std::string gradient_text(const std::string& signature, const std::string& body, const std::string& y);

/// A copy of the function with the gradients of the sum of output 0 by all float arguments behind its outputs.
std::unique_ptr<ir::Function> with_gradients(const ir::Function& f, const passes::GradientOptions& options = {});

/// Outputs of code compiled after the standard pipeline; `workspace` is the bytes that it needs.
std::vector<ir::Tensor> run_compiled(const ir::Function& f, const std::vector<ir::Tensor>& inputs,
                                     size_t* workspace = nullptr);

/// The largest difference, relative to the largest element (at least 1); infinite for other shapes.
double distance(const ir::Tensor& a, const ir::Tensor& b);

}  // namespace seqc::test
