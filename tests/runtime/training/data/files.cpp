#include "tests/runtime/training/data/files.h"

#include <doctest/doctest.h>
#include <unistd.h>
#include <zip.h>
#include <zlib.h>

#include <atomic>
#include <cstdlib>

#include "ir/error.h"
#include "runtime/files.h"
#include "tests/support/random_inputs.h"

namespace seqc::test {

namespace fs = std::filesystem;

Folder::Folder() {
  static std::atomic<int> count = 0;
  root_ = fs::temp_directory_path() / fmt::format("seqc_data_{}_{}", ::getpid(), count++);
  fs::create_directories(root_);
}

Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(root_, ignored);
}

std::string Folder::path(const std::string& name) const {
  const fs::path result = root_ / name;
  fs::create_directories(result.parent_path());
  return result.string();
}

std::string Folder::write(const std::string& name, const std::string& bytes) const {
  runtime::write_file(path(name), bytes);
  return path(name);
}

std::string gzipped(const std::string& bytes) {
  z_stream stream = {};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  std::string in = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zipped(const std::vector<std::pair<std::string, std::string>>& files, bool deflate) {
  const Folder folder;
  const std::string path = folder.path("x.zip");
  int code = 0;
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  REQUIRE(archive);
  for (const auto& [name, bytes] : files) {
    zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, 0);
    REQUIRE(index >= 0);
    zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), deflate ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
  }
  REQUIRE(zip_close(archive) == 0);
  return runtime::read_file(path);
}

int damage(const std::string& bytes, uint64_t seed, const std::function<void(const std::string&)>& read) {
  int refused = 0;
  const auto attempt = [&](const std::string& damaged) {
    try {
      read(damaged);
    } catch (const Error& error) {
      CHECK_MESSAGE(error.kind() == ErrorKind::BadInput, error.what());
      ++refused;
    }  // anything else ends the test
  };
  const size_t step = bytes.size() / 200 + 1;
  for (size_t size = 0; size < bytes.size(); size += size < 64 ? 1 : step) attempt(bytes.substr(0, size));
  Random random(seed);
  const auto place = [&] { return static_cast<size_t>(random.integer(0, std::ssize(bytes) - 1)); };
  for (int trial = 0; trial < 600 && !bytes.empty(); ++trial) {
    std::string damaged = bytes;
    for (int64_t changes = random.integer(1, 3); changes-- > 0;) {
      const size_t at = trial % 3 == 0 ? place() % std::min<size_t>(bytes.size(), 80) : place();
      damaged[at] = trial % 2 ? static_cast<char>(damaged[at] ^ 1 << random.integer(0, 7))
                              : static_cast<char>(random.integer(0, 255));
    }
    attempt(damaged);
  }
  attempt(bytes + "x");
  attempt(bytes + bytes);
  return refused;
}

std::optional<fs::path> shared_data(const std::string& folder) {
  const char* given = std::getenv("SEQC_SHARED");
  const fs::path path =
      (given ? fs::path(given) : fs::path(SEQC_SOURCE_DIR).parent_path() / "shared") / "data" / folder;
  if (fs::is_directory(path)) return path;
  MESSAGE("no data at " << path.string() << ": not looked at");
  return std::nullopt;
}

}  // namespace seqc::test
