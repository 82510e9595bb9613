#include "tools/seqc/output_folder.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "ir/error.h"
#include "runtime/files.h"

namespace seqc::tools {
namespace {

namespace fs = std::filesystem;

/// The topmost missing part of a path, or empty.
std::string first_missing(const fs::path& folder) {
  fs::path missing;
  for (fs::path at = fs::absolute(folder); !at.empty() && !fs::exists(at); at = at.parent_path()) missing = at;
  return missing.string();
}

}  // namespace

OutputFolder::OutputFolder(std::string folder) : folder_(std::move(folder)) {
  if (folder_.size() > 1 && folder_.back() == '/') folder_.pop_back();
  created_ = first_missing(folder_);
  staging_ = (fs::path(folder_) / fmt::format(".seqc-{}", ::getpid())).string();
  std::error_code error;
  fs::create_directories(staging_, error);
  if (error) fail(ErrorKind::BadInput, "{}: cannot be written to: {}", folder_, error.message());
}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  fs::remove_all(staging_, ignored);
  if (committed_ || created_.empty()) return;
  for (fs::path at = fs::absolute(folder_); fs::remove(at, ignored) && at != created_;) at = at.parent_path();
}

std::string OutputFolder::staged(const std::string& name) { return (fs::path(staging_) / name).string(); }

void OutputFolder::write(const std::string& name, std::string_view bytes) { runtime::write_file(staged(name), bytes); }

std::vector<std::string> OutputFolder::commit() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(staging_)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<std::string> result;
  for (const fs::path& file : files) {
    result.push_back((fs::path(folder_) / file.filename()).string());
    if (fs::is_directory(result.back()))
      fail(ErrorKind::BadInput, "{}: cannot be written: a folder is in its place", result.back());
  }
  for (size_t i = 0; i < files.size(); ++i) {
    std::error_code error;
    fs::rename(files[i], result[i], error);
    if (error) fail(ErrorKind::BadInput, "{}: cannot be written: {}", result[i], error.message());
  }
  committed_ = true;
  return result;
}

}  // namespace seqc::tools
