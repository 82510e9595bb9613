/// What a call says when it throws.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "ir/error.h"

namespace seqc::test {

/// The message of the Error(BadInput) that `call` throws.
template <class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::BadInput);
    return error.what();
  }
  return "no error";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace seqc::test
