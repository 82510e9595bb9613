#include "runtime/training/data/dataset.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "ir/error.h"
#include "runtime/training/data/numbers.h"

namespace seqc::training {
namespace {

using ir::DType;
using ir::Tensor;
using Shape = std::vector<int64_t>;

int64_t product(std::span<const int64_t> sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), int64_t{1}, std::multiplies<>());
}

/// Bytes of what lies behind the first `axis` axes.
size_t inner_bytes(const Tensor& tensor, int64_t axis) {
  return static_cast<size_t>(product(std::span(tensor.shape()).subspan(static_cast<size_t>(axis)))) *
         ir::size_of(tensor.dtype());
}

void copy(std::byte* to, const std::byte* from, size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

/// The array with its example axis moved to the front.
Tensor examples_first(const Tensor& values, int64_t axis) {
  if (axis == 0) return values;
  Shape shape = values.shape();
  const int64_t examples = shape[static_cast<size_t>(axis)];
  const int64_t outer = product(std::span(shape).first(static_cast<size_t>(axis)));
  shape.erase(shape.begin() + axis);
  shape.insert(shape.begin(), examples);
  Tensor result(values.dtype(), shape);
  result.keep_strings_of(values);
  const size_t inner = inner_bytes(values, axis + 1);
  std::byte* to = result.mutable_bytes();
  for (int64_t e = 0; e < examples; ++e)
    for (int64_t o = 0; o < outer; ++o)
      copy(to + static_cast<size_t>(e * outer + o) * inner,
           values.bytes() + static_cast<size_t>(o * examples + e) * inner, inner);
  return result;
}

void check_type(const std::string& input, DType type, std::string_view what) {
  if (!ir::is_arithmetic(type) || (what == "lengths" && !ir::is_integer(type)))
    fail(ErrorKind::BadInput, "input \"{}\": {} of type {}, expected {}", input, what, ir::name(type),
         what == "lengths" ? "an integer type" : "a number type");
}

}  // namespace

void Dataset::claim(const std::string& input, int64_t examples) {
  if (input.empty()) fail(ErrorKind::BadInput, "a data set's input has no name; give it that of the model's input");
  if (batch_axes_.contains(input)) fail(ErrorKind::BadInput, "input \"{}\" is in the data set twice", input);
  if (!batch_axes_.empty() && examples != size_)
    fail(ErrorKind::BadInput, "input \"{}\" has {} examples, expected {} as \"{}\" has", input, examples, size_,
         batch_axes_.begin()->first);
}

void Dataset::add(const std::string& input, const Tensor& values, const ArrayOptions& options) {
  const auto [axis, to, allow_nan] = options;
  if (axis < 0 || axis >= values.rank())
    fail(ErrorKind::BadInput, "input \"{}\": {} has no axis {} to count the examples; a value an example is needed",
         input, values.type_str(), axis);
  if (to < 0 || to >= values.rank())
    fail(ErrorKind::BadInput, "input \"{}\": batches of {} cannot have their examples along axis {}", input,
         values.type_str(), to);
  claim(input, values.shape()[static_cast<size_t>(axis)]);
  Tensor moved = examples_first(values, axis);
  if (!allow_nan) check_finite(input, moved);
  size_ = moved.shape()[0];
  batch_axes_[input] = to;
  arrays_[input] = {std::move(moved), options};
}

