#include "runtime/training/data/compressed.h"

#include <zip.h>
#include <zlib.h>

#include <limits>
#include <memory>
#include <vector>

#include "ir/error.h"
#include "runtime/files.h"

namespace seqc::training {
namespace {

constexpr size_t kChunk = 1 << 18;
constexpr std::string_view kGzip = "\x1f\x8b";

/// Undoes one gzip file after the other, as gunzip does with files that were put together.
class Inflater {
 public:
  Inflater(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {
    constexpr int kGzipOnly = 15 + 16;  // the largest window; gzip's header and checksum
    if (inflateInit2(&stream_, kGzipOnly) != Z_OK) fail(ErrorKind::Internal, "zlib does not start");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  std::string all() {
    std::string out;
    std::vector<char> chunk(kChunk);
    while (true) {
      if (stream_.avail_in == 0) feed();
      stream_.next_out = reinterpret_cast<Bytef*>(chunk.data());
      stream_.avail_out = static_cast<uInt>(chunk.size());
      const int code = inflate(&stream_, Z_NO_FLUSH);
      out.append(chunk.data(), chunk.size() - stream_.avail_out);
      if (code == Z_STREAM_END) {
        if (at() == bytes_.size()) return out;
        if (!bytes_.substr(at()).starts_with(kGzip)) error("what follows is no gzip");
        inflateReset(&stream_);
      } else if (code == Z_BUF_ERROR || (code == Z_OK && stream_.avail_out > 0 && at() == bytes_.size())) {
        error("it ends too early; download it again");
      } else if (code != Z_OK) {
        error(stream_.msg ? stream_.msg : "damaged data");
      }
    }
  }

 private:
  void feed() {
    const size_t size = std::min<size_t>(bytes_.size() - fed_, std::numeric_limits<uInt>::max());
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes_.data() + fed_));  // NOLINT: zlib reads it only
    stream_.avail_in = static_cast<uInt>(size);
    fed_ += size;
  }
  size_t at() const { return fed_ - stream_.avail_in; }
  [[noreturn]] void error(std::string_view what) const {
    fail(ErrorKind::BadInput, "{}: is no valid gzip file: at byte {} of {}: {}", name_, at(), bytes_.size(), what);
  }

  std::string_view bytes_;
  const std::string& name_;
  z_stream stream_ = {};
  size_t fed_ = 0;
};

struct CloseZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

}  // namespace

std::string uncompressed(std::string bytes, const std::string& name) {
  return bytes.starts_with(kGzip) ? Inflater(bytes, name).all() : bytes;
}

std::string read_data_file(const std::string& path) { return uncompressed(runtime::read_file(path), path); }

std::map<std::string, std::string> unzip(std::string_view bytes, const std::string& name) {
  zip_error_t fault;
  zip_error_init(&fault);
  const auto bad = [&] {
    const std::string why = zip_error_strerror(&fault);
    zip_error_fini(&fault);
    fail(ErrorKind::BadInput, "{}: is no valid zip archive: {}", name, why);
  };
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &fault);
  if (!source) bad();
  const std::unique_ptr<zip_t, CloseZip> archive(zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &fault));
  if (!archive) {
    zip_source_free(source);
    bad();
  }
  std::map<std::string, std::string> files;
  std::vector<char> chunk(kChunk);
  for (zip_int64_t i = 0; i < zip_get_num_entries(archive.get(), 0); ++i) {
    const char* inner = zip_get_name(archive.get(), static_cast<zip_uint64_t>(i), 0);
    if (!inner) fail(ErrorKind::BadInput, "{}: is no valid zip archive: file {} has no name", name, i);
    const auto broken = [&](const char* why) {
      fail(ErrorKind::BadInput, "{}: file \"{}\" in it cannot be read: {}", name, inner, why);
    };
    const std::unique_ptr<zip_file_t, CloseZip> file(zip_fopen_index(archive.get(), static_cast<zip_uint64_t>(i), 0));
    if (!file) broken(zip_strerror(archive.get()));
    std::string content;
    zip_int64_t got = 0;
    while ((got = zip_fread(file.get(), chunk.data(), chunk.size())) > 0)
      content.append(chunk.data(), static_cast<size_t>(got));
    if (got < 0) broken(zip_file_strerror(file.get()));
    if (!files.emplace(inner, std::move(content)).second)
      fail(ErrorKind::BadInput, "{}: holds \"{}\" twice", name, inner);
  }
  return files;
}

}  // namespace seqc::training
