#include "runtime/files.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "ir/error.h"

namespace seqc::runtime {

namespace fs = std::filesystem;

std::string read_file(const std::string& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) fail(ErrorKind::BadInput, "{}: no such file", path);
  if (fs::is_directory(status)) fail(ErrorKind::BadInput, "{}: is a folder, expected a file", path);
  std::ifstream in(path, std::ios::binary);
  std::string bytes;
  if (in) bytes.assign(std::istreambuf_iterator<char>(in), {});
  if (!in || in.bad()) fail(ErrorKind::BadInput, "{}: cannot be read: {}", path, std::strerror(errno));
  return bytes;
}

void write_file(const std::string& path, std::string_view bytes) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, ::getpid());
  std::ofstream out(temporary, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  std::error_code error;
  if (out) fs::rename(temporary, path, error);
  if (out && !error) return;
  const std::string why = out ? error.message() : std::strerror(errno);
  fs::remove(temporary, error);
  fail(ErrorKind::BadInput, "{}: cannot be written: {}", path, why);
}

}  // namespace seqc::runtime
