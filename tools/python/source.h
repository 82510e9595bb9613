/// Models as Python gives them, and the arguments by which they are compiled.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "frontend/onnx/import.h"
#include "runtime/compile.h"
#include "runtime/program.h"
#include "tools/python/module.h"

namespace seqc::python {

/// A model as Python gives it: a path, or a serialized ONNX model in memory.
struct Source {
  Source(const py::object& model, const std::string& name);

  bool is_library() const;
  bool is_onnx() const { return in_memory || !path.ends_with(".seq"); }
  frontend::ModelSummary summary() const;
  std::unique_ptr<ir::Function> load(const runtime::CompileOptions& options) const;
  std::shared_ptr<const runtime::Program> compile(const runtime::CompileOptions& options) const;

  std::string name, path;
  bool in_memory = false;
  py::object keep;
  std::span<const std::byte> bytes;
};

/// weights="bf16", activations="int8". Throws Error(BadInput) for others than there are.
void take_formats(const std::string& weights, const std::optional<std::string>& activations,
                  runtime::CompileOptions& options);
/// values={...}: the values of inputs of these types that become part of the program.
void take_values(const py::dict& values, const std::vector<frontend::ModelSummary::Port>& declared,
                 runtime::CompileOptions& options);

}  // namespace seqc::python
