/// Writing the likeliest sequence that can be found: greedily, or with several candidates side by side.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/decoding/next_token.h"

namespace seqc::decoding {

struct SearchOptions {
  int64_t begin = 0;         ///< the token that a model reads first
  int64_t end = 0;           ///< the one that ends a sequence
  int64_t max_tokens = 100;  ///< sequences that have not ended by then are cut
};

/// The likeliest token at each step, for `rows` sequences at once, which the model was started with. Neither begin nor end
/// are part of them. Throws Error(BadInput) for options without sense.
std::vector<std::vector<int64_t>> greedy(NextToken& model, int64_t rows, const SearchOptions& options);

struct BeamOptions {
  int64_t width = 4;  ///< candidates that are kept at each step
  /// Hypotheses are ordered by log probability / length^penalty, the end counted; 0: by probability, which likes short ones.
  double length_penalty = 0;
};

struct Hypothesis {
  std::vector<int64_t> tokens;  ///< without begin and end
  double log_probability = 0;   ///< of all tokens and the end
  double score = 0;             ///< what they are ordered by
};

/// The best `width` hypotheses, best first, of a model that was started with one row. Those that did not end within
/// max_tokens are among them only if fewer than `width` did.
std::vector<Hypothesis> beam_search(NextToken& model, const SearchOptions& options, const BeamOptions& beam = {});

}  // namespace seqc::decoding
