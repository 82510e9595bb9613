/// Reads IR text.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "ir/ir.h"

namespace seqc::ir {

/// Bytes of constants that the text gives as `#hash`.
using WeightTable = std::map<uint64_t, Tensor>;

/// The line on which each op begins; for messages about ops of a text.
using LineTable = std::map<const Op*, int>;

/// Parses a module. Throws Error(BadInput) with "file:line:column: got ..., expected ...", a line for each fault. The
/// result is well-typed as far as the op rules go (types are inferred and compared with the written ones, which may be
/// left out); `verify` checks the rest.
std::unique_ptr<Module> parse_module(std::string_view text, std::string_view file_name = "<text>",
                                     const WeightTable& weights = {}, LineTable* lines = nullptr);
/// Reads a file and, when it is there, its ".weights".
std::unique_ptr<Module> load_module(const std::string& path);

}  // namespace seqc::ir
