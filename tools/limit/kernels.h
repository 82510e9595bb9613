/// Inner loops that find out what a machine can do: multiply-adds on packed weights at full speed, and nothing else.
/// They are compiled for several instruction sets, and those of the processor at hand are taken.
#pragma once

#include <cstdint>

namespace seqc::limit {

/// out[r][c] = sum over k of rows[k][r] * panel[k][c], for `rows` rows and `columns` vectors; both operands are packed in
/// the order in which they are read.
using Kernel = void (*)(const float* panel, const float* rows, int64_t k, float* out);

constexpr int kMaxRows = 28, kMaxColumns = 24, kMaxChains = 4;

/// Floats in a vector of `width` 0 (the widest that this processor has) or 1 (half of that).
int lanes_of(int width);

/// The kernel for `rows` rows and `columns` vectors, each sum split into `chains` (more than one only with one row: where
/// a few columns would leave the units waiting for each other's results); nullptr where its sums do not fit the registers.
Kernel kernel(int width, int rows, int columns, int chains);

}  // namespace seqc::limit
