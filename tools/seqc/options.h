/// Command line options that several subcommands have.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <map>
#include <string>

#include "codegen/codegen.h"
#include "passes/pass.h"

namespace seqc::tools {

/// --dim NAME=NUMBER, repeated.
void add_dim_option(CLI::App& app, std::map<std::string, int64_t>& dims);
/// --target, --target-cpu, --target-features.
void add_target_options(CLI::App& app, codegen::Target& target);
/// --print-after, --dump-dir, --disable; prints go to stdout.
void add_pipeline_options(CLI::App& app, passes::PipelineOptions& pipeline);
/// --threads.
void add_threads_option(CLI::App& app, int& threads);

/// `NAME=VALUE` in two; the name is what stands in front of the first `=`. Throws CLI::ValidationError.
std::pair<std::string, std::string> split_assignment(const std::string& text, const std::string& option);

}  // namespace seqc::tools
