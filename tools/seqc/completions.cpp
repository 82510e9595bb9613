// Completions of commands, options and their values, in the languages of three shells. Whatever else is asked for is a file.
#include <fmt/format.h>

#include "tools/seqc/cli_outline.h"

namespace seqc::tools {
namespace {

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  return fmt::format("{}", fmt::join(words, between));
}

/// All names of the options of a command.
std::string option_names(const CommandOutline& command) {
  std::string names;
  for (const OptionOutline& option : command.options) names += (names.empty() ? "" : " ") + joined(option.names, " ");
  return names;
}

/// In single quotes of a shell; `quote` is how one looks inside of them.
std::string quoted(const std::string& text, const std::string& quote) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? quote : std::string(1, c);
  return out + "'";
}

std::string escaped(const std::string& text, const std::string& special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string::npos) out += '\\';
    out += c;
  }
  return out;
}

/// "build|run|...".
std::string alternatives(const std::vector<CommandOutline>& commands) {
  std::vector<std::string> names;
  for (const CommandOutline& command : commands) names.push_back(command.name);
  return joined(names, "|");
}

/// One argument of zsh's _arguments for each option: '(-o --output)'{-o,--output}'[...]:DIR:_files'.
std::string zsh_option(const OptionOutline& option) {
  const std::string text = "[" + escaped(headline(option.description), "[]\\:") + "]";
  std::string value;
  if (!option.value.empty())
    value = ":" + escaped(option.value, ":\\") + ":" +
            (option.choices.empty() ? "_files" : "(" + joined(option.choices, " ") + ")");
  const std::string again = option.repeats ? "*" : "";
  std::string out;
  for (const std::string& name : option.names) {
    const bool equals = !option.value.empty() && name.starts_with("--");
    out += " \\\n        " + quoted(again + name + (equals ? "=" : "") + text + value, "'\\''");
  }
  return out;
}

}  // namespace

std::string bash_completion(const CLI::App& app) {
  const std::vector<CommandOutline> commands = outline_commands(app);
  std::string values, options;
  for (const CommandOutline& command : commands) {
    for (const OptionOutline& option : command.options) {
      if (option.choices.empty()) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names) patterns.push_back(command.name + ":" + name);
      values += fmt::format("    {}) words='{}' ;;\n", joined(patterns, "|"), joined(option.choices, " "));
    }
    options += fmt::format("    {}) words='{}' ;;\n", command.name, option_names(command));
  }
  std::string names = alternatives(commands);
  for (char& c : names) c = c == '|' ? ' ' : c;
  return fmt::format(R"(# Completion of seqc for bash; made by `seqc manual bash`.
_seqc() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}} command= words= word
  COMPREPLY=()
  # bash takes --option=value apart
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${{COMP_WORDS[COMP_CWORD - 2]}}
  fi
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case $word in
      {}) command=$word && break ;;
    esac
  done
  if [[ -z $command ]]; then
    COMPREPLY=($(compgen -W '{} {}' -- "$current"))
    return
  fi
  case $command:$previous in
{}  esac
  if [[ -n $words ]]; then  # one of them, or several with commas between
    COMPREPLY=($(compgen -P "${{current%"${{current##*,}}"}}" -W "$words" -- "${{current##*,}}"))
    return
  fi
  [[ $current == -* ]] || return  # files, as without completion
  case $command in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _seqc seqc
)",
                     alternatives(commands), names, option_names(outline(app)), values, options);
}

std::string zsh_completion(const CLI::App& app) {
  const std::vector<CommandOutline> commands = outline_commands(app);
  std::string menu, cases;
  for (const CommandOutline& command : commands) {
    menu +=
        fmt::format("    {}\n", quoted(command.name + ":" + escaped(headline(command.description), ":\\"), "'\\''"));
    std::string options;
    for (const OptionOutline& option : command.options) options += zsh_option(option);
    cases += fmt::format("    {})\n      _arguments{} \\\n        '*:file:_files' ;;\n", command.name, options);
  }
  std::string own;
  for (const OptionOutline& option : outline(app).options) own += zsh_option(option);
  return fmt::format(R"(#compdef seqc
# Completion of seqc for zsh; made by `seqc manual zsh`.
_seqc() {{
  local state line
  local -a commands
  commands=(
{}  )
  _arguments -C{} \
        '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands; return ;;
  esac
  case $line[1] in
{}  esac
}}
_seqc "$@"
)",
                     menu, own, cases);
}

std::string fish_completion(const CLI::App& app) {
  const auto quote = [](const std::string& text) { return quoted(escaped(text, "\\"), "\\'"); };
  const auto option_line = [&](const std::string& condition, const OptionOutline& option) {
    std::string line = "complete -c seqc -n " + quote(condition);
    for (const std::string& name : option.names)
      line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (!option.choices.empty())
      line += " -x -a " + quote(joined(option.choices, " "));
    else if (!option.value.empty())
      line += " -r";
    return line + " -d " + quote(headline(option.description)) + "\n";
  };
  std::string out = "# Completion of seqc for fish; made by `seqc manual fish`.\n";
  for (const OptionOutline& option : outline(app).options) out += option_line("__fish_use_subcommand", option);
  for (const CommandOutline& command : outline_commands(app)) {
    out += fmt::format("complete -c seqc -f -n __fish_use_subcommand -a {} -d {}\n", command.name,
                       quote(headline(command.description)));
    for (const OptionOutline& option : command.options)
      out += option_line("__fish_seen_subcommand_from " + command.name, option);
  }
  return out;
}

}  // namespace seqc::tools
