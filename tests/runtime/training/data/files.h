/// Files for tests of readers: in a folder of their own, compressed, damaged.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace seqc::test {

/// A folder that goes away with this.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  /// The path of a file in it; folders on the way are made.
  std::string path(const std::string& name) const;
  std::string write(const std::string& name, const std::string& bytes) const;

 private:
  std::filesystem::path root_;
};

std::string gzipped(const std::string& bytes);
/// A zip archive of files, deflated or stored.
std::string zipped(const std::vector<std::pair<std::string, std::string>>& files, bool deflate);

/// Calls `read` with the bytes cut off everywhere (or at many places) and with single bits and bytes changed: it may
/// throw Error(BadInput) and nothing else. Returns how often it did.
int damage(const std::string& bytes, uint64_t seed, const std::function<void(const std::string&)>& read);

/// A folder of real data, if it is there.
std::optional<std::filesystem::path> shared_data(const std::string& folder);

}  // namespace seqc::test
