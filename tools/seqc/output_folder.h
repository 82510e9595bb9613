/// A folder that several files are written to: all of them appear, or none.
#pragma once

#include <string>
#include <vector>

namespace seqc::tools {

class OutputFolder {
 public:
  /// Creates the folder if it is not there. Throws Error(BadInput) when it cannot be.
  explicit OutputFolder(std::string folder);
  /// Removes what was not committed, and the folder if it was made for it.
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  /// Where to write the file that will be called `name`.
  std::string staged(const std::string& name);
  void write(const std::string& name, std::string_view bytes);
  /// Moves everything that was staged into place; returns the paths. Throws Error(BadInput).
  std::vector<std::string> commit();

 private:
  std::string folder_, staging_;
  std::string created_;  ///< the topmost folder that was made, or empty
  bool committed_ = false;
};

}  // namespace seqc::tools
