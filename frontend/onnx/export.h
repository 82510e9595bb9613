/// Functions become ONNX files that other runtimes run with the same numbers.
#pragma once

#include <cstdint>
#include <string>

#include "ir/ir.h"

namespace seqc::frontend {

inline constexpr int64_t kOldestExportOpset = 17, kNewestExportOpset = 22;

struct ExportOptions {
  /// Of ONNX's own operators; the only domain that is used. The file has the oldest IR version that knows this opset.
  int64_t opset = 17;
  /// Scans whose body is the cell of LSTM, GRU or RNN become those operators; false: every scan becomes a Scan. Runtimes
  /// read the rarer attributes of those operators in different ways (ONNX Runtime 1.30 does not clip the input of an LSTM's
  /// h, and gives zeros for sequences of length 0, where the specification has the initial state), a Scan in one way only.
  bool recurrent = true;
};

/// The function as a serialized ONNX model. Arguments are the graph's inputs, parameters and constants its initializers;
/// both keep their names, and so do the outputs and named dims. Weights of a recurrent operator are joined as it wants them,
/// and called after what their names have in common: `enc.W` for `enc.input.w`, `enc.forget.w` and so on.
///
/// Not kept, because ONNX leaves it open: gathering from computed indices out of range (ours takes the nearest element),
/// casts of floats beyond the range of an integer of 32 or 64 bits (ours saturates), the order in which sums are made.
/// Throws Error(Unsupported) naming the op that ONNX has nothing for, with what to do instead.
std::string export_model_bytes(const ir::Function& function, const ExportOptions& options = {});
/// Writes that to a file, which appears whole or not at all. Throws also Error(BadInput) when it cannot be written.
void export_model(const ir::Function& function, const std::string& path, const ExportOptions& options = {});
/// The only function of a module, as dsl::Model::finish gives it.
void export_model(const ir::Module& module, const std::string& path, const ExportOptions& options = {});

}  // namespace seqc::frontend
