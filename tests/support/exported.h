/// Functions through an ONNX file and back: what was exported must mean what it meant.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "frontend/onnx/export.h"
#include "tests/support/both_ways.h"

namespace seqc::test {

/// An exported function as the importer and the file's reader see it.
struct Exported {
  std::string bytes;
  std::map<std::string, int64_t> operators;  ///< nodes by type, subgraphs included
  std::unique_ptr<ir::Function> back;

  int64_t count(const std::string& op) const;
};
/// Imports again; shapes, then values, are taken from `inputs` where the importer cannot do without.
Exported export_and_import(const ir::Function& function, const std::vector<Tensor>& inputs,
                           const frontend::ExportOptions& options = {});

/// "" or what differs first between the function's outputs and those of the exported file: interpreted, compiled and,
/// where it is installed, from ONNX Runtime. `bounds`: of each output, on top of `within`; infinite ones are not looked at.
struct Judges {
  bool interpreted = true;  ///< false: of large models; the function's own outputs are then those of compiled code
  bool compiled = true;
  bool ort = true;
  std::vector<double> bounds = {};
};
std::string round_trip_fault(const ir::Function& function, const std::vector<Tensor>& inputs, Within within,
                             const frontend::ExportOptions& options = {}, const Judges& judges = {});

/// What ONNX's own checker, with shape inference, says against the model files in a folder: a line a file, "" if nothing.
/// Nothing where python3-onnx is not installed, which it tells.
std::string checker_faults(const std::filesystem::path& folder);

/// Imports a model as `load` does with these options; where it cannot without, `inputs` by name give shapes, then values.
using Load = std::function<std::unique_ptr<ir::Function>(const frontend::ImportOptions&)>;
std::unique_ptr<ir::Function> import_for(const Load& load, const std::map<std::string, Tensor>& inputs);

/// Fails the current test unless the outputs are the same; gives what was exported.
Exported check_export(const ir::Function& function, const std::vector<Tensor>& inputs, Within within = {1e-6, 1e-6},
                      const frontend::ExportOptions& options = {});

}  // namespace seqc::test
