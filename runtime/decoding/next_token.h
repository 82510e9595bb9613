/// What writes sequences token by token, seen by those who choose the tokens.
#pragma once

#include <cstdint>
#include <span>

#include "ir/tensor.h"

namespace seqc::decoding {

/// A model with states for several sequences, its rows.
class NextToken {
 public:
  virtual ~NextToken() = default;
  /// Row i now goes on from what row rows[i] had read before this call, and reads tokens[i]: rows may be swapped, repeated
  /// and left out. Returns the scores (logits) of what may come next, floats [rows, vocabulary].
  virtual ir::Tensor read(std::span<const int64_t> tokens, std::span<const int64_t> rows) = 0;
};

}  // namespace seqc::decoding
