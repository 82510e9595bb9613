/// Shared libraries made by `seqc build`, loaded by path. Needs no compiler: only the C ABI.
#pragma once

#include <memory>
#include <string>

#include "runtime/seqc_stream.h"

namespace seqc::runtime {

/// True for file names that end like a shared library: `.so`, `.so.1`.
bool is_library(const std::string& path);

/// A loaded library; the model lives as long.
class Library {
 public:
  /// Throws Error(BadInput): no such file, cut short, no library, not one of seqc's, of another ABI version, or
  /// compiled for instructions that this processor lacks.
  explicit Library(const std::string& path);
  const seqc_model& model() const { return *model_; }
  /// Null if it was built without --stream.
  const seqc_stream* stream() const { return stream_; }

 private:
  std::shared_ptr<void> handle_;
  const seqc_model* model_ = nullptr;
  const seqc_stream* stream_ = nullptr;
};

}  // namespace seqc::runtime
