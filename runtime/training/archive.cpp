// The format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, always with the 64-bit fields of version 4.5, as
// numpy.savez writes it. Each member is a header and its bytes; a directory of all of them ends the file.
#include "runtime/training/archive.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "ir/error.h"
#include "runtime/files.h"

namespace seqc::training {
namespace {

constexpr uint16_t kVersion = 45, kUtf8 = 1 << 11, kZip64 = 1;
constexpr uint16_t kDate = 1 << 5 | 1;  // 1980-01-01, so that equal contents are equal files
constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd64 = 0x06064b50, kLocator = 0x07064b50,
                   kEnd = 0x06054b50;
constexpr uint16_t kSee64 = 0xffff;
constexpr uint32_t kSee64Wide = 0xffffffff;
constexpr size_t kLocalSize = 30, kLocalExtra = 20;

/// Little-endian numbers one after the other.
template <class... Numbers>
std::string packed(Numbers... numbers) {
  std::string bytes;
  (bytes.append(reinterpret_cast<const char*>(&numbers), sizeof(numbers)), ...);
  return bytes;
}

template <class Number>
Number number_at(std::string_view bytes, size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof(number));
  return number;
}

uint32_t checksum(std::string_view bytes) {
  return static_cast<uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string local_header(const std::string& name, uint32_t crc, uint64_t size) {
  return packed(kLocal, kVersion, kUtf8, uint16_t{0}, uint16_t{0}, kDate, crc, kSee64Wide, kSee64Wide,
                static_cast<uint16_t>(name.size()), static_cast<uint16_t>(kLocalExtra)) +
         name + packed(kZip64, uint16_t{16}, size, size);
}

std::string central_header(const std::string& name, uint32_t crc, uint64_t size, uint64_t offset) {
  return packed(kCentral, kVersion, kVersion, kUtf8, uint16_t{0}, uint16_t{0}, kDate, crc, kSee64Wide, kSee64Wide,
                static_cast<uint16_t>(name.size()), uint16_t{28}, uint16_t{0}, uint16_t{0}, uint16_t{0}, uint32_t{0},
                kSee64Wide) +
         name + packed(kZip64, uint16_t{24}, size, size, offset);
}

std::string end_of(uint64_t members, uint64_t directory_size, uint64_t directory_offset) {
  return packed(kEnd64, uint64_t{44}, kVersion, kVersion, uint32_t{0}, uint32_t{0}, members, members, directory_size,
                directory_offset) +
         packed(kLocator, uint32_t{0}, directory_offset + directory_size, uint32_t{1}) +
         packed(kEnd, uint16_t{0}, uint16_t{0}, kSee64, kSee64, kSee64Wide, kSee64Wide, uint16_t{0});
}

/// What was renamed in a folder is on the disk once the folder is.
void sync_folder(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const int folder = ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  ::fsync(folder);
  ::close(folder);
}

}  // namespace

// The temporary file has a name of its own for each path, not for each process: what a killed one left is written over.
ArchiveWriter::ArchiveWriter(const std::string& path) : path_(path), temporary_(path + ".tmp") {
  file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file_ < 0) give_up();
}

ArchiveWriter::~ArchiveWriter() {
  if (file_ < 0) return;
  ::close(file_);
  ::unlink(temporary_.c_str());
}

void ArchiveWriter::give_up() {
  const std::string why = std::strerror(errno);
  fail(ErrorKind::BadInput, "{}: cannot be written: {}; what was there before is as it was", path_, why);
}

void ArchiveWriter::write(std::string_view bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) give_up();
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void ArchiveWriter::add(const std::string& name, std::string_view bytes) {
  SEQC_CHECK(name.size() < kSee64, "a member's name has {} bytes", name.size());
  const uint32_t crc = checksum(bytes);
  directory_ += central_header(name, crc, bytes.size(), size_);
  ++members_;
  write(local_header(name, crc, bytes.size()));
  write(bytes);
}

void ArchiveWriter::finish() {
  const uint64_t offset = size_;
  write(directory_ + end_of(members_, directory_.size(), offset));
  if (::fsync(file_) != 0) give_up();
  const int file = std::exchange(file_, -1);
  if (::close(file) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const int why = errno;
    ::unlink(temporary_.c_str());
    errno = why;
    give_up();
  }
  sync_folder(path_);
}

// Every header is made again from what it says and compared, so that there is no byte that could differ unnoticed.
Archive::Archive(const std::string& path) : bytes_(runtime::read_file(path)) {
  const auto damaged = [&](const std::string& what) {
    fail(ErrorKind::BadInput, "{}: is damaged or no checkpoint: {}; use another one", path, what);
  };
  const std::string_view bytes = bytes_;
  size_t at = 0;
  std::string directory;
  uint64_t count = 0;
  while (bytes.size() - at >= kLocalSize && number_at<uint32_t>(bytes, at) == kLocal) {
    const size_t name_size = number_at<uint16_t>(bytes, at + 26), header_size = kLocalSize + name_size + kLocalExtra;
    if (bytes.size() - at < header_size) damaged("it ends within a member");
    const std::string name(bytes.substr(at + kLocalSize, name_size));
    const uint32_t crc = number_at<uint32_t>(bytes, at + 14);
    const uint64_t size = number_at<uint64_t>(bytes, at + kLocalSize + name_size + 4);
    if (bytes.substr(at, header_size) != local_header(name, crc, size))
      damaged(fmt::format("the header at byte {} is not as written", at));
    if (bytes.size() - at - header_size < size)
      damaged(fmt::format("it ends within \"{}\", which has {} bytes", name, size));
    const std::string_view member = bytes.substr(at + header_size, size);
    if (checksum(member) != crc) damaged(fmt::format("the checksum of \"{}\" is another one", name));
    if (!members_.emplace(name, member).second) damaged(fmt::format("it holds \"{}\" twice", name));
    directory += central_header(name, crc, size, at);
    ++count;
    at += header_size + size;
  }
  if (bytes.substr(at) != directory + end_of(count, directory.size(), at))
    damaged(at == 0 ? "it does not begin like one" : fmt::format("its end, from byte {} on, is not as written", at));
}

}  // namespace seqc::training
