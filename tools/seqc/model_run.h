/// A model with the inputs that the command line gives it: what `seqc run` and `seqc bench` begin with.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/compile.h"
#include "runtime/session.h"

namespace seqc::tools {

struct RunOptions {
  std::string model;
  runtime::CompileOptions compile;
  std::string input_folder;
  std::vector<std::string> input_files;  ///< NAME=FILE
  uint64_t seed = 0;
  int threads = 1;
};

/// --inputs, --input, --seed, --threads, and what shapes are given: --dim, --shape, --value, ...
void add_input_options(CLI::App& app, RunOptions& options);
/// The model, add_input_options and the compiler's options.
void add_run_options(CLI::App& app, RunOptions& options);

/// The inputs that files give, in the order of the program's ports; nothing when there are none and they are to be random.
/// What they say of the model's structure goes into `compile`. Throws Error(BadInput) for missing, unknown and unfit ones.
std::optional<std::vector<ir::Tensor>> given_inputs(const RunOptions& options, runtime::CompileOptions& compile);

struct ModelRun {
  std::unique_ptr<runtime::Session> session;
  std::vector<ir::Tensor> inputs;
  ir::DimBindings dims;      ///< of this run
  std::string assumed_dims;  ///< those of random inputs that nobody gave a number: "N=1"; may be empty
};

/// Opens the model and gets ready to run. Throws Error(BadInput) for missing, unknown and unfit inputs.
ModelRun prepare_run(const RunOptions& options);

}  // namespace seqc::tools
