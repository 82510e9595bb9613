/// Writing by chance: the next token is drawn by the model's own probabilities, sharpened or cut.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/decoding/next_token.h"
#include "runtime/training/data/shuffle.h"

namespace seqc::decoding {

/// Probabilities are softmax(logits / temperature) over the `top_k` likeliest of the tokens that may come.
struct Sampling {
  double temperature = 1;  ///< below 1 likely tokens become likelier; 0: always the likeliest
  int64_t top_k = 0;       ///< 0: all; of equal ones the first count as likelier
  /// Tokens that are never drawn, such as the one for unknown words.
  std::vector<int64_t> never = {};
};

/// A token for row `row` of logits [rows, vocabulary]. Throws Error(BadInput) for options without sense and for logits
/// that are no numbers (minus infinity says that a token is impossible).
int64_t sample(const ir::Tensor& logits, int64_t row, const Sampling& sampling, training::KeyedRandom& random);

/// `count` tokens after `prime` (at least one), which the model, just started, reads first. The seed decides them.
std::vector<int64_t> sample_after(NextToken& model, const std::vector<int64_t>& prime, int64_t count,
                                  const Sampling& sampling, uint64_t seed);

}  // namespace seqc::decoding
