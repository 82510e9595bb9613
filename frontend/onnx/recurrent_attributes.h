/// The attributes of ONNX RNN, GRU and LSTM, read and checked.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frontend/dsl/dsl.h"
#include "frontend/onnx/node.h"

namespace seqc::frontend {

enum class RecurrentKind { RNN, GRU, LSTM };

struct RecurrentAttributes {
  std::vector<bool> reversed;  ///< one entry a direction
  /// For each direction: f (RNN), f g (GRU), f g h (LSTM).
  std::vector<std::vector<dsl::Activation>> activations;
  double clip = dsl::kNoClip;
  std::optional<int64_t> hidden_size;  ///< if given
  bool batch_first = false;            ///< layout = 1
  bool linear_before_reset = false;    ///< GRU
  bool input_forget = false;           ///< LSTM

  int64_t directions() const { return static_cast<int64_t>(reversed.size()); }
};

/// Reads every attribute that the node's opset knows; others stay unread, so that the framework refuses them.
/// Throws BadInput for values that the specification does not allow.
RecurrentAttributes read_recurrent_attributes(Node& node, RecurrentKind kind);

}  // namespace seqc::frontend
