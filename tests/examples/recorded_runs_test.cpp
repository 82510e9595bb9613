// Runs on data that do not come with the project: SEQC_EXAMPLE_RUNS names their folders, separated by colons, each made with
//   example_NAME --data DATA --out DIR --record DIR/record.npz
#include <doctest/doctest.h>

#include <cstdlib>
#include <sstream>

#include "tests/examples/example.h"
#include "tests/support/exported.h"

using namespace seqc;

TEST_CASE("example runs of SEQC_EXAMPLE_RUNS: exported models say what was recorded") {
  const char* folders = std::getenv("SEQC_EXAMPLE_RUNS");
  if (!folders) return;
  const test::Folder copies;  // that the checker looks at, of all runs
  std::istringstream list(folders);
  int64_t models = 0;
  for (std::string folder; std::getline(list, folder, ':');) {
    const int64_t before = models;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      const std::string file = entry.path().stem().string();  // record or record-PART
      if (!file.starts_with("record") || entry.path().extension() != ".npz") continue;
      const auto onnx = std::filesystem::path(folder) / (file == "record" ? "" : file.substr(7)) / "model.onnx";
      INFO(onnx.string());
      CHECK(test::recording_fault(
                onnx, entry.path(),
                {.classes = {"probabilities", "logits", "says", "next"}, .yes_or_no = {"probability"}}) == "");
      std::filesystem::copy_file(onnx, copies.path(std::to_string(models++) + ".onnx"));
    }
    INFO(folder);
    CHECK(models > before);
  }
  CHECK(test::checker_faults(copies.path("")) == "");
}
