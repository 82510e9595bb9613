/// The number of threads of the OpenMP runtime that a peer brings along.
#pragma once

#include <dlfcn.h>

#include <stdexcept>

namespace seqc::peers {

/// Peers of Debian are linked with GNU's runtime, whatever compiler builds their plugin.
inline void set_openmp_threads(int threads) {
  void* runtime = dlopen("libgomp.so.1", RTLD_NOW | RTLD_NOLOAD);
  auto* set = runtime ? reinterpret_cast<void (*)(int)>(dlsym(runtime, "omp_set_num_threads")) : nullptr;
  if (!set) throw std::runtime_error("no OpenMP runtime to tell the number of threads");
  set(threads);
}

}  // namespace seqc::peers
