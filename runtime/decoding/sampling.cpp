#include "runtime/decoding/sampling.h"

#include <algorithm>
#include <cmath>

#include "ir/error.h"

namespace seqc::decoding {

using ir::Tensor;

namespace {

/// In [0, 1).
double uniform(training::KeyedRandom& random) { return static_cast<double>(random.bits() >> 11) * 0x1p-53; }

}  // namespace

int64_t sample(const Tensor& logits, int64_t row, const Sampling& sampling, training::KeyedRandom& random) {
  if (!(sampling.temperature >= 0) || std::isinf(sampling.temperature) || sampling.top_k < 0)
    fail(ErrorKind::BadInput, "sampling: got temperature {} and top_k {}, expected 0 or more", sampling.temperature,
         sampling.top_k);
  if (logits.rank() != 2 || row < 0 || row >= logits.shape()[0] || logits.shape()[1] < 1)
    fail(ErrorKind::BadInput, "sampling: got row {} of logits {}, expected one of [rows, vocabulary]", row,
         logits.type_str());
  const int64_t size = logits.shape()[1];
  const auto score = [&](int64_t token) { return logits.real(row * size + token); };
  std::vector<int64_t> tokens;
  for (int64_t token = 0; token < size; ++token) {
    if (std::isnan(score(token)) || score(token) == INFINITY)
      fail(ErrorKind::BadInput, "sampling: the logit of token {} is {}", token, score(token));
    if (score(token) != -INFINITY &&
        std::find(sampling.never.begin(), sampling.never.end(), token) == sampling.never.end())
      tokens.push_back(token);
  }
  if (tokens.empty()) fail(ErrorKind::BadInput, "sampling: none of {} tokens may come", size);

  const auto possible = static_cast<int64_t>(tokens.size());
  const int64_t kept = sampling.temperature == 0 ? 1
                       : sampling.top_k == 0     ? possible
                                                 : std::min(sampling.top_k, possible);
  std::partial_sort(tokens.begin(), tokens.begin() + kept, tokens.end(),
                    [&](int64_t a, int64_t b) { return score(a) != score(b) ? score(a) > score(b) : a < b; });
  tokens.resize(static_cast<size_t>(kept));
  const double largest = score(tokens.front());
  if (kept == 1) return tokens.front();

  std::vector<double> sums;  // of the weights up to each token
  for (const int64_t token : tokens)
    sums.push_back((sums.empty() ? 0 : sums.back()) + std::exp((score(token) - largest) / sampling.temperature));
  const auto at = std::upper_bound(sums.begin(), sums.end(), uniform(random) * sums.back()) - sums.begin();
  return tokens[std::min(static_cast<size_t>(at), tokens.size() - 1)];
}

std::vector<int64_t> sample_after(NextToken& model, const std::vector<int64_t>& prime, int64_t count,
                                  const Sampling& sampling, uint64_t seed) {
  if (prime.empty()) fail(ErrorKind::BadInput, "sampling: got no token to begin with, expected one or more");
  constexpr int64_t kRow[] = {0};
  Tensor logits;
  for (const int64_t token : prime) logits = model.read({&token, 1}, kRow);
  training::KeyedRandom random(seed, 0);
  std::vector<int64_t> written;
  while (static_cast<int64_t>(written.size()) < count) {
    written.push_back(sample(logits, 0, sampling, random));
    if (static_cast<int64_t>(written.size()) < count) logits = model.read({&written.back(), 1}, kRow);
  }
  return written;
}

}  // namespace seqc::decoding
