/// Command line options of streams, which several subcommands have.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "passes/streaming/streaming.h"

namespace seqc::tools {

struct StreamArguments {
  bool stream = false;
  std::string time, rows;
  std::vector<std::string> states;  ///< IN:OUT

  passes::StreamOptions options() const;
};

/// --stream, --time, --rows, --state. `meaning`: of --stream.
void add_stream_options(CLI::App& app, StreamArguments& arguments, const std::string& meaning);

}  // namespace seqc::tools
