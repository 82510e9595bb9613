/// `seqc inspect --html`: a model and all that becomes of it, on one page without scripts or anything from elsewhere.
#pragma once

#include <optional>
#include <string>

#include "runtime/compile.h"
#include "tools/seqc/profile.h"

namespace seqc::tools {

struct PageOptions {
  std::string model;
  runtime::CompileOptions compile;
  std::optional<Profile> profile = {};  ///< of the kernels, where it was asked for
};

/// Imports and compiles the model, and writes the page, whole or not at all.
void save_inspect_page(const PageOptions& options, const std::string& file);

}  // namespace seqc::tools
