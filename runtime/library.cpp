#include "runtime/library.h"

#include <dlfcn.h>
#include <elf.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "ir/error.h"

namespace seqc::runtime {
namespace {

namespace fs = std::filesystem;

/// The loader maps a library before it looks at it, and touching what a file cut short lacks ends the process.
void check_complete(const std::string& path) {
  if (!fs::exists(path)) fail(ErrorKind::BadInput, "{}: no such file", path);
  if (!fs::is_regular_file(path)) fail(ErrorKind::BadInput, "{}: is no file", path);
  const uint64_t size = fs::file_size(path);
  std::ifstream in(path, std::ios::binary);
  Elf64_Ehdr header{};
  in.read(reinterpret_cast<char*>(&header), sizeof header);
  if (!in || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64)
    fail(ErrorKind::BadInput, "{}: is no shared library (no 64-bit ELF file)", path);
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  in.seekg(static_cast<std::streamoff>(header.e_phoff));
  in.read(reinterpret_cast<char*>(segments.data()), static_cast<std::streamsize>(segments.size() * sizeof(Elf64_Phdr)));
  bool complete = in.good();
  for (const Elf64_Phdr& segment : segments)
    complete = complete && segment.p_offset <= size && segment.p_filesz <= size - segment.p_offset;
  if (!complete) fail(ErrorKind::BadInput, "{}: is cut short: {} bytes are not the whole library", path, size);
}

}  // namespace

bool is_library(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  return name.ends_with(".so") || name.find(".so.") != std::string::npos;
}

Library::Library(const std::string& path) {
  check_complete(path);
  // A path without a slash would be looked for in the system's folders.
  void* handle = ::dlopen(fs::absolute(path).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) fail(ErrorKind::BadInput, "{}: cannot be loaded: {}", path, ::dlerror());
  handle_ = std::shared_ptr<void>(handle, ::dlclose);
  auto* get_model = reinterpret_cast<const seqc_model* (*)()>(::dlsym(handle, "seqc_library_model"));
  if (!get_model) fail(ErrorKind::BadInput, "{}: was not made by seqc (no seqc_library_model in it)", path);
  model_ = get_model();
  if (model_->abi_version != SEQC_ABI_VERSION)
    fail(ErrorKind::BadInput, "{}: has version {} of seqc's binary interface, expected {}; build it again", path,
         model_->abi_version, SEQC_ABI_VERSION);
  if (const char* missing = model_->missing_feature())
    fail(ErrorKind::BadInput,
         "{}: was compiled for {}, which needs {}; this processor lacks it; build it again with another --target-cpu",
         path, model_->target, missing);
  if (auto* get_stream = reinterpret_cast<const seqc_stream* (*)()>(::dlsym(handle, "seqc_library_stream")))
    stream_ = get_stream();
}

}  // namespace seqc::runtime
