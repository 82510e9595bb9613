// The C functions that do not depend on whether the compiler is there; those that do are in seqc_open.cpp and open_library.cpp.
#include "runtime/seqc_runtime.h"

#include <new>

#include "ir/error.h"
#include "runtime/seqc_program.h"
#include "runtime/thread_pool.h"

namespace seqc::runtime {

std::string& last_error() {
  thread_local std::string text;
  return text;
}

}  // namespace seqc::runtime

extern "C" {

int32_t seqc_version(void) { return 10000 * SEQC_VERSION_MAJOR + 100 * SEQC_VERSION_MINOR + SEQC_VERSION_PATCH; }

const seqc_model* seqc_program_model(const seqc_program* program) { return &program->program->model(); }

void seqc_close(seqc_program* program) { delete program; }

void* seqc_workspace_create(size_t bytes) {
  return seqc::runtime::guarded([&] {
    void* memory = ::operator new[](bytes, std::align_val_t(SEQC_ALIGNMENT), std::nothrow);
    if (!memory) seqc::fail(seqc::ErrorKind::BadInput, "workspace: {} bytes are more memory than there is", bytes);
    return memory;
  });
}

void seqc_workspace_destroy(void* workspace) { ::operator delete[](workspace, std::align_val_t(SEQC_ALIGNMENT)); }

seqc_threads* seqc_threads_create(int32_t count) {
  return seqc::runtime::guarded(
      [&] { return const_cast<seqc_threads*>((new seqc::runtime::ThreadPool(count))->handle()); });
}

void seqc_threads_destroy(seqc_threads* threads) {
  if (threads) delete static_cast<seqc::runtime::ThreadPool*>(threads->pool);
}

const char* seqc_last_error(void) { return seqc::runtime::last_error().c_str(); }
}
