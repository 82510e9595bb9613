/// The subcommands of `seqc`: each file of this folder that is named after one adds it here.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace seqc::tools {

/// A subcommand: its options are in `app`; `run` does the work after they are parsed and returns the exit code, or
/// throws Error.
struct Command {
  CLI::App* app;
  std::function<int()> run;
};

Command add_build(CLI::App& seqc);
Command add_run(CLI::App& seqc);
Command add_inspect(CLI::App& seqc);
Command add_opt(CLI::App& seqc);
Command add_test(CLI::App& seqc);
Command add_bench(CLI::App& seqc);
Command add_cache(CLI::App& seqc);
Command add_convert(CLI::App& seqc);
Command add_train(CLI::App& seqc);
Command add_explain(CLI::App& seqc);
Command add_verify(CLI::App& seqc);
Command add_manual(CLI::App& seqc);

}  // namespace seqc::tools
