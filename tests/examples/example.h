/// Runs an example program as a newcomer does, on its built-in set, and holds all that it leaves behind against what its
/// README promises. Each program has a file NAME_test.cpp here with a TEST_CASE that calls test_example, and with what is
/// to be said of that program alone.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "ir/tensor.h"
#include "tests/runtime/training/data/files.h"
#include "tests/tools/seqc_tool.h"

namespace seqc::test {

/// An exported model against the trained one, for all examples of the test set.
struct ExampleModel {
  std::string part = "";  ///< the folder below --out, for programs that train several models
  /// Outputs whose last axis holds shares or scores of classes: the largest must be the same. Others are compared as
  /// numbers only. All must agree to 1e-4 (relative, where they are above 1).
  std::vector<std::string> classes = {};
  std::vector<std::string> yes_or_no = {};  ///< outputs whose elements must lie on the same side of 1/2
  bool trained = true;  ///< false: a piece of a model that was trained as a whole, without checkpoint and history
};

struct Example {
  std::string name;                             ///< of the program, without `example_`
  std::vector<std::string> arguments = {};      ///< beside --out, --record and --threads 1
  std::map<std::string, double> at_least = {};  ///< figures of summary.json
  std::map<std::string, double> at_most = {};
  std::vector<ExampleModel> models = {{}};
  std::vector<std::string> files = {"report.html", "loss.svg"};  ///< that there must be, beside those of every model
  /// Arguments of a start that uses the trained model, and what it must print; none: there is no such start.
  std::vector<std::string> use = {};
  std::string use_prints = "";
};

/// What a run left behind; the folder is removed with it.
class ExampleRun {
 public:
  /// A file of the folder --out.
  std::filesystem::path file(const std::string& name) const { return folder() / "out" / name; }
  std::filesystem::path folder() const { return folder_.path(""); }
  /// Starts a program with --out, --threads 1 and these arguments.
  ToolResult start(const std::string& name, const std::vector<std::string>& arguments) const;
  /// The figures of summary.json.
  std::map<std::string, double> figures() const;

 private:
  Folder folder_;
};

/// Trains, in less than a minute, starts again (which trains nothing, and ends with the same figures), uses what was
/// trained, and checks figures, files and exported models, in ONNX's checker, our importer and ONNX Runtime. Failures are
/// those of the current test.
void test_example(const Example& example);
/// "" or the first difference between what a recording (--record) says of the trained model, for all examples of the test
/// set, and what the exported one says: compiled by us and, where it is installed, in ONNX Runtime.
std::string recording_fault(const std::filesystem::path& onnx, const std::filesystem::path& recording,
                            const ExampleModel& model);

/// The same, and leaves the run for more checks.
void test_example(const Example& example, const ExampleRun& run);

}  // namespace seqc::test
