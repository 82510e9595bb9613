// Modules in files: the text, and beside it ".weights" with the bytes of the constants that the text gives as `#hash`.
//
// A weights file is little-endian: "seqcwts\n", u32 version, u32 0, u64 entries; an entry is u64 hash, u32 element type
// (the DType's number), u32 rank, i64 dims[rank], then the elements, then zeros up to a multiple of 8 bytes. Elements of
// strings are u64 bytes, then that many: each string with a NUL behind it.
#include <array>
#include <bit>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "ir/error.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "ir/text.h"

namespace seqc::ir {
namespace {

static_assert(std::endian::native == std::endian::little, "weights files are written byte for byte");

constexpr std::string_view kMagic = "seqcwts\n";
constexpr uint32_t kVersion = 1;

std::string weights_path(const std::string& path) { return path + ".weights"; }

// --- writing -----------------------------------------------------------------------------------------------------

using TensorRefs = std::map<uint64_t, const Tensor*>;

TensorRefs large_constants(const Module& module, const PrintOptions& options) {
  TensorRefs result;
  const auto add = [&](const Tensor& tensor) {
    if (is_inline(tensor, options.max_inline_elements)) return;
    const auto [it, inserted] = result.try_emplace(tensor.hash(), &tensor);
    SEQC_CHECK(inserted || it->second == &tensor || it->second->identical(tensor),
               "two constants share the hash {:016x}", it->first);
  };
  for (const auto& function : module.functions) {
    for (const Value* parameter : function->parameters()) add(parameter->initial());
    walk(function->body(), [&](const Op* op) {
      for (const Value* operand : op->operands())
        if (operand->is_constant()) add(operand->constant());
    });
  }
  return result;
}

template <class T>
void put(std::ostream& out, T value) {
  out.write(reinterpret_cast<const char*>(&value), sizeof value);
}

void write_weights(std::ostream& out, const TensorRefs& tensors) {
  out << kMagic;
  put(out, kVersion);
  put(out, uint32_t{0});
  put(out, uint64_t{tensors.size()});
  for (const auto& [hash, tensor] : tensors) {
    put(out, hash);
    put(out, static_cast<uint32_t>(tensor->dtype()));
    put(out, static_cast<uint32_t>(tensor->rank()));
    for (const int64_t size : tensor->shape()) put(out, size);
    std::string_view elements(reinterpret_cast<const char*>(tensor->bytes()), tensor->byte_size());
    std::string texts;
    if (tensor->dtype() == DType::string) {
      for (int64_t i = 0; i < tensor->count(); ++i) texts.append(tensor->text(i)) += '\0';
      put(out, uint64_t{texts.size()});
      elements = texts;
    }
    out.write(elements.data(), static_cast<std::streamsize>(elements.size()));
    for (size_t i = elements.size(); i % 8 != 0; ++i) out.put(0);
  }
}

/// A file that appears under its name, whole, when `commit` is called, and not at all otherwise.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path)
      : path_(std::move(path)), temporary_(fmt::format("{}.{:08x}.tmp", path_, std::random_device{}())) {
    stream_.open(temporary_, std::ios::binary | std::ios::trunc);
  }
  ~AtomicFile() {
    std::error_code ignored;
    if (!committed_) std::filesystem::remove(temporary_, ignored);
  }
  std::ostream& stream() { return stream_; }

  void close() {
    stream_.close();
    if (!stream_) fail(ErrorKind::BadInput, "{}: cannot be written; check the folder and the free space", path_);
  }
  void commit() {
    std::error_code error;
    std::filesystem::rename(temporary_, path_, error);
    if (error) fail(ErrorKind::BadInput, "{}: cannot be written: {}", path_, error.message());
    committed_ = true;
  }

 private:
  std::string path_, temporary_;
  std::ofstream stream_;
  bool committed_ = false;
};

// --- reading -----------------------------------------------------------------------------------------------------

std::string read_file(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) fail(ErrorKind::BadInput, "{}: got a folder, expected a file", path);
  std::ifstream in(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in) fail(ErrorKind::BadInput, "{}: cannot be read", path);
  return text;
}

class WeightsReader {
 public:
  WeightsReader(const std::string& path, std::string_view bytes) : path_(path), bytes_(bytes) {}

