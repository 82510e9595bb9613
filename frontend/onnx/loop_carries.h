/// What a loop passes from step to step as tensors, whatever the carried values are.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "frontend/onnx/loop.h"
#include "frontend/onnx/sequence.h"

namespace seqc::frontend {

/// Which sequences that a scan carries it does not really carry: each step appends one tensor to them, and the rows are
/// the sequence. The others keep their structure, and each of their elements is carried.
enum class Sequences { Appended, Kept };

/// A carried tensor that every step makes larger by as much, along one axis.
struct Growth {
  int64_t axis = 0;
  Dim by;

  friend bool operator==(const Growth&, const Growth&) = default;
};
using Growths = std::map<size_t, Growth>;  ///< by the index of the carried value

/// Tensors that grow are carried in buffers as large as they can become; a step sees the part that is filled.
class Carries {
 public:
  /// `most`: the number of steps at most; buffers need it. `noticed` gets the growth of carried tensors that are not in
  /// `growths` and do not keep their shape, before they are refused.
  Carries(Node& node, const LoopParts& parts, Sequences sequences, const Growths& growths,
          const std::optional<Dim>& most, Growths* noticed);

  bool is_appended(size_t i) const { return sequences_ == Sequences::Appended && parts_.is_sequence(i); }
  const std::vector<Value*>& initial() const { return initial_; }

  /// The carried values as a step sees them, from its number and the arguments of its region.
  std::vector<Item> inputs(Builder& b, Value* step, std::span<Value* const> arguments) const;
  /// Splits what a step gives, condition first, into the next carried values and the tensors appended to sequences.
  std::pair<std::vector<Value*>, std::vector<Value*>> results(Builder& b, const std::vector<Item>& outputs) const;
  /// Sets the outputs for the carried values from the final ones, after so many steps, and the stacked rows; returns the
  /// rows that are left over.
  std::span<Value* const> set_outputs(std::span<Value* const> final, std::span<Value* const> rows,
                                      const std::optional<Dim>& steps) const;

 private:
  /// The one tensor that a step appends to a carried sequence.
  Value* appended(Builder& b, const Item& item) const;
  /// The sequence after the loop: what it held before, then the rows.
  Sequence extended(Sequence before, Value* rows) const;
  /// A tensor with room behind it along the axis in which it grows.
  Value* in_buffer(Builder& b, size_t carry, Value* value) const;
  Value* next_in_buffer(Builder& b, size_t carry, Value* next) const;
  void notice(size_t carry, const Type& initial, const Value* next) const;

  Node& node_;
  const LoopParts& parts_;
  Sequences sequences_;
  const Growths& growths_;
  std::optional<Dim> most_;
  Growths* noticed_;
  std::vector<Value*> initial_;
  std::map<size_t, Dim> start_;         ///< sizes of growing tensors along their axis, before the first step
  mutable std::map<size_t, Dim> size_;  ///< in the step being built
};

}  // namespace seqc::frontend
