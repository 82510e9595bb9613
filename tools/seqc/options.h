/// Command line options that several subcommands have.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <utility>

#include "runtime/compile.h"

namespace seqc::tools {

/// --dim NAME=NUMBER, --shape INPUT=A,B,..., --value INPUT=A,B,..., --sequence INPUT=NUMBER and
/// --optional INPUT=none|some, each repeated.
void add_shape_options(CLI::App& app, runtime::CompileOptions& options);
/// What --value gave, in the types that the model's inputs have. Throws Error(BadInput).
void fit_values(const std::string& model, runtime::CompileOptions& options);
/// --target-cpu, --target-features, and --target where the code need not run here.
void add_target_options(CLI::App& app, codegen::Target& target, bool any_machine);
/// --no-cache.
void add_cache_option(CLI::App& app, runtime::CacheOptions& cache);
/// --weights, --activations.
void add_weights_option(CLI::App& app, runtime::CompileOptions& options);
/// What these options call the formats: "bf16", "int8 with int16 activations".
std::string weights_text(const runtime::CompileOptions& options);
/// --print-after, --dump-dir, --disable; prints go to stdout.
void add_pipeline_options(CLI::App& app, passes::PipelineOptions& pipeline);
/// --threads.
void add_threads_option(CLI::App& app, int& threads);

/// `NAME=VALUE` in two; the name is what stands in front of the first `=`. Throws CLI::ValidationError.
std::pair<std::string, std::string> split_assignment(const std::string& text, const std::string& option);

}  // namespace seqc::tools
