#include "runtime/seqc_runtime.h"

#include <exception>
#include <string>

#include "ir/error.h"
#include "runtime/library.h"
#include "runtime/program.h"
#include "runtime/thread_pool.h"

struct seqc_program {
  std::shared_ptr<const seqc::runtime::Program> program;
};

namespace {

thread_local std::string last_error;

/// Calls `make`; null and a message when it throws.
template <class Make>
auto guarded(Make make) noexcept -> decltype(make()) {
  try {
    return make();
  } catch (const std::exception& error) {
    last_error = error.what();
  }
  return nullptr;
}

}  // namespace

extern "C" {

seqc_program* seqc_open(const char* path, const seqc_dim* dims, size_t dim_count) {
  seqc_open_options options{};
  options.dims = dims;
  options.dim_count = dim_count;
  return seqc_open_with(path, &options);
}

seqc_program* seqc_open_with(const char* path, const seqc_open_options* given) {
  return guarded([&] {
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

const seqc_model* seqc_program_model(const seqc_program* program) { return &program->program->model(); }

void seqc_close(seqc_program* program) { delete program; }

seqc_threads* seqc_threads_create(int32_t count) {
  return guarded([&] { return const_cast<seqc_threads*>((new seqc::runtime::ThreadPool(count))->handle()); });
}

void seqc_threads_destroy(seqc_threads* threads) {
  if (threads) delete static_cast<seqc::runtime::ThreadPool*>(threads->pool);
}

const char* seqc_last_error(void) { return last_error.c_str(); }
}
