#include "runtime/training/data/text_streams.h"

#include <algorithm>
#include <cstring>

#include "ir/error.h"

namespace seqc::training {
namespace {

using ir::Tensor;

class TextStreams final : public BatchSource {
 public:
  TextStreams(const Tensor& tokens, const StreamOptions& options) : tokens_(tokens), options_(options) {
    if (tokens.rank() != 1 || !ir::is_integer(tokens.dtype()))
      fail(ErrorKind::BadInput, "a text of {}, expected the numbers of its tokens: integers [L]", tokens.type_str());
    if (options.streams < 1 || options.steps < 1)
      fail(ErrorKind::BadInput, "{} streams of {} steps a batch, expected 1 or more of each", options.streams,
           options.steps);
    if (options.input == options.target || options.input.empty() || options.target.empty())
      fail(ErrorKind::BadInput, "input \"{}\" and target \"{}\", expected two names", options.input, options.target);
    length_ = (tokens.count() - 1) / options.streams;  // the last token is a target only
    const int64_t least = options.drop_partial ? options.steps : 1;
    if (tokens.count() < 1 || length_ < least)
      fail(ErrorKind::BadInput,
           "a text of {} tokens, expected {} or more for {} streams; take fewer of them or a longer text",
           tokens.count(), options.streams * least + 1, options.streams);
  }

  int64_t size(int64_t /*epoch*/) const override {
    return options_.drop_partial ? length_ / options_.steps : (length_ + options_.steps - 1) / options_.steps;
  }

  Batch batch(int64_t epoch, int64_t index) const override {
    if (epoch < 0 || index < 0 || index >= size(epoch))
      fail(ErrorKind::BadInput, "epoch {} has no batch {}; it has {}", epoch, index, size(epoch));
    const int64_t first = index * options_.steps;
    Batch result;
    const int64_t steps = std::min(options_.steps, length_ - first);
    result[options_.input] = window(first, steps);
    result[options_.target] = window(first + 1, steps);
    return result;
  }

  int64_t batch_axis(const std::string& /*input*/) const override { return options_.time_major ? 1 : 0; }

 private:
  /// From token `first` of every stream on.
  Tensor window(int64_t first, int64_t steps) const {
    const int64_t streams = options_.streams;
    Tensor result(tokens_.dtype(), options_.time_major ? std::vector{steps, streams} : std::vector{streams, steps});
    const size_t size = ir::size_of(tokens_.dtype());
    std::byte* to = result.mutable_bytes();
    for (int64_t n = 0; n < streams; ++n)
      for (int64_t t = 0; t < steps; ++t) {
        const int64_t at = options_.time_major ? t * streams + n : n * steps + t;
        std::memcpy(to + static_cast<size_t>(at) * size,
                    tokens_.bytes() + static_cast<size_t>(n * length_ + first + t) * size, size);
      }
    return result;
  }

  const Tensor tokens_;
  const StreamOptions options_;
  int64_t length_ = 0;  ///< tokens of a stream
};

}  // namespace

Batches text_streams(const Tensor& tokens, const StreamOptions& options) {
  return std::make_shared<TextStreams>(tokens, options);
}

}  // namespace seqc::training
