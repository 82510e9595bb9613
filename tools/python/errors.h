/// Errors of seqc as Python exceptions.
#pragma once

#include <string>

#include "ir/error.h"
#include "tools/python/module.h"

namespace seqc::python {

/// An argument has the wrong type: seqc.DTypeError, where other faults of arguments are seqc.InputError.
class WrongType : public Error {
 public:
  explicit WrongType(const std::string& message) : Error(ErrorKind::BadInput, message) {}
};

template <class... Args>
[[noreturn]] void fail_type(fmt::format_string<Args...> format, Args&&... args) {
  throw WrongType(fmt::format(format, std::forward<Args>(args)...));
}

/// A message that speaks of options of the command line, with keyword arguments in their place: `--dim T=...` becomes
/// `dims={"T": ...}`, `--loss mse` becomes `loss mse`.
std::string in_python(const std::string& message);

/// `float32[3,4]`, or the name of a type: what messages say was got.
std::string describe(const py::handle& value);

}  // namespace seqc::python
