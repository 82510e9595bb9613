// Runs tests/passes/<pass_name>/*.seq; see tests/support/text_test.h for their form.
#include "passes/pass.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "ir/printer.h"
#include "tests/support/text_test.h"

namespace seqc::test {
namespace {

std::string folder_name(std::string_view pass) {
  std::string folder(pass);
  std::replace(folder.begin(), folder.end(), '-', '_');
  return folder;
}

/// The printed input: what a pass that does not fire leaves.
bool changes_nothing(const TextCase& test) {
  const std::string printed = ir::print(*ir::parse_module(test.input, test.path.string()));
  return test.expect && test.expect->starts_with(printed);
}

TEST_SUITE_BEGIN("passes");

TEST_CASE("every folder of pass tests is named after a pass, and runs it") {
  std::set<std::string> known;
  for (const auto& pass : passes::all_passes()) known.insert(folder_name(pass.name));
  for (const auto& entry : std::filesystem::directory_iterator(tests_folder("passes"))) {
    if (!entry.is_directory()) continue;
    const std::string folder = entry.path().filename().string();
    CHECK_MESSAGE(known.contains(folder), "tests/passes/" << folder << " is named after no pass");
    for (const auto& path : seq_files(entry.path())) {
      const auto names = read_text_case(path).passes;
      CHECK_MESSAGE(
          std::any_of(names.begin(), names.end(), [&](const auto& name) { return folder_name(name) == folder; }),
          path.string() << ": RUN does not name the pass of its folder");
    }
  }
}

TEST_CASE("every pass has text tests, one of them where it must not fire") {
  for (const auto& pass : passes::all_passes()) {
    const auto files = seq_files(tests_folder("passes/" + folder_name(pass.name)));
    CHECK_MESSAGE(!files.empty(), "tests/passes/" << folder_name(pass.name) << " has no .seq files");
    CHECK_MESSAGE(
        std::any_of(files.begin(), files.end(), [](const auto& path) { return changes_nothing(read_text_case(path)); }),
        pass.name << " has no test in which it must not fire");
  }
}

TEST_CASE("passes rewrite text as expected and keep its meaning") {
  for (const auto& pass : passes::all_passes())
    for (const auto& path : seq_files(tests_folder("passes/" + folder_name(pass.name))))
      run_text_case(read_text_case(path));
}

TEST_SUITE_END();

}  // namespace
}  // namespace seqc::test
