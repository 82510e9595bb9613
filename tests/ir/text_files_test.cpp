// Runs tests/ir/{print,parse,verify}/*.seq; see tests/support/text_test.h for their form.
#include <doctest/doctest.h>

#include <charconv>

#include "ir/error.h"
#include "ir/printer.h"
#include "ir/verifier.h"
#include "tests/support/text_test.h"

namespace seqc::test {
namespace {

/// "file:3:7: got ..." as a fault of line 3 with the message "7: got ...".
std::vector<Fault> faults_of(const std::string& message, const std::string& file) {
  std::vector<Fault> faults;
  for (size_t at = 0; at < message.size();) {
    const size_t end = std::min(message.find('\n', at), message.size());
    const std::string line = message.substr(at, end - at);
    at = end + 1;
    int number = 0;
    if (!line.starts_with(file + ":")) {
      faults.push_back({1, "without a place: " + line});
      continue;
    }
    const char* digits = line.data() + file.size() + 1;
    const auto [stop, error] = std::from_chars(digits, line.data() + line.size(), number);
    faults.push_back({number, std::string(stop + 1, line.data() + line.size())});
  }
  return faults;
}

/// The line of the n-th function.
int function_line(const std::string& text, size_t n) {
  int line = 1;
  for (size_t at = 0; at < text.size(); ++line) {
    if (text.compare(at, 5, "func ") == 0 && n-- == 0) return line;
    at = std::min(text.find('\n', at), text.size() - 1) + 1;
  }
  return 1;
}

TEST_SUITE_BEGIN("ir");

TEST_CASE("text prints in its normal form") {
  const auto files = seq_files(tests_folder("ir/print"));
  CHECK(!files.empty());
  for (const auto& path : files) run_text_case(read_text_case(path));
}

TEST_CASE("faults of the text are reported where they are") {
  const auto files = seq_files(tests_folder("ir/parse"));
  CHECK(!files.empty());
  for (const auto& path : files) {
    std::vector<Fault> faults;
    try {
      ir::parse_module(read_text(path), "text");
      FAIL_CHECK(path.string() << " parses, expected faults");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::BadInput);
      faults = faults_of(error.what(), "text");
    }
    check_faults(path, faults);
  }
}

TEST_CASE("the verifier names the ops at fault") {
  const auto files = seq_files(tests_folder("ir/verify"));
  CHECK(!files.empty());
  for (const auto& path : files) {
    CAPTURE(path.string());
    const std::string text = read_text(path);
    ir::LineTable lines;
    const auto module = ir::parse_module(text, path.string(), {}, &lines);
    check_round_trip(*module);
    std::vector<Fault> faults;
    for (size_t i = 0; i < module->functions.size(); ++i)
      for (const auto& diagnostic : ir::verify(*module->functions[i]))
        faults.push_back({diagnostic.op ? lines.at(diagnostic.op) : function_line(text, i), diagnostic.message});
    CHECK(!faults.empty());
    check_faults(path, faults);
  }
}

TEST_SUITE_END();

}  // namespace
}  // namespace seqc::test
