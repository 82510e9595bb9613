#include "runtime/code_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "codegen/digest.h"
#include "ir/error.h"

namespace seqc::runtime {
namespace {

namespace fs = std::filesystem;

// A file: the magic with the format's version, the key, the digest of the code, the code.
constexpr std::string_view kMagic = "seqc code 1\n";
constexpr size_t kDigest = 64, kHeader = kMagic.size() + 2 * kDigest;
constexpr const char* kExtension = ".code";
constexpr const char* kTemporary = ".partial";  // followed by the six characters of mkstemp

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

uint64_t parse_bytes(const std::string& text) {
  uint64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  const int shift = unit.empty() ? 0 : unit == "K" ? 10 : unit == "M" ? 20 : unit == "G" ? 30 : -1;
  if (code != std::errc() || shift < 0 || number > (UINT64_MAX >> shift))
    fail(ErrorKind::BadInput, "SEQC_CACHE_MAX: got \"{}\", expected a number of bytes such as 500M", text);
  return number << shift;
}

/// A file descriptor that is closed in the end.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }
  bool is_open() const { return descriptor_ >= 0; }

  bool read(std::string& bytes) const {
    size_t at = 0;
    while (at < bytes.size()) {
      const ssize_t got = ::read(descriptor_, bytes.data() + at, bytes.size() - at);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      at += static_cast<size_t>(got);
    }
    return true;
  }
  bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t put = ::write(descriptor_, bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(put));
    }
    return true;
  }

 private:
  int descriptor_;
};

std::string problem_of(const std::string& path) { return fmt::format("{}: {}", path, std::strerror(errno)); }

/// Code is run: it must not come from somebody else.
bool is_trusted(const struct stat& status) {
  return S_ISREG(status.st_mode) && (status.st_uid == ::geteuid() || status.st_uid == 0);
}

struct Entry {
  fs::path path;
  uint64_t bytes;
  fs::file_time_type used;
  bool partial;
};

/// The cache's own files; those that vanish meanwhile are left out.
std::vector<Entry> entries(const std::string& folder, std::error_code& error) {
  std::vector<Entry> found;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    const bool partial = name.find(kTemporary) == kDigest;
    if (name.size() < kDigest || !(partial || name.substr(kDigest) == kExtension)) continue;
    std::error_code gone;
    Entry entry{it->path(), it->file_size(gone), {}, partial};
    if (!gone) entry.used = it->last_write_time(gone);
    if (!gone) found.push_back(std::move(entry));
  }
  return found;
}

}  // namespace

CacheOptions resolve(const CacheOptions& options) {
  CacheOptions result = options;
  const std::string use = variable("SEQC_CACHE");
  if (!use.empty() && use != "on" && use != "off" && use != "1" && use != "0")
    fail(ErrorKind::BadInput, "SEQC_CACHE: got \"{}\", expected on or off", use);
  if (use == "off" || use == "0") result.enabled = false;
  if (result.folder.empty()) result.folder = variable("SEQC_CACHE_DIR");
  if (result.folder.empty()) {
    const std::string base = variable("XDG_CACHE_HOME"), home = variable("HOME");
    if (base.starts_with("/"))  // others are to be ignored, says the XDG Base Directory Specification
      result.folder = base + "/seqc";
    else if (!home.empty())
      result.folder = home + "/.cache/seqc";
    else
      result.enabled = false;
  }
  if (result.max_bytes == 0) {
    const std::string most = variable("SEQC_CACHE_MAX");
    result.max_bytes = most.empty() ? uint64_t{1} << 30 : parse_bytes(most);
  }
  return result;
}

std::string CodeCache::path(const std::string& key) const { return options_.folder + "/" + key + kExtension; }

void CodeCache::note(const std::string& problem) noexcept {
  use_.kind = CacheUse::Kind::Failed;
  use_.problem = problem;
}

std::optional<std::string> CodeCache::load(const std::string& key) noexcept try {
  const std::string name = path(key);
  const File file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno != ENOENT) note(problem_of(name));
    return {};
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0 || !is_trusted(status)) {
    note(name + ": is another user's, or no file");
    return {};
  }
  std::string bytes(static_cast<size_t>(status.st_size), '\0');
  const bool whole = file.read(bytes) && bytes.size() >= kHeader;
  const std::string_view view = bytes;
  if (!whole || !view.starts_with(kMagic) || view.substr(kMagic.size(), kDigest) != key ||
      view.substr(kMagic.size() + kDigest, kDigest) != codegen::digest(view.substr(kHeader))) {
    note(name + ": was damaged");
    return {};
  }
  ::futimens(file.get(), nullptr);  // used now; where that is not allowed, age counts
  bytes.erase(0, kHeader);
  use_ = {CacheUse::Kind::Hit, ""};
  return bytes;
} catch (const std::exception& error) {
  note(error.what());
  return {};
}

void CodeCache::save(const std::string& key, std::string_view code) noexcept try {
  std::error_code error;
  fs::create_directories(fs::path(options_.folder).parent_path(), error);
  ::mkdir(options_.folder.c_str(), 0700);  // when that fails, so does what follows
  if (kHeader + code.size() > options_.max_bytes) return note("the code is larger than the cache may be");
  std::string temporary = options_.folder + "/" + key + kTemporary + "XXXXXX";
  const File file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (!file.is_open()) return note(problem_of(options_.folder));
  std::string header(kMagic);
  header += key;
  header += codegen::digest(code);
  if (!file.write(header) || !file.write(code) || ::rename(temporary.c_str(), path(key).c_str()) != 0) {
    note(problem_of(temporary));
    ::unlink(temporary.c_str());
    return;
  }
  use_.kind = CacheUse::Kind::Stored;  // a problem of `load` stays told
  evict();
} catch (const std::exception& error) {
  note(error.what());
}

/// Down to nine tenths of the bound, so that not every program that follows has to.
void CodeCache::evict() const {
  std::error_code error;
  std::vector<Entry> found = entries(options_.folder, error);
  uint64_t total = 0;
  const auto now = fs::file_time_type::clock::now();
  for (const Entry& entry : found) {
    total += entry.bytes;
    // Of a process that came to its end while it wrote.
    if (entry.partial && now - entry.used > std::chrono::hours(1)) fs::remove(entry.path, error);
  }
  if (total <= options_.max_bytes) return;
  std::sort(found.begin(), found.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
  for (const Entry& entry : found) {
    if (total <= options_.max_bytes / 10 * 9) return;
    if (entry.partial) continue;
    if (fs::remove(entry.path, error)) total -= entry.bytes;
  }
}

CodeCache::Contents CodeCache::contents() const {
  std::error_code error;
  Contents result;
  for (const Entry& entry : entries(options_.folder, error)) {
    ++result.files;
    result.bytes += entry.bytes;
  }
  if (error && error != std::errc::no_such_file_or_directory)
    fail(ErrorKind::BadInput, "{}: cannot be read: {}", options_.folder, error.message());
  return result;
}

CodeCache::Contents CodeCache::clear() const {
  std::error_code error;
  Contents result;
  for (const Entry& entry : entries(options_.folder, error)) {
    std::error_code failed;
    fs::remove(entry.path, failed);
    if (failed) fail(ErrorKind::BadInput, "{}: cannot be removed: {}", entry.path.string(), failed.message());
    ++result.files;
    result.bytes += entry.bytes;
  }
  if (error && error != std::errc::no_such_file_or_directory)
    fail(ErrorKind::BadInput, "{}: cannot be read: {}", options_.folder, error.message());
  return result;
}

}  // namespace seqc::runtime
