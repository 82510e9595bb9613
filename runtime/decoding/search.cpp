// Beam search as in Graves: Sequence transduction with recurrent neural networks (2012), without his merging of prefixes,
// which cannot arise where every step writes a token.
#include "runtime/decoding/search.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ir/error.h"

namespace seqc::decoding {

using ir::Tensor;

namespace {

void check(const SearchOptions& options) {
  if (options.begin < 0 || options.end < 0 || options.max_tokens < 1)
    fail(ErrorKind::BadInput, "search: got begin {}, end {} and max_tokens {}, expected tokens and 1 or more",
         options.begin, options.end, options.max_tokens);
}

int64_t vocabulary(const Tensor& logits, int64_t rows) {
  if (logits.rank() != 2 || logits.shape()[0] != rows || logits.shape()[1] < 1)
    fail(ErrorKind::BadInput, "search: got logits {}, expected [{}, vocabulary]", logits.type_str(), rows);
  for (int64_t i = 0; i < logits.count(); ++i)
    if (std::isnan(logits.real(i))) fail(ErrorKind::BadInput, "search: a logit is no number");
  return logits.shape()[1];
}

/// log softmax of a row.
std::vector<double> log_probabilities(const Tensor& logits, int64_t row) {
  const int64_t size = logits.shape()[1];
  std::vector<double> result;
  for (int64_t i = 0; i < size; ++i) result.push_back(logits.real(row * size + i));
  const double largest = *std::max_element(result.begin(), result.end());
  double sum = 0;
  for (const double value : result) sum += std::exp(value - largest);
  for (double& value : result) value -= largest + std::log(sum);
  return result;
}

/// A sequence that grows: `row` of the model has read it but for its last token.
struct Candidate {
  std::vector<int64_t> tokens;
  double log_probability = 0;
  int64_t row = 0;
};

/// The best `width` sequences, best first; of equal ones the one with the smaller tokens.
template <class Sequence>
void keep_best(std::vector<Sequence>& sequences, size_t width, double Sequence::* value) {
  std::sort(sequences.begin(), sequences.end(), [value](const Sequence& a, const Sequence& b) {
    return a.*value != b.*value ? a.*value > b.*value : a.tokens < b.tokens;
  });
  if (sequences.size() > width) sequences.resize(width);
}

}  // namespace

std::vector<std::vector<int64_t>> greedy(NextToken& model, int64_t rows, const SearchOptions& options) {
  check(options);
  std::vector<std::vector<int64_t>> result(static_cast<size_t>(rows));
  // Sequences that have ended are left out of the rows.
  std::vector<int64_t> open(static_cast<size_t>(rows)), tokens(open.size(), options.begin), from;
  std::iota(open.begin(), open.end(), 0);
  from = open;
  for (int64_t step = 0; step < options.max_tokens && !open.empty(); ++step) {
    const Tensor logits = model.read(tokens, from);
    const int64_t size = vocabulary(logits, static_cast<int64_t>(open.size()));
    std::vector<int64_t> next_open;
    tokens.clear();
    from.clear();
    for (int64_t row = 0; row < static_cast<int64_t>(open.size()); ++row) {
      int64_t best = 0;
      for (int64_t token = 1; token < size; ++token)
        if (logits.real(row * size + token) > logits.real(row * size + best)) best = token;
      if (best == options.end) continue;
      const int64_t sequence = open[static_cast<size_t>(row)];
      result[static_cast<size_t>(sequence)].push_back(best);
      next_open.push_back(sequence);
      tokens.push_back(best);
      from.push_back(row);
    }
    open = std::move(next_open);
  }
  return result;
}

std::vector<Hypothesis> beam_search(NextToken& model, const SearchOptions& options, const BeamOptions& beam) {
  check(options);
  if (beam.width < 1 || !(beam.length_penalty >= 0))
    fail(ErrorKind::BadInput, "search: got width {} and length_penalty {}, expected at least 1 and 0", beam.width,
         beam.length_penalty);
  const auto width = static_cast<size_t>(beam.width);
  const auto score = [&](double log_probability, size_t length) {
    return log_probability / std::pow(static_cast<double>(std::max<size_t>(length, 1)), beam.length_penalty);
  };
  std::vector<Hypothesis> done;
  const auto finish = [&](const Candidate& candidate, size_t length) {
    done.push_back({candidate.tokens, candidate.log_probability, score(candidate.log_probability, length)});
  };

  std::vector<Candidate> open = {{}};
  for (int64_t step = 0; step < options.max_tokens && !open.empty(); ++step) {
    std::vector<int64_t> tokens, from;
    for (const Candidate& candidate : open) {
      tokens.push_back(candidate.tokens.empty() ? options.begin : candidate.tokens.back());
      from.push_back(candidate.row);
    }
    const Tensor logits = model.read(tokens, from);
    const int64_t size = vocabulary(logits, static_cast<int64_t>(open.size()));

    std::vector<Candidate> grown;
    for (size_t row = 0; row < open.size(); ++row) {
      const std::vector<double> next = log_probabilities(logits, static_cast<int64_t>(row));
      for (int64_t token = 0; token < size; ++token) {
        const double log_probability = open[row].log_probability + next[static_cast<size_t>(token)];
        if (log_probability == -INFINITY) continue;
        Candidate candidate{open[row].tokens, log_probability, static_cast<int64_t>(row)};
        if (token == options.end) {
          finish(candidate, candidate.tokens.size() + 1);
        } else {
          candidate.tokens.push_back(token);
          grown.push_back(std::move(candidate));
        }
      }
    }
    keep_best(grown, width, &Candidate::log_probability);
    open = std::move(grown);
    keep_best(done, width, &Hypothesis::score);
    // What grows only loses probability: without a penalty nothing better can come any more. With one, longer sequences may
    // gain at most what the longest of them would.
    const auto longest = static_cast<size_t>(options.max_tokens);
    if (done.size() == width && !open.empty() && score(open[0].log_probability, longest) <= done.back().score)
      return done;
  }
  if (done.size() < width) {
    for (const Candidate& candidate : open) finish(candidate, candidate.tokens.size());
    keep_best(done, width, &Hypothesis::score);
  }
  return done;
}

}  // namespace seqc::decoding
