// ONNX's own node cases and the shared models: imported, exported and imported again they compute what they did.
// SEQC_ROUND_TRIP_ORT=1 asks ONNX Runtime as well (it lacks operators, types and opsets that ONNX has); SEQC_CASE=text
// takes the cases whose names have that text.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "ir/error.h"
#include "tests/support/exported.h"
#include "tests/support/model_folders.h"

namespace {

namespace fs = std::filesystem;
using namespace seqc;
using namespace seqc::test;
using Lines = std::set<std::string>;

constexpr const char* kNodeCases = "/usr/share/libonnx-testdata/data/node";

struct Outcome {
  TempDir files;  ///< what was exported
  Lines passed;
  Lines refused;  ///< by the exporter: "name: why"
  Lines one_way;  ///< exported, but our importer must know more: "name: why"
  Lines failed;   ///< "name: why"
  int left_out = 0;
};

void run_case(const fs::path& folder, Within within, const Judges& judges, Outcome& outcome) {
  const std::string name = folder.filename().string(), model = (folder / "model.onnx").string();
  std::unique_ptr<ir::Function> function;
  std::vector<Tensor> fed;
  try {
    const auto inputs = read_inputs(folder);
    std::map<std::string, Tensor> by_name;
    for (const NamedTensor& input : inputs.value_or(std::vector<NamedTensor>{})) {
      by_name[input.name] = input.value;
      fed.push_back(input.value);
    }
    if (!inputs || frontend::draws_random_numbers(model, by_name)) {
      ++outcome.left_out;
      return;
    }
    function = import_for([&](const auto& options) { return frontend::import_model(model, options); }, by_name);
  } catch (const Error&) {  // what the importer refuses is not for the exporter
    ++outcome.left_out;
    return;
  }
  try {
    const std::string fault = round_trip_fault(*function, fed, within, {}, judges);
    frontend::export_model(*function, (outcome.files / (name + ".onnx")).string());
    if (fault.empty())
      outcome.passed.insert(name);
    else
      outcome.failed.insert(name + ": " + fault);
  } catch (const Error& error) {
    const std::string_view text = error.what();
    const bool run_time = text.starts_with("exported: ") && text.find("must know it when compiling") != text.npos;
    (text.starts_with("export: ") ? outcome.refused
     : run_time                   ? outcome.one_way
                                  : outcome.failed)
        .insert(name + ": " + error.what());
  }
}

void report(const Outcome& outcome) {
  std::string text =
      fmt::format("{} came back the same, {} refused, {} exported with sizes that our importer must know, {} left out",
                  outcome.passed.size(), outcome.refused.size(), outcome.one_way.size(), outcome.left_out);
  for (const std::string& line : outcome.one_way) text += "\n  one way " + line;
  for (const std::string& line : outcome.refused) text += "\n  refused " + line;
  MESSAGE(text);
  for (const std::string& line : outcome.failed) FAIL_CHECK(line);
  CHECK(checker_faults(outcome.files.path()) == "");
}

}  // namespace

TEST_SUITE_BEGIN("frontend");

// The list only grows: SEQC_REWRITE=1 adds cases that pass now and never takes one away.
TEST_CASE("export: ONNX's node cases come back the same") {
  REQUIRE_MESSAGE(fs::exists(kNodeCases), "package libonnx-testdata is not installed; tools/setup.sh test does it");
  const fs::path list = fs::path(SEQC_SOURCE_DIR) / "tests/frontend/onnx/exported_node_cases.txt";
  Lines expected;
  std::ifstream in(list);
  for (std::string line; std::getline(in, line);) expected.insert(line);
  Outcome outcome;
  int number = 0;
  const bool ort = std::getenv("SEQC_ROUND_TRIP_ORT") != nullptr;
  const Within within = ort ? Within{1e-4, 1e-5} : Within{1e-6, 1e-6};  // ONNX Runtime makes long sums in another order
  for (const fs::path& folder : model_folders(kNodeCases))
    run_case(folder, within, {.compiled = number++ % 16 == 0, .ort = ort}, outcome);
  report(outcome);
  if (std::getenv("SEQC_CASE")) return;
  for (const std::string& name : expected) CHECK_MESSAGE((outcome.passed.contains(name) || ort), name);
  CHECK(expected.size() >= 500);
  if (std::getenv("SEQC_REWRITE")) {
    expected.insert(outcome.passed.begin(), outcome.passed.end());
    std::ofstream out(list);
    for (const std::string& name : expected) out << name << "\n";
  }
}

TEST_CASE("export: the shared models come back the same") {
  const auto shared = shared_folder("models");
  if (!shared) return;
  Outcome outcome;
  for (const fs::path& folder : model_folders(*shared)) run_case(folder, {1e-4, 1e-5}, {.interpreted = false}, outcome);
  report(outcome);
}

TEST_SUITE_END();
