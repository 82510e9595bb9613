#include "tools/seqc/cli_outline.h"

#include <algorithm>

namespace seqc::tools {
namespace {

/// Values in the form in which CLI11 describes a set of them, "KIND:{so,a,obj}", or ours, "f32|bf16".
std::vector<std::string> choices_of(const std::string& type) {
  const size_t open = type.find('{'), close = type.rfind('}');
  if (open != std::string::npos && close != std::string::npos && open < close)
    return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
  if (type.find('|') == std::string::npos || type.find('=') != std::string::npos) return {};
  return CLI::detail::split(type, '|');
}

OptionOutline outline_option(const CLI::Option& option) {
  OptionOutline result;
  for (const std::string& name : option.get_snames()) result.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) result.names.push_back("--" + name);
  const std::string type = option.get_type_name();
  if (option.get_items_expected_max() != 0) {
    result.value = option.nonpositional() ? type.substr(0, type.find(':')) : option.get_name(true);
    result.choices = choices_of(type);
    result.repeats = option.get_items_expected_max() > 1;
  }
  result.description = option.get_description();
  result.group = option.get_group();
  result.required = option.get_required();
  return result;
}

}  // namespace

CommandOutline outline(const CLI::App& app) {
  CommandOutline result{app.get_name(), app.get_description(), app.get_footer(), {}, {}};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    (option->nonpositional() ? result.options : result.positionals).push_back(outline_option(*option));
  }
  return result;
}

std::vector<CommandOutline> outline_commands(const CLI::App& app) {
  std::vector<CommandOutline> result;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App* a) { return !a->get_group().empty(); }))
    result.push_back(outline(*command));
  return result;
}

std::string headline(const std::string& description) {
  size_t end = description.size();
  for (const char* stop : {"; ", ": ", ". ", " (", ", e.g."}) end = std::min(end, description.find(stop));
  return description.substr(0, end);
}

}  // namespace seqc::tools
