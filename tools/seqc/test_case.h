/// One case of a conformance suite in the layout of the ONNX backend tests: a folder with model.onnx and
/// test_data_set_K folders of input_i.pb and output_i.pb.
#pragma once

#include <string>
#include <vector>

#include "runtime/compile.h"
#include "tools/seqc/compare.h"

namespace seqc::tools {

/// All folders at and below `folders` that are cases, sorted. Throws Error(BadInput) for a folder that does not exist.
std::vector<std::string> find_cases(const std::vector<std::string>& folders);

enum class Engine { Compiled, InterpretImported, InterpretFinal };

struct TestOptions {
  Engine engine = Engine::Compiled;
  Tolerance tolerance;
  int threads = 1;
  runtime::CompileOptions compile;
};

enum class Outcome { Passed, Failed, Refused };

struct CaseResult {
  Outcome outcome = Outcome::Passed;
  std::string message;  ///< for those that did not pass: one line, with the data set
  bool random = false;  ///< the model draws random numbers: only types and shapes of its outputs were compared
};

/// Runs every data set of a case until one fails. Does not throw.
CaseResult run_case(const std::string& folder, const TestOptions& options);

}  // namespace seqc::tools
