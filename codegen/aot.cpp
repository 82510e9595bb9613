#include <lld/Common/Driver.h>
#include <llvm/Object/ArchiveWriter.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/TargetParser/Host.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "codegen/object_llvm.h"
#include "codegen/program_llvm.h"
#include "codegen/stream_entry_llvm.h"
#include "codegen/target_llvm.h"
#include "ir/error.h"

LLD_HAS_DRIVER(elf)

namespace seqc::codegen {
namespace {

namespace fs = std::filesystem;

/// A file that appears under its name only once it is whole.
class PendingFile {
 public:
  explicit PendingFile(const std::string& path) : path_(path), temporary_(path + ".partial") {}
  ~PendingFile() {
    std::error_code ignored;
    fs::remove(temporary_, ignored);
  }
  const std::string& temporary() const { return temporary_; }

  void write(const char* data, size_t size) {
    std::ofstream out(temporary_, std::ios::binary);
    out.write(data, static_cast<std::streamsize>(size));
    out.flush();
    if (!out) fail(ErrorKind::BadInput, "{}: cannot be written; check that the folder exists and has room", path_);
  }
  size_t commit() {
    std::error_code error;
    fs::rename(temporary_, path_, error);
    if (error) fail(ErrorKind::BadInput, "{}: cannot be written: {}", path_, error.message());
    return fs::file_size(path_);
  }

 private:
  std::string path_, temporary_;
};

bool is_identifier(const std::string& name) {
  const auto letter = [](unsigned char c) { return std::isalpha(c) || c == '_'; };
  return !name.empty() && letter(static_cast<unsigned char>(name[0])) &&
         std::all_of(name.begin(), name.end(), [&](unsigned char c) { return letter(c) || std::isdigit(c); });
}

/// The C and mathematics libraries of this machine, by the names that the loader knows; for other machines none: there
/// whoever links a program names them.
std::vector<std::string> system_libraries(const llvm::Triple& triple) {
  const llvm::Triple host(llvm::sys::getProcessTriple());
  if (triple.getArch() != host.getArch() || triple.getOS() != host.getOS()) return {};
  std::vector<std::string> found;
  for (const char* name : {"libm.so.6", "libc.so.6"}) {
    for (const std::string& folder :
         {"/lib/" + triple.getArchName().str() + "-linux-gnu", std::string("/lib64"), std::string("/usr/lib")}) {
      if (!fs::exists(folder + "/" + name)) continue;
      found.push_back(folder + "/" + name);
      break;
    }
  }
  return found;
}

/// Links one object into a shared library, in this process.
void link_shared(const std::string& object, const std::string& output, const std::string& soname,
                 const std::vector<std::string>& libraries) {
  static std::mutex mutex;  // LLD keeps its state in globals
  const std::lock_guard lock(mutex);
  std::vector<const char*> arguments = {"ld.lld",       "-shared", "--gc-sections",   "-z",          "noexecstack",
                                        "-z",           "relro",   "--build-id=none", "-s",          "-soname",
                                        soname.c_str(), "-o",      output.c_str(),    object.c_str()};
  arguments.push_back("--as-needed");
  for (const std::string& library : libraries) arguments.push_back(library.c_str());
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  const lld::Result result = lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0) fail(ErrorKind::BadInput, "{}: linking failed: {}", output, messages);
}

void write_archive(const std::string& member_name, const llvm::SmallVector<char, 0>& object, const std::string& path) {
  const llvm::MemoryBufferRef buffer(llvm::StringRef(object.data(), object.size()), member_name);
  std::vector<llvm::NewArchiveMember> members;
  members.emplace_back(buffer);
  if (auto error = llvm::writeArchive(path, members, llvm::SymtabWritingMode::NormalSymtab,
                                      llvm::object::Archive::K_GNU, true, false))
    fail(ErrorKind::BadInput, "{}: cannot be written: {}", path, llvm::toString(std::move(error)));
}

}  // namespace

namespace {

EmittedFile emit_any(const ir::Function& function, const StreamDescription* stream, const Target& target, EmitKind kind,
                     const std::string& name, const std::string& path, const FixedValues& fixed) {
  if (!is_identifier(name))
    fail(ErrorKind::BadInput, "library name: got \"{}\", expected a C identifier; choose one with --name", name);
  const auto machine = make_target_machine(target);
  if (kind == EmitKind::SharedLibrary && !machine->getTargetTriple().isOSBinFormatELF())
    fail(ErrorKind::Unsupported, "shared libraries for {}: only ELF targets are linked; use --emit=obj",
         machine->getTargetTriple().str());
  llvm::LLVMContext context;
  const ProgramOptions options{.name = name,
                               .target = describe_target(*machine, target),
                               .embed_constants = true,
                               .library_entry = kind == EmitKind::SharedLibrary,
                               .needs = cpu_needs(*machine),
                               .fixed = fixed};
  const Machine described = describe_machine(*machine, target);
  Program program = generate_program(context, function, described, options);
  if (stream) emit_stream_entries(*program.module, function, *stream, described, options);
  PendingFile file(path);
  if (kind == EmitKind::Llvm) {
    optimize(*program.module, *machine);
    std::string text;
    llvm::raw_string_ostream stream(text);
    program.module->print(stream, nullptr);
    file.write(text.data(), text.size());
    return {path, file.commit()};
  }
  const auto bytes = emit_object(*program.module, *machine, kind == EmitKind::Assembly);
  switch (kind) {
    case EmitKind::SharedLibrary: {
      PendingFile object(path + ".o");
      object.write(bytes.data(), bytes.size());
      link_shared(object.temporary(), file.temporary(), fs::path(path).filename().string(),
                  system_libraries(machine->getTargetTriple()));
      break;
    }
    case EmitKind::StaticLibrary: write_archive(name + ".o", bytes, file.temporary()); break;
    default: file.write(bytes.data(), bytes.size());
  }
  return {path, file.commit()};
}

}  // namespace

EmittedFile emit(const ir::Function& function, const Target& target, EmitKind kind, const std::string& name,
                 const std::string& path, const FixedValues& fixed) {
  return emit_any(function, nullptr, target, kind, name, path, fixed);
}

EmittedFile emit_stream(const ir::Function& function, const StreamDescription& stream, const Target& target,
                        EmitKind kind, const std::string& name, const std::string& path) {
  return emit_any(function, &stream, target, kind, name, path, {});
}

}  // namespace seqc::codegen
