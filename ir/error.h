/// Ways to throw seqc's exception: messages in fmt's format, and checks that stay on.
#pragma once

#include <fmt/format.h>

#include <string>

#include "ir/exception.h"

namespace seqc {

template <class... Args>
[[noreturn]] void fail(ErrorKind kind, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(kind, fmt::format(format, std::forward<Args>(args)...));
}

/// A check that stays on in release builds: its failure is a defect of seqc.
#define SEQC_CHECK(condition, ...)                                                                      \
  do {                                                                                                  \
    if (!(condition)) ::seqc::internal_error(__FILE__, __LINE__, #condition, fmt::format(__VA_ARGS__)); \
  } while (false)

[[noreturn]] void internal_error(const char* file, int line, const char* condition, const std::string& message);

}  // namespace seqc
