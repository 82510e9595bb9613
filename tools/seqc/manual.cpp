// seqc manual: the manual page and the shells' completions, made of what the commands say of themselves. Not shown in the
// overview: what it prints is installed with the tool.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "runtime/seqc_runtime.h"
#include "tools/seqc/cli_outline.h"
#include "tools/seqc/command.h"

namespace seqc::tools {

Command add_manual(CLI::App& seqc) {
  CLI::App* app = seqc.add_subcommand("manual", "prints the manual page, or completions for a shell");
  app->group("");
  auto kind = std::make_shared<std::string>("man");
  app->add_option("KIND", *kind, "what to print")
      ->check(CLI::IsMember({"man", "bash", "zsh", "fish"}))
      ->capture_default_str();
  return {app, [&seqc, kind] {
            std::string text;
            if (*kind == "bash")
              text = bash_completion(seqc);
            else if (*kind == "zsh")
              text = zsh_completion(seqc);
            else if (*kind == "fish")
              text = fish_completion(seqc);
            else
              text = manual_page(seqc, SEQC_VERSION_TEXT);
            fmt::print("{}", text);
            return 0;
          }};
}

}  // namespace seqc::tools
