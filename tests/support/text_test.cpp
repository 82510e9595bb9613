#include "tests/support/text_test.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "ir/error.h"
#include "ir/printer.h"
#include "ir/verifier.h"
#include "passes/pass.h"
#include "passes/remarks.h"

namespace seqc::test {
namespace {

constexpr std::string_view kExpect = "// EXPECT", kError = "// error:";

bool rewriting() {
  const char* value = std::getenv("SEQC_REWRITE");
  return value && std::string_view(value) == "1";
}

std::string_view trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in{std::string(text)};
  for (std::string part; std::getline(in, part, separator);)
    parts.emplace_back(separator == '\n' ? std::string_view(part) : trim(part));
  return parts;
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
}

/// The lines around the first difference.
std::string difference(std::string_view expected, std::string_view got) {
  const auto want = split(expected, '\n'), have = split(got, '\n');
  size_t line = 0;
  while (line < want.size() && line < have.size() && want[line] == have[line]) ++line;
  const auto at = [&](const auto& lines) { return line < lines.size() ? lines[line] : std::string("(nothing)"); };
  return fmt::format("first difference in line {}\n  expected {}\n  got      {}\nwhole output:\n{}", line + 1, at(want),
                     at(have), got);
}

/// What a case asks compress-weights for.
passes::WeightFormat weight_format(const TextCase& test) {
  if (test.weights == "f16") return passes::WeightFormat::F16;
  if (test.weights == "bf16") return passes::WeightFormat::BF16;
  if (test.weights == "int8") return passes::WeightFormat::I8;
  REQUIRE_MESSAGE(test.weights.empty(), test.path.string() << ": WEIGHTS: got " << test.weights);
  return passes::WeightFormat::F32;
}

}  // namespace

// --- files -------------------------------------------------------------------------------------------------------

std::filesystem::path tests_folder(const std::string& folder) {
  return std::filesystem::path(SEQC_SOURCE_DIR) / "tests" / folder;
}

std::vector<std::filesystem::path> seq_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::exists(folder))
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.path().extension() == ".seq") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE_MESSAGE(in, "cannot read " << path.string());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TextCase read_text_case(const std::filesystem::path& path) {
  TextCase test;
  test.path = path;
  const std::string text = read_text(path);
  const size_t expect = text.find(std::string("\n") + std::string(kExpect));
  test.input = text.substr(0, expect == std::string::npos ? expect : expect + 1);
  if (expect != std::string::npos) {
    const size_t line_end = text.find('\n', expect + 1);
    test.expect = line_end == std::string::npos ? "" : text.substr(line_end + 1);
  }
  for (const std::string& line : split(test.input, '\n')) {
    if (line.starts_with("// RUN:")) test.passes = split(line.substr(7), ',');
    if (line.starts_with("// WEIGHTS:")) test.weights = trim(line.substr(11));
    if (line.starts_with("// ACTIVATIONS:")) test.activations = trim(line.substr(15));
    if (line == "// REMARKS") test.remarks = true;
    if (!line.starts_with("// DIMS:")) continue;
    for (const std::string& binding : split(line.substr(8), ',')) {
      const size_t equals = binding.find('=');
      REQUIRE_MESSAGE(equals != std::string::npos, path.string()
                                                       << ": DIMS: got " << binding << ", expected NAME=SIZE");
      test.dims[binding.substr(0, equals)] = std::stoll(binding.substr(equals + 1));
    }
  }
  return test;
}

ir::WeightTable weights_of(const ir::Module& module) {
  ir::WeightTable table;
  for (const auto& function : module.functions) {
    for (const auto& value : function->constants()) table[value->constant().hash()] = value->constant();
    for (const ir::Value* value : function->parameters()) table[value->initial().hash()] = value->initial();
  }
  return table;
}

// --- checks ------------------------------------------------------------------------------------------------------

