/// What DynamicQuantizeLSTM of the domain com.microsoft adds to an LSTM, as ONNX Runtime computes it.
///
/// Weights are bytes with scales; X, and in every step the hidden state [N, H] as a whole, are quantised as
/// DynamicQuantizeLinear does. There products of bytes are exact; here they are products of the floats that the bytes
/// stand for, so that an ordinary LSTM cell computes them: results differ by the rounding of f32 sums.
#pragma once

#include "frontend/dsl/dsl.h"
#include "frontend/onnx/node.h"

namespace seqc::frontend {

/// The weights at input `index` [directions, inputs, gate rows] as ONNX's LSTM has them: floats [directions, gate rows,
/// inputs]. Scale and zero point, at `scale_index` and behind it, are those of a direction or of each gate row.
Value* dequantized_weights(Node& node, size_t index, size_t scale_index, std::string_view role);

/// bool [T, N, 1]: whether the state of row n before step t counts when step t is quantised. Those of its own steps do,
/// and its last one once more. `lengths` is i32 [N].
Value* counted_rows(Builder& b, Value* lengths, const Dim& steps);

/// X [T, N, I] with the rounding of its quantisation; steps that no row has do not count. `lengths` may be null.
Value* rounded_input(Builder& b, Value* x, Value* lengths);

/// The hidden state [N, H] with the rounding of its quantisation. Rows where `counts` (bool [N, 1], or absent) is
/// false are taken for 0.
dsl::Var rounded_hidden(const dsl::Var& h, const dsl::Var& counts);

/// x [T, N, ...] with the first lengths[n] steps of each row in reverse order.
Value* reverse_rows(Builder& b, Value* x, Value* lengths);

}  // namespace seqc::frontend