void Dataset::add_sequences(const std::string& input, const Tensor& values, const std::vector<int64_t>& lengths,
                            const SequenceOptions& options) {
  check_type(input, values.dtype(), "sequences");
  if (values.rank() == 0) fail(ErrorKind::BadInput, "input \"{}\": a scalar is no sequence", input);
  claim(input, static_cast<int64_t>(lengths.size()));
  if (options.length < 0) fail(ErrorKind::BadInput, "input \"{}\": length {} is negative", input, options.length);
  filled(values.dtype(), {}, options.padding, input);
  std::vector<int64_t> offsets = {0};
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (lengths[i] < 0) fail(ErrorKind::BadInput, "input \"{}\": example {} has length {}", input, i, lengths[i]);
    if (options.length > 0 && lengths[i] > options.length)
      fail(ErrorKind::BadInput,
           "input \"{}\": example {} has {} steps, expected at most {}; cut it, or leave the length open", input, i,
           lengths[i], options.length);
    offsets.push_back(offsets.back() + lengths[i]);
  }
  if (offsets.back() != values.shape()[0])
    fail(ErrorKind::BadInput, "input \"{}\": {} holds {} steps, the lengths add up to {}", input, values.type_str(),
         values.shape()[0], offsets.back());
  if (!options.allow_nan) check_finite(input, values);
  for (const auto& [name, type, what] : {std::tuple(options.lengths, options.lengths_type, "lengths"),
                                         std::tuple(options.mask, options.mask_type, "mask")}) {
    if (name.empty()) continue;
    check_type(name, type, what);
    if (name == input || batch_axes_.contains(name) || (what[0] == 'm' && name == options.lengths))
      fail(ErrorKind::BadInput, "input \"{}\" is in the data set twice", name);
  }
  size_ = static_cast<int64_t>(lengths.size());
  batch_axes_[input] = options.time_major ? 1 : 0;
  if (!options.lengths.empty()) batch_axes_[options.lengths] = 0;
  if (!options.mask.empty()) batch_axes_[options.mask] = options.time_major ? 1 : 0;
  sequences_[input] = {values, std::move(offsets), options};
}

void Dataset::add_sequences(const std::string& input, const std::vector<Tensor>& sequences,
                            const SequenceOptions& options) {
  if (sequences.empty()) fail(ErrorKind::BadInput, "input \"{}\": no sequences, expected one or more", input);
  std::vector<int64_t> lengths;
  for (const Tensor& sequence : sequences) {
    const bool fits =
        sequence.rank() > 0 && sequence.rank() == sequences[0].rank() && sequence.dtype() == sequences[0].dtype() &&
        std::equal(sequence.shape().begin() + 1, sequence.shape().end(), sequences[0].shape().begin() + 1);
    if (!fits)
      fail(ErrorKind::BadInput, "input \"{}\": sequence {} is {}, expected one like {} in all but its first size",
           input, lengths.size(), sequence.type_str(), sequences[0].type_str());
    lengths.push_back(sequence.shape()[0]);
  }
  Shape shape = sequences[0].shape();
  shape[0] = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  check_type(input, sequences[0].dtype(), "sequences");
  Tensor values(sequences[0].dtype(), shape);
  std::byte* to = values.mutable_bytes();
  for (const Tensor& sequence : sequences) {
    copy(to, sequence.bytes(), sequence.byte_size());
    to += sequence.byte_size();
  }
  add_sequences(input, values, lengths, options);
}

void Dataset::add_sequences(const std::string& input, const std::vector<std::vector<int64_t>>& sequences,
                            const SequenceOptions& options, DType type) {
  std::vector<int64_t> values, lengths;
  for (const std::vector<int64_t>& sequence : sequences) {
    values.insert(values.end(), sequence.begin(), sequence.end());
    lengths.push_back(static_cast<int64_t>(sequence.size()));
  }
  const int64_t steps = static_cast<int64_t>(values.size());
  add_sequences(input, converted(Tensor::i64({steps}, values), type), lengths, options);
}

std::vector<std::string> Dataset::inputs() const {
  std::vector<std::string> names;
  for (const auto& [name, axis] : batch_axes_) names.push_back(name);
  return names;
}

int64_t Dataset::batch_axis(const std::string& input) const {
  const auto found = batch_axes_.find(input);
  if (found == batch_axes_.end())
    fail(ErrorKind::BadInput, "the data set has no input \"{}\"; it has {}", input, fmt::join(inputs(), ", "));
  return found->second;
}

int64_t Dataset::length(const std::string& input, int64_t example) const {
  const auto found = sequences_.find(input);
  if (found == sequences_.end()) fail(ErrorKind::BadInput, "the data set has no sequences \"{}\"", input);
  check_examples({&example, 1});
  return found->second.offsets[static_cast<size_t>(example) + 1] - found->second.offsets[static_cast<size_t>(example)];
}

void Dataset::check_examples(std::span<const int64_t> examples) const {
  for (const int64_t example : examples)
    if (example < 0 || example >= size_)
      fail(ErrorKind::BadInput, "the data set has no example {}; it has {}", example, size_);
}

