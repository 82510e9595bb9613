/// The one exception type that crosses seqc's public C++ interfaces.
#pragma once

#include <stdexcept>
#include <string>

namespace seqc {

/// What kind of thing went wrong; decides the wording of the command line and the status code of the C ABI.
enum class ErrorKind {
  BadInput,     ///< a model, data file or argument is at fault; the message says where, what was got and expected
  Unsupported,  ///< a correct model asks for something that seqc does not do; the message names it
  NeedsDims,    ///< a correct model can only be compiled once named dims have numbers; the message says which
  NeedsValues,  ///< likewise, once inputs have fixed values; the message says which
  Internal,     ///< a defect of seqc itself
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace seqc
