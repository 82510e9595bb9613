/// Examples in memory: for each input of a model one value an example, all of one shape or each of its own length.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ir/tensor.h"
#include "runtime/training/batch_source.h"

namespace seqc::training {

/// Which end of a sequence is filled or cut.
enum class Side { Front, Back };

/// How an array of examples of one shape becomes batches.
struct ArrayOptions {
  int64_t example_axis = 0;  ///< of the array: counts the examples
  int64_t batch_axis = 0;    ///< of its batches: 1 turns rows [N,T,F] into batches [T,N,F]
  bool allow_nan = false;    ///< otherwise floats that are no finite numbers are refused
};

/// How sequences of different lengths become batches.
struct SequenceOptions {
  bool time_major = true;    ///< batches are [T,N,...], otherwise [N,T,...]
  int64_t length = 0;        ///< T of every batch; 0: the longest sequence of a batch
  Side pad = Side::Back;     ///< where the padding stands
  double padding = 0;        ///< its value
  std::string lengths = {};  ///< an input [N] with the lengths, if it has a name
  std::string mask = {};     ///< an input [T,N] (or [N,T]) with 1 for what is there and 0 for padding, if it has a name
  ir::DType lengths_type = ir::DType::i64;
  ir::DType mask_type = ir::DType::f32;
  bool allow_nan = false;
};

/// All functions throw Error(BadInput) that names the input, what was got and what was expected.
class Dataset {
 public:
  /// One example for each index of the example axis.
  void add(const std::string& input, const ir::Tensor& values, const ArrayOptions& options = {});
  /// Sequences one after the other: `values` [sum of lengths, ...].
  void add_sequences(const std::string& input, const ir::Tensor& values, const std::vector<int64_t>& lengths,
                     const SequenceOptions& options = {});
  /// Sequences [T,...] that differ in T alone. Of none, the type is not known: refused.
  void add_sequences(const std::string& input, const std::vector<ir::Tensor>& sequences,
                     const SequenceOptions& options = {});
  /// Sequences of numbers, such as the tokens of texts, as tensors of this integer type.
  void add_sequences(const std::string& input, const std::vector<std::vector<int64_t>>& sequences,
                     const SequenceOptions& options = {}, ir::DType type = ir::DType::i64);

  /// How many examples; 0 before the first input is added, which decides it for all.
  int64_t size() const { return size_; }
  /// All inputs that batches have, lengths and masks among them.
  std::vector<std::string> inputs() const;
  /// The axis of batches of that input that counts the examples.
  int64_t batch_axis(const std::string& input) const;
  bool is_sequence(const std::string& input) const { return sequences_.contains(input); }
  /// Steps of an example of an input that was added as sequences.
  int64_t length(const std::string& input, int64_t example) const;

  /// These examples in this order, a batch: what differs in length is padded.
  Batch gather(std::span<const int64_t> examples) const;
  /// A data set of these examples in this order.
  Dataset take(std::span<const int64_t> examples) const;

 private:
  struct Array {
    ir::Tensor values;  ///< [examples, ...]
    ArrayOptions options;
  };
  struct Sequences {
    ir::Tensor values;             ///< [sum of lengths, ...]
    std::vector<int64_t> offsets;  ///< examples + 1, in steps
    SequenceOptions options;
  };

  void claim(const std::string& input, int64_t examples);
  void check_examples(std::span<const int64_t> examples) const;
  void gather_sequences(const std::string& input, const Sequences& from, std::span<const int64_t> examples,
                        Batch& batch) const;

  int64_t size_ = 0;
  std::map<std::string, int64_t> batch_axes_;  ///< of all inputs
  std::map<std::string, Array> arrays_;
  std::map<std::string, Sequences> sequences_;
};

/// `values` [...] as f32: value * scale + shift, such as bytes of images scaled by 1/255.
ir::Tensor scaled(const ir::Tensor& values, double scale, double shift = 0);
/// The same numbers in another type; refuses what that type cannot hold, naming the element.
ir::Tensor converted(const ir::Tensor& values, ir::DType type);
/// Refuses labels outside of 0 to classes-1, naming the first such example.
void check_labels(const std::string& input, const ir::Tensor& labels, int64_t classes);

}  // namespace seqc::training
