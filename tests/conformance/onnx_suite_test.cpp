// ONNX's backend suite and the shared models and cases, through `seqc test`.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/tools/seqc_tool.h"

namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;
using seqc::test::run_seqc;

constexpr const char* kNodeCases = "/usr/share/libonnx-testdata/data/node";

/// Case folders below `root` by what `seqc test` makes of them.
struct Outcome {
  Names passed;           ///< names
  Names failed, refused;  ///< "name: why"
};

Outcome run_suite(const fs::path& root) {
  Outcome outcome;
  for (const auto& entry : fs::directory_iterator(root))
    if (fs::exists(entry.path() / "model.onnx")) outcome.passed.insert(entry.path().filename().string());
  const auto result = run_seqc({"test", "--json", "--allow-refused", root.string()});
  const auto report = nlohmann::json::parse(result.out);
  const auto take = [&](const char* key, Names& into) {
    for (const auto& item : report.at(key)) {
      const std::string name = fs::path(item.at("case").get<std::string>()).filename().string();
      into.insert(name + ": " + item.at("message").get<std::string>());
      outcome.passed.erase(name);
    }
  };
  take("failed", outcome.failed);
  take("refused", outcome.refused);
  return outcome;
}

fs::path shared(const char* folder) {
  const char* given = std::getenv("SEQC_SHARED");
  return (given ? fs::path(given) : fs::path(SEQC_SOURCE_DIR).parent_path() / "shared") / folder;
}

}  // namespace

TEST_SUITE_BEGIN("conformance");

// The list only grows: SEQC_REWRITE=1 adds cases that pass now and never takes one away.
TEST_CASE("ONNX backend suite: the node cases that passed once still pass") {
  REQUIRE_MESSAGE(fs::exists(kNodeCases), "package libonnx-testdata is not installed; tools/setup.sh test does it");
  const fs::path list = fs::path(SEQC_SOURCE_DIR) / "tests/conformance/passing_node_cases.txt";
  Names expected;
  std::ifstream in(list);
  for (std::string line; std::getline(in, line);) expected.insert(line);
  const Outcome outcome = run_suite(kNodeCases);
  for (const std::string& name : expected) CHECK_MESSAGE(outcome.passed.contains(name), name);
  CHECK(expected.size() >= 700);
  if (std::getenv("SEQC_REWRITE")) {
    expected.insert(outcome.passed.begin(), outcome.passed.end());
    std::ofstream out(list);
    for (const std::string& name : expected) out << name << "\n";
  }
}

TEST_CASE("shared models all pass") {
  if (!fs::exists(shared("models"))) {
    MESSAGE("skipped: no folder shared/models beside the sources (set SEQC_SHARED)");
    return;
  }
  const Outcome outcome = run_suite(shared("models"));
  CHECK(outcome.failed == Names{});
  CHECK(outcome.refused == Names{});
}

TEST_CASE("shared single-operator cases all pass") {
  if (!fs::exists(shared("cases"))) {
    MESSAGE("skipped: no folder shared/cases beside the sources (set SEQC_SHARED)");
    return;
  }
  const Outcome outcome = run_suite(shared("cases"));
  CHECK(outcome.failed == Names{});
  CHECK(outcome.refused == Names{});
}

TEST_SUITE_END();
