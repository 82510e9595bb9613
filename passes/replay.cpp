#include "passes/replay.h"

#include <unistd.h>

#include <filesystem>

#include "ir/clone.h"
#include "ir/error.h"
#include "ir/printer.h"

namespace seqc::passes {

using namespace ir;

namespace {

constexpr size_t kMaxKeptBytes = size_t{256} << 20;

}  // namespace

void save_function(const Function& function, const std::string& path) {
  // A module owns its functions; this one only borrows, and gives back before it could delete.
  struct Borrowed {
    Module module;
    ~Borrowed() {
      for (auto& held : module.functions) (void)held.release();
    }
  } borrowed;
  borrowed.module.functions.emplace_back(const_cast<Function*>(&function));
  save_module(borrowed.module, path);
}

Replay::Replay(const Function& function) {
  size_t bytes = 0;
  for (const auto& constant : function.constants()) bytes += constant->constant().byte_size();
  if (bytes <= kMaxKeptBytes) copy_ = ir::clone(function);
}

std::string Replay::save(const std::vector<std::string>& before, PassContext& context, const std::string& pass,
                         const std::string& directory) const {
  if (!copy_) return "The model is too large to keep a copy of it; --dump-dir=DIR saves the input of each pass.";
  try {
    for (const std::string& name : before) find_pass(name)->run(*copy_, context);
    const auto folder = directory.empty() ? std::filesystem::temp_directory_path() : std::filesystem::path(directory);
    const auto path = folder / fmt::format("seqc-{}-{}.seq", pass, ::getpid());
    save_function(*copy_, path.string());
    return fmt::format("Its input is in {}; seqc opt {} --passes={} shows this again.", path.string(), path.string(),
                       pass);
  } catch (const std::exception& error) {
    return fmt::format("Its input could not be saved: {}.", error.what());
  }
}

}  // namespace seqc::passes