void check_round_trip(const ir::Module& module) {
  const ir::WeightTable weights = weights_of(module);
  for (const ir::PrintOptions options : {ir::PrintOptions{}, ir::PrintOptions{0, true}}) {
    const std::string text = ir::print(module, options);
    std::string again;
    try {
      again = ir::print(*ir::parse_module(text, "printed", weights), options);
    } catch (const Error& error) {
      FAIL_CHECK("what was printed does not parse: " << std::string(error.what()) << "\n" << text);
      continue;
    }
    CHECK_MESSAGE(again == text, "print(parse(print(m))): " << difference(text, again));
  }
}

void check_expectation(const TextCase& test, const std::string& got) {
  if (test.expect && trim(*test.expect) == trim(got)) return;
  if (rewriting())
    write_text(test.path, fmt::format("{}\n{}\n{}\n", trim(test.input), kExpect, trim(got)));
  else
    FAIL_CHECK(test.path.string() << ": " << difference(trim(test.expect.value_or("")), trim(got)));
}

void check_faults(const std::filesystem::path& path, const std::vector<Fault>& faults) {
  auto lines = split(read_text(path), '\n');
  std::map<int, std::vector<std::string>> found;
  for (const Fault& fault : faults)
    found[std::clamp(fault.line, 1, static_cast<int>(lines.size()))].push_back(fault.message);
  std::string report;
  for (int number = 1; number <= static_cast<int>(lines.size()); ++number) {
    std::string& line = lines[static_cast<size_t>(number) - 1];
    const size_t start = std::min(line.find(kError), line.size());
    std::vector<std::string>& messages = found[number];
    std::string rewritten = std::string(line.substr(0, start));
    for (const std::string& message : messages)
      rewritten += fmt::format("{}{} {}", rewritten.ends_with(' ') || rewritten.empty() ? "" : "  ", kError, message);
    for (size_t at = start; at < line.size();) {
      const size_t end = std::min(line.find(kError, at + 1), line.size());
      const std::string wanted(trim(line.substr(at + kError.size(), end - at - kError.size())));
      const auto match = std::find_if(messages.begin(), messages.end(), [&](const std::string& message) {
        return message.find(wanted) != std::string::npos;
      });
      if (match == messages.end())
        report += fmt::format("\n{}:{}: expected error: {}", path.string(), number, wanted);
      else
        messages.erase(match);
      at = end;
    }
    for (const std::string& message : messages)
      report += fmt::format("\n{}:{}: got error: {}", path.string(), number, message);
    line = std::string(rewritten.substr(0, rewritten.find_last_not_of(' ') + 1));
  }
  if (report.empty()) return;
  if (rewriting())
    write_text(path, fmt::format("{}\n", fmt::join(lines, "\n")));
  else
    FAIL_CHECK(report);
}

void run_text_case(const TextCase& test) {
  CAPTURE(test.path.string());
  try {
    const auto before = ir::parse_module(test.input, test.path.string());
    const auto after = ir::parse_module(test.input, test.path.string());
    check_round_trip(*before);
    bool exact = true;
    passes::PassContext context;
    context.weights = weight_format(test);
    if (test.activations == "int8") context.activations = passes::ActivationFormat::I8;
    if (test.activations == "int16") context.activations = passes::ActivationFormat::I16;
    passes::Remarks remarks;
    if (test.remarks) context.remarks = &remarks;
    for (const std::string& name : test.passes) {
      const passes::PassInfo* pass = passes::find_pass(name);
      REQUIRE_MESSAGE(pass, "RUN names \"" << name << "\", which is no pass");
      exact = exact && pass->exactness == passes::Exactness::Exact;
    }
    for (size_t i = 0; i < after->functions.size(); ++i) {
      ir::verify_or_throw(*before->functions[i], "input");
      if (test.passes.empty()) continue;
      passes::run_passes(*after->functions[i], test.passes, context, {});
      for (const auto& change : changes_of_meaning(*before->functions[i], *after->functions[i], exact, test.dims))
        FAIL_CHECK(change);
    }
    check_round_trip(*after);
    std::string got = ir::print(*after);
    for (const passes::Remark& remark : remarks.all()) got += fmt::format("// {}\n", passes::text(remark, remarks));
    check_expectation(test, got);
  } catch (const Error& error) {
    FAIL_CHECK(std::string(error.what()));
  }
}

}  // namespace seqc::test
