/// Pictures of handwritten digits: MNIST from its files, or others like them that are drawn here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/training/data/dataset.h"
#include "tools/examples/support/run.h"

namespace seqc::examples {

inline constexpr int64_t kDigitSide = 28;

/// x: f32[28,N,28], the rows of each picture from 0 (paper) to 1 (ink); label: i64[N].
struct Digits {
  training::Dataset train, test;
};

/// The four files of MNIST in that folder (gzipped or not), or without one 3,000 digits to train and 600 to test that
/// are drawn as strokes, each in a hand of its own. Throws Error(BadInput) naming what is missing.
Digits load_digits(const std::string& folder);

/// f32[count,28,28] and i64[count]: pictures that `seed` decides.
struct DrawnDigits {
  ir::Tensor pictures, labels;
};
DrawnDigits draw_digits(int64_t count, uint64_t seed);

/// Which digit gets the largest of probabilities f32[N,10]: "7 (99.3 %)" for each row.
std::vector<std::string> digit_texts(const ir::Tensor& probabilities);

/// Pictures x f32[28,N,28] side by side as text with a line below each.
std::string digits_as_text(const ir::Tensor& x, const std::vector<std::string>& below);

/// Shows pictures and what a model says to them on the terminal and in the report.
void show_digits(Run& run, const ir::Tensor& x, const ir::Tensor& probabilities);

}  // namespace seqc::examples
