/// NumPy's .npy files: tensors that Python reads with numpy.load and writes with numpy.save.
#pragma once

#include <string>
#include <string_view>

#include "ir/tensor.h"

namespace seqc::runtime {

// Versions 1 to 3, C and Fortran order, little and big endian are read; version 1, C order, little endian is written.
// NumPy has no bf16: it is kept as two raw bytes (`<V2`), which is what arrays of the ml_dtypes package save as.
// Strings are read from arrays of str (`U`) and of bytes (`S`), and written as str.

/// Throws Error(BadInput) saying what is wrong with the file.
ir::Tensor load_npy(const std::string& path);
/// The same from memory; `name` stands for the file in messages.
ir::Tensor parse_npy(std::string_view bytes, const std::string& name);

/// The file appears whole or not at all. Throws Error(BadInput) when it cannot be written.
void save_npy(const std::string& path, const ir::Tensor& tensor);
std::string npy_bytes(const ir::Tensor& tensor);

}  // namespace seqc::runtime
