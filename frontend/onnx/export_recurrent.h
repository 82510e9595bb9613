/// Finds out that a scan is the cell of ONNX's LSTM, GRU or RNN.
#pragma once

#include <optional>
#include <vector>

#include "frontend/dsl/dsl.h"
#include "frontend/onnx/recurrent_attributes.h"
#include "ir/ir.h"

namespace seqc::frontend {

/// The operator that a scan is, in the specification's words. Gates are in the operator's order; null stands for what is
/// absent.
struct RecurrentMatch {
  RecurrentKind kind = RecurrentKind::RNN;
  std::vector<dsl::Activation> activations;  ///< f (RNN), f g (GRU), f g h (LSTM)
  double clip = dsl::kNoClip;
  bool reverse = false, linear_before_reset = false, input_forget = false;
  const Value *x = nullptr, *lengths = nullptr;
  const Value *initial_h = nullptr, *initial_c = nullptr;  ///< null: zeros
  std::vector<const Value*> w, r, wb, rb, p;               ///< [H,I], [H,H], [H], [H], [H]
  std::vector<size_t> carries;                             ///< the scan's results that are Y_h and Y_c

  /// Everything that the operator needs.
  std::vector<const Value*> values() const;
};

/// Compares the scan with the cells of frontend/dsl/cells.h, built for its shapes.
std::optional<RecurrentMatch> match_recurrent(const ir::Op& scan);

}  // namespace seqc::frontend
