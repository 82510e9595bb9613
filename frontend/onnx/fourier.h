/// Discrete Fourier transforms out of contractions with cosine and sine matrices.
#pragma once

#include "frontend/onnx/node.h"

namespace seqc::frontend {

enum class FourierKind {
  Forward,      ///< X[k] = sum over j of x[j] e^(-2 pi i jk/n), k = 0 ... n-1
  Inverse,      ///< x[j] = 1/n sum over k of X[k] e^(2 pi i jk/n)
  Half,         ///< Forward of a real x, k = 0 ... n/2 only; the others are conjugates of these
  InverseHalf,  ///< the real x of the n/2+1 numbers that Half gives
};

/// Transforms x [rows, numbers, parts] along dim 1: parts 1 are real numbers, 2 real and imaginary parts. The result
/// is [rows, numbers, 2], or [rows, n, 1] for InverseHalf. Half takes parts 1, InverseHalf parts 2. Elements of x
/// beyond those that a transform of length n takes are left out, missing ones count as 0; NeedsDims where named dims
/// decide.
Value* fourier(Node& node, Value* x, const Dim& n, FourierKind kind);

/// The same along `axis` of x [..., parts].
Value* fourier_along(Node& node, Value* x, int64_t axis, const Dim& n, FourierKind kind);

/// `size` elements of dim `axis`: those behind are left out, missing ones are 0.
Value* fit_axis(Node& node, Value* x, int64_t axis, const Dim& size, std::string_view what);

/// The number of parts of x [..., parts], 1 or 2. Throws BadInput for others.
int64_t complex_parts(Node& node, const Value* x, std::string_view role);

}  // namespace seqc::frontend
