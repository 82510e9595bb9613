// IDX: two zero bytes, a byte for the type, one for the number of dims, each dim in 4 bytes, the elements; all of it
// big-endian.
#include "runtime/training/data/array_files.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <optional>

#include "ir/error.h"
#include "runtime/npy.h"
#include "runtime/training/data/compressed.h"

namespace seqc::training {
namespace {

namespace fs = std::filesystem;
using ir::DType;
using ir::Tensor;

constexpr std::string_view kNpy = "\x93NUMPY", kZip = "PK";

std::optional<DType> idx_type(unsigned char code) {
  switch (code) {
    case 0x08: return DType::u8;
    case 0x09: return DType::i8;
    case 0x0b: return DType::i16;
    case 0x0c: return DType::i32;
    case 0x0d: return DType::f32;
    case 0x0e: return DType::f64;
    default: return std::nullopt;
  }
}

bool is_idx(std::string_view bytes) {
  return bytes.size() >= 4 && bytes[0] == 0 && bytes[1] == 0 && idx_type(static_cast<unsigned char>(bytes[2]));
}

/// The file's name without what says its kind.
std::string stem(const std::string& path) {
  std::string name = fs::path(path).filename().string();
  for (const std::string_view end : {".gz", ".npy", ".npz", ".idx", "-ubyte"})
    if (name.ends_with(end) && name.size() > end.size()) name.resize(name.size() - end.size());
  const size_t dims = name.rfind("idx");  // "-idx3" or ".idx3"
  if (dims != std::string::npos && dims > 1 && dims + 4 == name.size()) name.resize(dims - 1);
  return name;
}

Arrays parse_arrays(const std::string& bytes, const std::string& path) {
  if (bytes.starts_with(kNpy)) return {{stem(path), runtime::parse_npy(bytes, path)}};
  if (bytes.starts_with(kZip)) return parse_npz(bytes, path);
  if (is_idx(bytes)) return {{stem(path), parse_idx(bytes, path)}};
  fail(ErrorKind::BadInput, "{}: is neither .npy nor .npz nor IDX: it begins with {:02x}", path,
       fmt::join(std::vector<unsigned char>(bytes.begin(), bytes.begin() + std::min<int64_t>(4, std::ssize(bytes))),
                 " "));
}

bool in_folder(const fs::path& path) {
  std::string name = path.filename().string();
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return name.ends_with(".npy") || name.ends_with(".idx") || name.ends_with("-ubyte");
}

}  // namespace

Tensor parse_idx(std::string_view bytes, const std::string& name) {
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(bytes[at]); };
  const auto bad = [&](const std::string& what) {
    fail(ErrorKind::BadInput, "{}: is no valid IDX file: {}", name, what);
  };
  if (bytes.size() < 4) bad(fmt::format("it ends after {} bytes, within the header", bytes.size()));
  if (byte(0) != 0 || byte(1) != 0) bad(fmt::format("it begins with {:02x} {:02x}, expected 00 00", byte(0), byte(1)));
  const std::optional<DType> type = idx_type(byte(2));
  if (!type) bad(fmt::format("element type {:02x} at byte 2, expected 08, 09, 0b, 0c, 0d or 0e", byte(2)));
  const size_t rank = byte(3), begin = 4 + 4 * rank, size = ir::size_of(*type);
  if (bytes.size() < begin)
    bad(fmt::format("it ends after {} bytes, within the header of {} bytes for {} dims", bytes.size(), begin, rank));
  std::vector<int64_t> shape;
  uint64_t expected = size;
  bool overflow = false;
  for (size_t at = 4; at < begin; at += 4) {
    shape.push_back(int64_t{byte(at)} << 24 | byte(at + 1) << 16 | byte(at + 2) << 8 | byte(at + 3));
    overflow = __builtin_mul_overflow(expected, static_cast<uint64_t>(shape.back()), &expected) || overflow;
  }
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) expected = 0, overflow = false;
  if (overflow || expected != bytes.size() - begin)
    bad(fmt::format("it holds {} bytes of elements, its header says {}[{}]{}", bytes.size() - begin, ir::name(*type),
                    fmt::join(shape, ","), expected > bytes.size() - begin ? "; download it again" : ""));
  Tensor result(*type, shape);
  std::byte* to = result.mutable_bytes();
  if (expected > 0) std::memcpy(to, bytes.data() + begin, expected);
  if (size > 1)
    for (size_t i = 0; i < expected; i += size) std::reverse(to + i, to + i + size);
  return result;
}

Tensor load_idx(const std::string& path) { return parse_idx(read_data_file(path), path); }

Arrays parse_npz(std::string_view bytes, const std::string& name) {
  Arrays arrays;
  for (const auto& [inner, content] : unzip(bytes, name)) {
    if (!inner.ends_with(".npy")) fail(ErrorKind::BadInput, "{}: holds \"{}\", expected .npy files only", name, inner);
    arrays[inner.substr(0, inner.size() - 4)] = runtime::parse_npy(content, name + ":" + inner);
  }
  return arrays;
}

Arrays load_npz(const std::string& path) { return parse_npz(read_data_file(path), path); }

Arrays load_arrays(const std::string& path) {
  if (!fs::is_directory(path)) return parse_arrays(read_data_file(path), path);
  Arrays arrays;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    if (!in_folder(entry.path())) continue;
    for (auto& [name, array] : parse_arrays(read_data_file(entry.path().string()), entry.path().string()))
      if (!arrays.emplace(name, std::move(array)).second)
        fail(ErrorKind::BadInput, "{}: two files hold an array \"{}\"; keep one of them", path, name);
  }
  if (error) fail(ErrorKind::BadInput, "{}: cannot be listed: {}", path, error.message());
  if (arrays.empty()) fail(ErrorKind::BadInput, "{}: no .npy or IDX file in this folder", path);
  return arrays;
}

}  // namespace seqc::training
