/// What the command line consists of: commands and their options, for the manual page and the shells' completions.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace seqc::tools {

struct OptionOutline {
  std::vector<std::string> names;    ///< "-o", "--output"; none for positional arguments
  std::string value;                 ///< what follows: "DIR"; empty for flags; of positional arguments the name
  std::vector<std::string> choices;  ///< all values that it takes, where they are few words
  std::string description, group;
  bool repeats = false;  ///< may be given more than once
  bool required = false;
};

struct CommandOutline {
  std::string name, description, footer;
  std::vector<OptionOutline> positionals, options;
};

/// The options of `app` itself (a command without a name) and its commands that are not hidden, in their order.
CommandOutline outline(const CLI::App& app);
std::vector<CommandOutline> outline_commands(const CLI::App& app);

/// The first words of a description, up to where details begin: for a line in a menu.
std::string headline(const std::string& description);

std::string manual_page(const CLI::App& app, const std::string& version);
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

}  // namespace seqc::tools
