// seqc_open where the compiler is there.
#include "ir/error.h"
#include "runtime/compile.h"
#include "runtime/library.h"
#include "runtime/seqc_program.h"

extern "C" {

seqc_program* seqc_open(const char* path, const seqc_dim* dims, size_t dim_count) {
  seqc_open_options options{};
  options.dims = dims;
  options.dim_count = dim_count;
  return seqc_open_with(path, &options);
}

seqc_program* seqc_open_with(const char* path, const seqc_open_options* given) {
  return seqc::runtime::guarded([&] {
    seqc::runtime::CompileOptions options;
    for (size_t i = 0; i < given->dim_count; ++i) options.dims[given->dims[i].name] = given->dims[i].value;
    options.cache.enabled = given->no_cache == 0;
    if (given->cache_folder) options.cache.folder = given->cache_folder;
    options.cache.max_bytes = given->cache_bytes;
    if (seqc::runtime::is_library(path) && given->dim_count > 0)
      seqc::fail(seqc::ErrorKind::BadInput, "{}: dims are given, and a library is compiled already", path);
    return new seqc_program{seqc::runtime::Program::open(path, options)};
  });
}
}
