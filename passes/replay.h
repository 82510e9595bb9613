/// Saves the input of a pass that failed, so that the failure can be seen again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "passes/pass.h"

namespace seqc::passes {

/// Writes one function as a module. Throws Error(BadInput) when the file cannot be written.
void save_function(const ir::Function& function, const std::string& path);

/// Keeps the input of a pipeline. Passes are deterministic: the input of any of them is made again by running those in
/// front of it, which costs nothing unless something failed.
class Replay {
 public:
  /// Copies `function`, unless its constants take more memory than a copy that is likely not needed should hold on to.
  explicit Replay(const ir::Function& function);

  /// Runs `before` on the copy and saves the result as the input of `pass` in `directory` (empty: the system's temporary
  /// one). Returns a sentence for the error message that names the file, or says why there is none; does not throw.
  std::string save(const std::vector<std::string>& before, PassContext& context, const std::string& pass,
                   const std::string& directory) const;

 private:
  std::unique_ptr<ir::Function> copy_;
};

}  // namespace seqc::passes
