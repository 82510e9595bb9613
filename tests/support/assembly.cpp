#include "tests/support/assembly.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <string_view>

namespace seqc::test {
namespace {

struct Function {
  std::string name;
  std::vector<std::string> lines;  // mnemonic, a space, operands; labels end in a colon
};

/// The line without comment, indentation and tabs; "" for directives.
std::string instruction(std::string line) {
  line = line.substr(0, line.find('#'));
  std::replace(line.begin(), line.end(), '\t', ' ');
  const size_t first = line.find_first_not_of(' '), last = line.find_last_not_of(' ');
  if (first == std::string::npos) return "";
  line = line.substr(first, last - first + 1);
  return line.starts_with(".") && !line.ends_with(":") ? "" : line;
}

std::vector<Function> functions(const std::string& assembly) {
  std::vector<Function> result;
  std::istringstream in(assembly);
  for (std::string raw; std::getline(in, raw);) {
    const std::string line = instruction(raw);
    if (line.empty()) continue;
    if (line.ends_with(":") && !line.starts_with("."))
      result.push_back({line.substr(0, line.size() - 1), {}});
    else if (!result.empty())
      result.back().lines.push_back(line);
  }
  return result;
}

struct Range {
  size_t first, last;
};

/// From the target of each jump backwards to the jump.
std::vector<Range> loops(const std::vector<std::string>& lines) {
  std::map<std::string, size_t> labels;
  std::vector<Range> result;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].ends_with(":")) labels[lines[i].substr(0, lines[i].size() - 1)] = i;
    if (!lines[i].starts_with("j")) continue;
    const auto target = labels.find(lines[i].substr(lines[i].find_last_of(' ') + 1));
    if (target != labels.end()) result.push_back({target->second, i});
  }
  return result;
}

bool is_vector_move(std::string_view mnemonic) {
  for (const char* prefix : {"vmov", "vbroadcast", "vpbroadcast", "vpmov", "vcvt"})
    if (mnemonic.starts_with(prefix)) return true;
  return false;
}

}  // namespace

std::vector<ProductLoop> product_loops(const std::string& assembly) {
  std::vector<ProductLoop> result;
  for (const Function& function : functions(assembly)) {
    const auto& lines = function.lines;
    const bool has_frame = std::find(lines.begin(), lines.end(), "movq %rsp, %rbp") != lines.end();
    const std::vector<Range> all = loops(lines);
    for (const Range& loop : all) {
      const bool innermost = std::none_of(all.begin(), all.end(), [&](const Range& other) {
        return other.first >= loop.first && other.last <= loop.last &&
               other.last - other.first < loop.last - loop.first;
      });
      ProductLoop product{function.name, 0, {}};
      bool other_arithmetic = false;
      for (size_t i = loop.first; i <= loop.last; ++i) {
        const std::string mnemonic = lines[i].substr(0, lines[i].find(' '));
        if (mnemonic.starts_with("vfmadd"))
          ++product.multiply_adds;
        else if (mnemonic.starts_with("v") && !is_vector_move(mnemonic))
          other_arithmetic = true;
        if (lines[i].find("%rsp") != std::string::npos || mnemonic.starts_with("push") || mnemonic.starts_with("pop") ||
            (has_frame && lines[i].find("(%rbp") != std::string::npos))
          product.stack.push_back(lines[i]);
      }
      if (innermost && !other_arithmetic && product.multiply_adds > 0) result.push_back(std::move(product));
    }
  }
  return result;
}

}  // namespace seqc::test
