// The manual page in the man macros of roff: https://man7.org/linux/man-pages/man7/man.7.html
#include <fmt/format.h>

#include "tools/seqc/cli_outline.h"

namespace seqc::tools {
namespace {

/// Text as roff reads it: no macros, hyphens that can be searched for.
std::string roff(const std::string& text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (c == '\'')
      out += "\\(aq";
    else if (c == '`')
      out += "\\(ga";
    else
      out += c;
    line_start = c == '\n';
  }
  return out;
}

std::string bold(const std::string& text) { return "\\fB" + roff(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + roff(text) + "\\fR"; }

void add_option(std::string& out, const OptionOutline& option) {
  std::string names;
  for (const std::string& name : option.names) names += (names.empty() ? "" : ", ") + bold(name);
  if (!option.value.empty()) names += (names.empty() ? "" : " ") + italic(option.value);
  if (option.repeats) names += " ...";
  std::string text = option.description, choices;
  bool named = option.value.find('|') != std::string::npos;
  for (const std::string& choice : option.choices) {
    choices += (choices.empty() ? "" : ", ") + choice;
    named = named || text.find(choice + " (") != std::string::npos;  // with what it means
  }
  if (!choices.empty() && !named) text += "; one of " + choices;
  out += fmt::format(".TP\n{}\n{}\n", names, roff(text));
}

/// Paragraphs; lines that begin with spaces, and what follows "Examples:", stay as they are.
void add_prose(std::string& out, const std::string& text) {
  bool as_is = false;
  out += ".PP\n";
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const bool wanted = line.starts_with("  ");
    if (wanted != as_is) out += wanted ? ".PP\n.EX\n" : ".EE\n.PP\n";
    as_is = wanted;
    out += line.empty() ? ".PP\n" : roff(line) + "\n";
  }
  if (as_is) out += ".EE\n";
}

void add_command(std::string& out, const CommandOutline& command) {
  std::string usage = bold("seqc " + command.name);
  for (const OptionOutline& positional : command.positionals)
    usage += " " + (positional.required ? italic(positional.value) : "[" + italic(positional.value) + "]") +
             (positional.repeats ? " ..." : "");
  out +=
      fmt::format(".SS {}\n{} [options]\n.PP\n{}.\n", roff("seqc " + command.name), usage, roff(command.description));
  for (const OptionOutline& positional : command.positionals) add_option(out, positional);
  std::string group = "Options";
  for (const OptionOutline& option : command.options) {
    if (option.group != group) out += fmt::format(".PP\n{}\n", bold(option.group + ":"));
    group = option.group;
    add_option(out, option);
  }
  if (!command.footer.empty()) add_prose(out, command.footer);
}

constexpr const char* kEnd = R"(.SH EXIT STATUS
.TP
0
done
.TP
1
the model or its data is at fault; one line on standard error says where, what was found and what was expected
.TP
2
wrong usage
.SH ENVIRONMENT
.TP
.BR SEQC_CACHE ", " SEQC_CACHE_DIR ", " SEQC_CACHE_MAX
whether compiled code is kept on disk, where, and how much of it; see
.B seqc cache
.SH FILES
.TP
.I ~/.cache/seqc
compiled code, unless the environment names another folder
)";

}  // namespace

std::string manual_page(const CLI::App& app, const std::string& version) {
  const CommandOutline tool = outline(app);
  std::string out = ".\\\" Made by `seqc manual man`.\n";
  out += fmt::format(".TH SEQC 1 \"\" \"seqc {}\" \"User Commands\"\n.nh\n.ad l\n", version);
  out += ".SH NAME\nseqc \\- compiles recurrent and other sequence models to native code\n";
  out += ".SH SYNOPSIS\n.B seqc\n.I COMMAND\n[options]\n.br\n.B seqc\n.I COMMAND\n.B \\-\\-help\n";
  out += fmt::format(".SH DESCRIPTION\n{}\n", roff(tool.description));
  if (!tool.footer.empty()) add_prose(out, tool.footer);
  out += ".SH OPTIONS\n";
  for (const OptionOutline& option : tool.options) add_option(out, option);
  out += ".SH COMMANDS\n";
  for (const CommandOutline& command : outline_commands(app)) add_command(out, command);
  return out + kEnd;
}

}  // namespace seqc::tools
