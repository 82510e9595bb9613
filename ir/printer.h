/// IR as text. What is printed parses back to the same module.
#pragma once

#include <string>

#include "ir/ir.h"

namespace seqc::ir {

struct PrintOptions {
  /// Constants with more elements are printed as `#hash`; their bytes belong in a side file (see save_module).
  int64_t max_inline_elements = 16;
  /// False: of constants of rank 1 and more only the types are shown. What is printed then tells functions of different
  /// code apart, and does not parse.
  bool constant_values = true;
  /// Appends `loc("...")` to each op that has a location.
  bool locations = false;
};

std::string print(const Module& module, const PrintOptions& options = {});
std::string print(const Function& function, const PrintOptions& options = {});
/// One op with its regions, for messages.
std::string print(const Op& op, const PrintOptions& options = {});

/// Writes `path` and, when there are large constants, `path` + ".weights" with their bytes. Both appear whole or not at
/// all. Throws Error(BadInput) when a file cannot be written.
void save_module(const Module& module, const std::string& path, const PrintOptions& options = {});

}  // namespace seqc::ir
