/// Functions become ONNX files that other runtimes run with the same numbers.
#pragma once

#include <cstdint>
#include <string>

#include "ir/ir.h"

namespace seqc::frontend {

inline constexpr int64_t kOldestExportOpset = 17, kNewestExportOpset = 22;

struct ExportOptions {
  /// Of ONNX's own operators; the only domain that is used. IR version 8 and its kin: the oldest that has this opset.
  int64_t opset = 17;
  /// Scans whose body is the cell of LSTM, GRU or RNN become those operators; false: every scan becomes a Scan.
  bool recurrent = true;
};

/// The function as a serialized ONNX model. Arguments are the graph's inputs, parameters and constants its initializers;
/// both keep their names, and so do the outputs and named dims.
///
/// Kept as they are: shapes with named dims, empty tensors, what integers do at their limits in Add, Sub, Mul, Div. Not
/// kept, because ONNX leaves it open: gathering from indices out of range (ours takes the nearest), casts of floats out
/// of an integer type's range (ours saturates), the order in which sums are made.
/// Throws Error(Unsupported) naming the op that ONNX has nothing for, with what to do instead.
std::string export_model_bytes(const ir::Function& function, const ExportOptions& options = {});
/// Writes that to a file, which appears whole or not at all. Throws also Error(BadInput) when it cannot be written.
void export_model(const ir::Function& function, const std::string& path, const ExportOptions& options = {});

}  // namespace seqc::frontend
