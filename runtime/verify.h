/// Holds a model's compiled code against the meaning of the model, and on a difference finds out who made it: the first pass
/// whose result means something else, or code generation; the first value and the first time step that are wrong.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/compile.h"
#include "runtime/difference.h"
#include "runtime/program.h"

namespace seqc::runtime {

/// What makes a program of a function that is ready for code generation.
using MakeProgram = std::function<std::shared_ptr<const Program>(Lowered)>;

struct VerifyOptions {
  Tolerance tolerance = {};
  int threads = 1;
  passes::PassContext context = {};           ///< see pass_context
  std::vector<passes::PassInfo> passes = {};  ///< of the optimised code, in order; see standard_passes
  MakeProgram generate = {};                  ///< Program::generate for this machine, unless another is given
};

/// A function after its passes as Program::generate takes it.
Lowered ready(std::unique_ptr<ir::Function> function);

/// The standard pipeline without the passes in `disabled`.
std::vector<passes::PassInfo> standard_passes(const std::set<std::string>& disabled = {});
/// The passes without which there is no code, for code that is not optimised.
std::vector<passes::PassInfo> needed_passes();

/// One way to compute the model's outputs, held against the interpreter.
struct VerifiedWay {
  std::string name = {};                                             ///< "unoptimised code"
  std::string problem = {};                                          ///< why it could not be run; empty: it was
  std::vector<std::pair<std::string, Difference>> differences = {};  ///< by output
  double milliseconds = 0;                                           ///< of a run

  bool agrees() const { return problem.empty() && differences.empty(); }
};

/// The first step of a scan that computes another value.
struct DifferentStep {
  std::string scan;     ///< "scan of %h (lstm1)"
  std::string value;    ///< "%h1"
  int64_t step, steps;  ///< in the order in which they run, from 0
  Difference difference;
};

/// Who made a difference.
struct Culprit {
  std::string way;                       ///< the one that differs
  std::string pass;                      ///< after which the function means something else; empty: code generation
  int position = -1;                     ///< of that pass in the list
  std::string value;                     ///< the first value in program order that differs; empty: none can be told
  std::optional<Difference> difference;  ///< of that value
  std::optional<DifferentStep> step;
  std::unique_ptr<ir::Function> before;  ///< the function as that pass, or code generation, got it
};

struct Verification {
  std::vector<VerifiedWay> ways;
  std::vector<Culprit> culprits;  ///< of each way of ours that differs
  double interpreter_milliseconds = 0;
  bool agrees() const;
};

/// Compares the interpreter's outputs of `function` (as it was imported) with those of unoptimised and of optimised code.
/// Throws Error when the interpreter refuses the function or the inputs.
Verification verify(const ir::Function& function, const std::vector<ir::Tensor>& inputs, const VerifyOptions& options);

/// What the interpreter says; for those who hold something else against it.
std::vector<ir::Tensor> expected_outputs(const ir::Function& function, const std::vector<ir::Tensor>& inputs);
/// Fills in the differences of a way that gave these outputs.
void compare_outputs(VerifiedWay& way, const std::vector<ir::Tensor>& got, const std::vector<ir::Tensor>& want,
                     const std::vector<std::string>& names, const Tolerance& tolerance);

}  // namespace seqc::runtime
