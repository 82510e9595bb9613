/// Small models for tests of what stands around the compiler: files, sessions, the command line.
#pragma once

#include <filesystem>

#include "ir/tensor.h"

namespace seqc::test {

/// LSTM, 3 features, 5 hidden units: X [T,N,3], h0 [1,N,5] -> Y [T,1,N,5], h [1,N,5].
std::filesystem::path save_lstm(const std::filesystem::path& file);

/// Y = 2 X, X f32 [N,3].
std::filesystem::path save_doubler(const std::filesystem::path& file);

/// X and h0 of the LSTM: the same numbers for the same sizes.
ir::Tensor lstm_x(int64_t steps, int64_t batch);
ir::Tensor lstm_h0(int64_t batch);

}  // namespace seqc::test
