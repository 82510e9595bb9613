/// A function compiled in several ways, whose outputs are held against the interpreter's and against each other.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "codegen/codegen.h"
#include "ir/interpreter.h"

namespace seqc::test {

/// What was compared: outputs count once for each set of inputs.
struct ComparisonCounts {
  int runs = 0;
  int exact = 0;      ///< outputs that must have the interpreter's bits
  int bounded = 0;    ///< those that may lie apart by a bound (error_bound.h)
  int unbounded = 0;  ///< those of which no bound is known: compared between pipelines only
};

/// The passes without which there is no code.
const std::vector<std::string>& needed_passes();

/// Compiled for this machine.
class CompiledWays {
 public:
  explicit CompiledWays(const ir::Function& function) : function_(function) {}

  /// The function after these passes. `folds`: some of it is computed by the interpreter, whose exp and tanh are the C
  /// library's.
  void add(const std::string& how, const std::vector<std::string>& passes, bool folds = false);

  /// Runs every way on one and two threads; "" or what differs first. Outputs must have the same bits on any number of
  /// threads and after any passes, unless those fold or change rounding.
  std::string compare(const std::vector<ir::Tensor>& inputs, const std::vector<ir::Tensor>& want,
                      ComparisonCounts& counts) const;

 private:
  struct Way {
    std::string how;
    std::unique_ptr<ir::Function> function;
    std::unique_ptr<codegen::CompiledModel> code;
    bool folds = false;
    bool exact = true;  ///< no pass that changes rounding did anything
  };
  const ir::Function& function_;
  std::vector<Way> ways_;
};

/// "" or the first element that differs by more than the output's bound (0: by a bit); any NaN is as good as another,
/// and outputs with an infinite bound are not looked at.
std::string difference(const std::vector<ir::Tensor>& got, const std::vector<ir::Tensor>& want,
                       const std::vector<double>& bounds);

}  // namespace seqc::test
