#include "frontend/onnx/reader_pb.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <limits>

#include "ir/error.h"

namespace seqc::frontend {
namespace {

/// A file mapped for reading.
class Mapping {
 public:
  Mapping(const std::string& path, const std::string& where) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) fail(ErrorKind::BadInput, "{}: cannot open {}: {}", where, path, std::strerror(errno));
    struct stat info{};
    const bool regular = ::fstat(file, &info) == 0 && S_ISREG(info.st_mode);
    size_ = regular ? static_cast<size_t>(info.st_size) : 0;
    if (size_ > 0) data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    const int error = errno;
    ::close(file);
    if (!regular) fail(ErrorKind::BadInput, "{}: {} is no regular file", where, path);
    if (data_ == MAP_FAILED) fail(ErrorKind::BadInput, "{}: cannot read {}: {}", where, path, std::strerror(error));
  }
  ~Mapping() {
    if (size_ > 0 && data_ != MAP_FAILED) ::munmap(data_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

template <class Proto>
Proto parse(std::span<const std::byte> bytes, const std::string& name, const char* what) {
  if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()))
    fail(ErrorKind::BadInput,
         "{}: got {} bytes, expected at most 2 GiB (a limit of protobuf); store weights as external data", name,
         bytes.size());
  if (bytes.empty()) fail(ErrorKind::BadInput, "{}: the file is empty, expected an ONNX {}", name, what);
  Proto proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    fail(ErrorKind::BadInput, "{}: no ONNX {}, or a truncated one", name, what);
  return proto;
}

}  // namespace

onnx::ModelProto parse_model(std::span<const std::byte> bytes, const std::string& name) {
  auto model = parse<onnx::ModelProto>(bytes, name, "model");
  if (!model.has_graph()) fail(ErrorKind::BadInput, "{}: no ONNX model, or a truncated one: it holds no graph", name);
  if (!model.has_ir_version()) fail(ErrorKind::BadInput, "{}: no ONNX model, or a truncated one: no IR version", name);
  return model;
}

onnx::ModelProto read_model(const std::string& path) { return parse_model(Mapping(path, "model").bytes(), path); }

onnx::TensorProto read_tensor(const std::string& path) {
  return parse<onnx::TensorProto>(Mapping(path, "tensor").bytes(), path, "tensor");
}

onnx::SequenceProto read_sequence_proto(const std::string& path) {
  return parse<onnx::SequenceProto>(Mapping(path, "sequence").bytes(), path, "sequence");
}

onnx::OptionalProto read_optional_proto(const std::string& path) {
  return parse<onnx::OptionalProto>(Mapping(path, "optional").bytes(), path, "optional");
}

// --- external data -----------------------------------------------------------------------------------------------

struct ExternalData::File : Mapping {
  using Mapping::Mapping;
};

ExternalData::ExternalData(std::string model_path) : model_path_(std::move(model_path)) {}
ExternalData::~ExternalData() = default;

const ExternalData::File& ExternalData::open(const std::string& location, const std::string& where) {
  namespace fs = std::filesystem;
  if (const auto it = files_.find(location); it != files_.end()) return *it->second;
  const fs::path relative(location);
  if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute())
    fail(ErrorKind::BadInput, "{}: external data at \"{}\", expected a path below the model's folder", where, location);
  for (const auto& part : relative)
    if (part == "..")
      fail(ErrorKind::BadInput, "{}: external data at \"{}\", expected a path below the model's folder", where,
           location);
  // Symbolic links may point anywhere: what counts is where the file really is.
  std::error_code error;
  const fs::path folder = fs::canonical(fs::absolute(model_path_, error).parent_path(), error);
  const fs::path file = fs::canonical(folder / relative, error);
  if (error)
    fail(ErrorKind::BadInput, "{}: external data file \"{}\" not found next to the model: {}", where, location,
         error.message());
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  if (end != folder.end())
    fail(ErrorKind::BadInput, "{}: external data at \"{}\" is a link out of the model's folder", where, location);
  return *files_.emplace(location, std::make_unique<File>(file.string(), where)).first->second;
}

std::span<const std::byte> ExternalData::bytes(const onnx::TensorProto& proto, size_t size, const std::string& where) {
  if (model_path_.empty())
    fail(ErrorKind::BadInput, "{}: external data in a model that comes from memory; load it from its file", where);
  std::string location;
  uint64_t offset = 0, length = size;
  for (const auto& entry : proto.external_data()) {
    const std::string& text = entry.value();
    const auto number = [&] {
      uint64_t value = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (error != std::errc() || end != text.data() + text.size())
        fail(ErrorKind::BadInput, "{}: external data has {} \"{}\", expected a number", where, entry.key(), text);
      return value;
    };
    if (entry.key() == "location") {
      location = text;
    } else if (entry.key() == "offset") {
      offset = number();
    } else if (entry.key() == "length") {
      length = number();
    } else if (entry.key() != "checksum") {
      fail(ErrorKind::Unsupported, "{}: external data key \"{}\" is not known", where, entry.key());
    }
  }
  if (length != size) fail(ErrorKind::BadInput, "{}: external data has {} bytes, expected {}", where, length, size);
  const auto all = open(location, where).bytes();
  if (offset > all.size() || length > all.size() - offset)
    fail(ErrorKind::BadInput, "{}: external data at bytes {} to {} of \"{}\", which has {}", where, offset,
         offset + length, location, all.size());
  return all.subspan(offset, length);
}

}  // namespace seqc::frontend
