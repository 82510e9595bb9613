/// What the C functions of seqc_runtime.h have in common.
#pragma once

#include <exception>
#include <memory>
#include <string>

#include "runtime/program.h"
#include "runtime/seqc_runtime.h"

struct seqc_program {
  std::shared_ptr<const seqc::runtime::Program> program;
};

namespace seqc::runtime {

/// What seqc_last_error returns in this thread.
std::string& last_error();

/// Calls `make`; null and a message when it throws.
template <class Make>
auto guarded(Make make) noexcept -> decltype(make()) {
  try {
    return make();
  } catch (const std::exception& error) {
    last_error() = error.what();
  }
  return nullptr;
}

}  // namespace seqc::runtime