Batch Dataset::gather(std::span<const int64_t> examples) const {
  check_examples(examples);
  Batch batch;
  const auto rows = static_cast<int64_t>(examples.size());
  for (const auto& [input, array] : arrays_) {
    const int64_t axis = array.options.batch_axis;
    Shape shape(array.values.shape().begin() + 1, array.values.shape().end());
    const int64_t outer = product(std::span(shape).first(static_cast<size_t>(axis)));
    const size_t inner = inner_bytes(array.values, axis + 1);
    shape.insert(shape.begin() + axis, rows);
    Tensor values(array.values.dtype(), shape);
    values.keep_strings_of(array.values);
    std::byte* to = values.mutable_bytes();
    for (int64_t o = 0; o < outer; ++o)
      for (const int64_t example : examples) {
        copy(to, array.values.bytes() + static_cast<size_t>(example * outer + o) * inner, inner);
        to += inner;
      }
    batch[input] = std::move(values);
  }
  for (const auto& [input, sequences] : sequences_) gather_sequences(input, sequences, examples, batch);
  return batch;
}

void Dataset::gather_sequences(const std::string& input, const Sequences& from, std::span<const int64_t> examples,
                               Batch& batch) const {
  const SequenceOptions& options = from.options;
  const auto rows = static_cast<int64_t>(examples.size());
  std::vector<int64_t> lengths;
  for (const int64_t example : examples) lengths.push_back(length(input, example));
  int64_t steps = options.length;
  if (steps == 0)
    for (const int64_t length : lengths) steps = std::max(steps, length);

  Shape grid = options.time_major ? Shape{steps, rows} : Shape{rows, steps};
  Shape shape = grid;
  shape.insert(shape.end(), from.values.shape().begin() + 1, from.values.shape().end());
  Tensor values = filled(from.values.dtype(), shape, options.padding, input), mask(options.mask_type, grid);
  const size_t step_bytes = inner_bytes(from.values, 1);
  std::byte* to = values.mutable_bytes();
  for (int64_t n = 0; n < rows; ++n) {
    const int64_t length = lengths[static_cast<size_t>(n)];
    const int64_t first = options.pad == Side::Front ? steps - length : 0;
    const int64_t begin = from.offsets[static_cast<size_t>(examples[static_cast<size_t>(n)])];
    for (int64_t t = 0; t < length; ++t) {
      const int64_t at = options.time_major ? (first + t) * rows + n : n * steps + first + t;
      copy(to + static_cast<size_t>(at) * step_bytes, from.values.bytes() + static_cast<size_t>(begin + t) * step_bytes,
           step_bytes);
      if (!options.mask.empty()) mask.set_real(at, 1);
    }
  }
  batch[input] = std::move(values);
  if (!options.mask.empty()) batch[options.mask] = std::move(mask);
  if (!options.lengths.empty()) batch[options.lengths] = converted(Tensor::i64({rows}, lengths), options.lengths_type);
}

Dataset Dataset::take(std::span<const int64_t> examples) const {
  check_examples(examples);
  Dataset result;
  result.size_ = static_cast<int64_t>(examples.size());
  result.batch_axes_ = batch_axes_;
  for (const auto& [input, array] : arrays_) {
    Shape shape = array.values.shape();
    shape[0] = result.size_;
    Tensor values(array.values.dtype(), shape);
    values.keep_strings_of(array.values);
    std::byte* to = values.mutable_bytes();
    const size_t bytes = inner_bytes(array.values, 1);
    for (const int64_t example : examples) {
      copy(to, array.values.bytes() + static_cast<size_t>(example) * bytes, bytes);
      to += bytes;
    }
    result.arrays_[input] = {std::move(values), array.options};
  }
  for (const auto& [input, from] : sequences_) {
    Sequences sequences{.values = {}, .offsets = {0}, .options = from.options};
    for (const int64_t example : examples)
      sequences.offsets.push_back(sequences.offsets.back() + length(input, example));
    Shape shape = from.values.shape();
    shape[0] = sequences.offsets.back();
    sequences.values = Tensor(from.values.dtype(), shape);
    std::byte* to = sequences.values.mutable_bytes();
    const size_t bytes = inner_bytes(from.values, 1);
    for (const int64_t example : examples) {
      const size_t size = static_cast<size_t>(length(input, example)) * bytes;
      copy(to, from.values.bytes() + static_cast<size_t>(from.offsets[static_cast<size_t>(example)]) * bytes, size);
      to += size;
    }
    result.sequences_[input] = std::move(sequences);
  }
  return result;
}

}  // namespace seqc::training
