// Program::open, StreamProgram::open and seqc_open of the runtime-only library, which has no compiler.
#include "ir/error.h"
#include "runtime/library.h"
#include "runtime/seqc_program.h"
#include "runtime/stream_program.h"

namespace seqc::runtime {
namespace {

void need_library(const std::string& path, const char* command) {
  if (!is_library(path))
    fail(ErrorKind::Unsupported,
         "{}: is no shared library, and libseqc_runtime, which this program is linked with, compiles nothing; build "
         "one with `{}`, or link libseqc",
         path, command);
}

}  // namespace

std::shared_ptr<const Program> Program::open(const std::string& path) {
  need_library(path, "seqc build");
  return load_library(path);
}

std::shared_ptr<const StreamProgram> StreamProgram::open(const std::string& path) {
  need_library(path, "seqc build --stream");
  return load_library(path);
}

}  // namespace seqc::runtime

extern "C" {

seqc_program* seqc_open(const char* path, const seqc_dim*, size_t dim_count) {
  return seqc::runtime::guarded([&] {
    if (dim_count > 0)
      seqc::fail(seqc::ErrorKind::BadInput, "{}: dims are given, and a library is compiled already", path);
    return new seqc_program{seqc::runtime::Program::open(path)};
  });
}

seqc_program* seqc_open_with(const char* path, const seqc_open_options* options) {
  return seqc_open(path, options->dims, options->dim_count);
}
}
