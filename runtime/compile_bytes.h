/// ONNX models in memory instead of in files; `name` stands for the file in messages. Their tensors must all be within.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "runtime/compile.h"
#include "runtime/program.h"

namespace seqc::runtime {

/// As load_function.
std::unique_ptr<ir::Function> load_function_bytes(std::span<const std::byte> model, const std::string& name,
                                                  const CompileOptions& options = {});
/// As lower_file.
Lowered lower_bytes(std::span<const std::byte> model, const std::string& name, const CompileOptions& options = {});
/// As Program::compile_file.
std::shared_ptr<const Program> compile_bytes(std::span<const std::byte> model, const std::string& name,
                                             const CompileOptions& options = {});

}  // namespace seqc::runtime
