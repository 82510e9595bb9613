/// Numbers and tensors as text for people.
#pragma once

#include <cstdint>
#include <string>

#include "ir/interpreter.h"

namespace seqc::tools {

std::string bytes_text(uint64_t bytes);              ///< "712 bytes", "34.1 KB", "2.5 MB"
std::string count_text(int64_t count);               ///< "1,234,567"
std::string time_text(double microseconds);          ///< "3.21 us", "1.5 ms", "2.1 s"
std::string dims_text(const ir::DimBindings& dims);  ///< "N=1, T=100"

/// A size as a formula of its names, or in figures where it is a number.
std::string formula_text(const ir::Dim& dim);

/// Type, range and the first and last elements, on two lines.
std::string summary_text(const std::string& name, const ir::Tensor& tensor);

}  // namespace seqc::tools