  WeightTable read() {
    if (take(kMagic.size()) != kMagic) bad("got another kind of file, expected weights of seqc");
    const auto version = get<uint32_t>();
    if (version != kVersion) bad(fmt::format("got version {}, expected {}", version, kVersion));
    get<uint32_t>();
    const auto count = get<uint64_t>();
    WeightTable table;
    for (uint64_t i = 0; i < count; ++i) {
      const auto hash = get<uint64_t>();
      table[hash] = tensor(hash);
    }
    if (at_ != bytes_.size()) bad(fmt::format("got {} bytes after the last entry", bytes_.size() - at_));
    return table;
  }

 private:
  [[noreturn]] void bad(const std::string& what) { fail(ErrorKind::BadInput, "{}: {}", path_, what); }

  std::string_view take(size_t size) {
    if (size > bytes_.size() - at_)
      bad(fmt::format("got {} bytes, expected {} more; the file is truncated", bytes_.size(),
                      size - (bytes_.size() - at_)));
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  template <class T>
  T get() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  Tensor tensor(uint64_t hash) {
    const auto type = get<uint32_t>(), rank = get<uint32_t>();
    if (type >= kDTypeCount) bad(fmt::format("entry {:016x}: got element type {}", hash, type));
    if (rank > kMaxTextRank)
      bad(fmt::format("entry {:016x}: got rank {}, expected at most {}", hash, rank, kMaxTextRank));
    std::vector<int64_t> shape(rank);
    const bool strings = static_cast<DType>(type) == DType::string;
    uint64_t size = strings ? 1 : size_of(static_cast<DType>(type));  // of strings at least
    for (int64_t& dim : shape) {
      dim = get<int64_t>();
      // Checked before the tensor is allocated: a damaged size must not ask for terabytes.
      if (dim < 0 || __builtin_mul_overflow(size, static_cast<uint64_t>(dim), &size) || size > bytes_.size())
        bad(fmt::format("entry {:016x}: got a dim of {}, expected a tensor that fits the file", hash, dim));
    }
    if (strings) {
      const uint64_t least = size;
      size = get<uint64_t>();
      if (size < least) bad(fmt::format("entry {:016x}: got {} bytes for {} strings", hash, size, least));
    }
    const std::string_view content = take(size);
    Tensor result =
        strings ? string_tensor(hash, content, std::move(shape)) : Tensor(static_cast<DType>(type), std::move(shape));
    if (size > 0 && !strings) std::memcpy(result.mutable_bytes(), content.data(), size);
    take((8 - size % 8) % 8);
    if (result.hash() != hash)
      bad(fmt::format("entry {:016x}: its bytes have hash {:016x}; the file is damaged", hash, result.hash()));
    return result;
  }

  Tensor string_tensor(uint64_t hash, std::string_view content, std::vector<int64_t> shape) {
    uint64_t count = 1;
    for (const int64_t dim : shape) count *= static_cast<uint64_t>(dim);  // fits the file, as was checked
    std::vector<std::string> texts;
    for (size_t at = 0, end; at < content.size(); at = end + 1) {
      end = content.find('\0', at);
      if (end == std::string_view::npos) bad(fmt::format("entry {:016x}: its last string does not end", hash));
      texts.emplace_back(content.substr(at, end - at));
    }
    if (texts.size() != count)
      bad(fmt::format("entry {:016x}: got {} strings, expected {}", hash, texts.size(), count));
    return Tensor::strings(std::move(shape), texts);
  }

  const std::string& path_;
  std::string_view bytes_;
  size_t at_ = 0;
};

}  // namespace

void save_module(const Module& module, const std::string& path, const PrintOptions& options) {
  const TensorRefs tensors = large_constants(module, options);
  AtomicFile text(path);
  text.stream() << print(module, options);
  text.close();
  if (!tensors.empty()) {
    AtomicFile weights(weights_path(path));
    write_weights(weights.stream(), tensors);
    weights.close();
    weights.commit();  // first: a text never stands beside the weights of an older one that lack its hashes
  }
  text.commit();
  std::error_code ignored;
  if (tensors.empty()) std::filesystem::remove(weights_path(path), ignored);
}

std::unique_ptr<Module> load_module(const std::string& path) {
  const std::string text = read_file(path);
  WeightTable weights;
  if (std::filesystem::exists(weights_path(path)))
    weights = WeightsReader(weights_path(path), read_file(weights_path(path))).read();
  return parse_module(text, path, weights);
}

}  // namespace seqc::ir
