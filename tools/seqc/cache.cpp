// seqc cache: the compiled code that is kept on disk.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "runtime/code_cache.h"
#include "tools/seqc/command.h"
#include "tools/seqc/text.h"

namespace seqc::tools {
namespace {

constexpr const char* kHelp =
    R"(Code that run, test and bench (and programs that use seqc as a library) compile is kept on disk, and a later start with
the same model, options, processor and seqc does without LLVM. Only code is kept, no weights. Files that were not used for
the longest time make room for new ones. The environment decides:
  SEQC_CACHE_DIR   the folder ($XDG_CACHE_HOME/seqc, or else ~/.cache/seqc)
  SEQC_CACHE_MAX   its size in bytes, or with K, M, G (1G)
  SEQC_CACHE=off   compiles every time, as --no-cache does

Examples:
  seqc cache
  seqc cache --clear)";

struct Options {
  bool clear = false, json = false;
};

int run_cache(const Options& options) {
  const runtime::CacheOptions resolved = runtime::resolve({});
  const runtime::CodeCache cache(resolved);
  const auto contents = options.clear ? cache.clear() : cache.contents();
  if (options.json) {
    const nlohmann::ordered_json report = {{"folder", resolved.folder},
                                           {"enabled", resolved.enabled},
                                           {options.clear ? "removed_files" : "files", contents.files},
                                           {options.clear ? "removed_bytes" : "bytes", contents.bytes},
                                           {"max_bytes", resolved.max_bytes}};
    fmt::print("{}\n", report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return 0;
  }
  fmt::print("{}{}\n{}{} file{}, {}; at most {}\n", resolved.folder.empty() ? "no folder" : resolved.folder,
             resolved.enabled ? "" : " (not used: off)", options.clear ? "removed " : "", contents.files,
             contents.files == 1 ? "" : "s", bytes_text(contents.bytes), bytes_text(resolved.max_bytes));
  return 0;
}

}  // namespace

Command add_cache(CLI::App& seqc) {
  CLI::App* app = seqc.add_subcommand("cache", "shows or clears the compiled code that is kept on disk");
  auto options = std::make_shared<Options>();
  app->footer(kHelp);
  app->add_flag("--clear", options->clear, "removes all of it");
  app->add_flag("--json", options->json, "the same as JSON: folder, enabled, files, bytes, max_bytes");
  return {app, [options] { return run_cache(*options); }};
}

}  // namespace seqc::tools
