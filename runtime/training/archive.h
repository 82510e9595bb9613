/// Files of several members in the ZIP format, uncompressed: what numpy.load and unzip open, and any damage shows.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace seqc::training {

/// Writes an archive beside `path`, and puts it there only once all of it is on the disk: a reader sees the old file or
/// the new one, whatever happens (kill -9, a full disk, a crash of the machine). One writer a path at a time.
/// Throws Error(BadInput) naming the path and the reason.
class ArchiveWriter {
 public:
  explicit ArchiveWriter(const std::string& path);
  ~ArchiveWriter();  ///< without `finish`: removes what was written
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  void add(const std::string& name, std::string_view bytes);
  void finish();

 private:
  void write(std::string_view bytes);
  [[noreturn]] void give_up();

  std::string path_, temporary_;
  int file_ = -1;
  uint64_t size_ = 0;
  std::string directory_;  ///< of the archive: what stands at its end
  uint64_t members_ = 0;
};

/// An archive in memory.
class Archive {
 public:
  /// Throws Error(BadInput) unless every byte of the file is one that ArchiveWriter wrote: members' checksums are compared.
  explicit Archive(const std::string& path);

  const std::map<std::string, std::string_view>& members() const { return members_; }

 private:
  std::string bytes_;
  std::map<std::string, std::string_view> members_;
};

}  // namespace seqc::training
