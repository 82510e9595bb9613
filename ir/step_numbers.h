/// Integers that follow from the dims and from the number of a loop's step, as expressions: what `x[T - 1 - t]` reads.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "ir/ir.h"

namespace seqc::ir {

/// Reads integer values as expressions over named dims, with one more name for the step of each scan or loop around.
/// In a scan the name stands for the position in the scanned inputs and emitted outputs, whichever way the scan runs; in
/// a loop for the number of the step. Remembers what it has seen: use it while the IR stays as it is.
class StepNumbers {
 public:
  /// The one element of a value of any rank (carries of a loop that is not complete have names of their own); nothing if it follows from something else. Arithmetic is taken not to
  /// overflow, which it does not in indices of tensors that fit in memory.
  std::optional<Dim> expression(const Value* value);
  /// The element at `index`, one expression for each dim, within bounds.
  std::optional<Dim> element(const Value* value, const std::vector<Dim>& index);
  /// A bool value as the list of those expressions that must all be greater than 0 for it to hold.
  std::optional<std::vector<Dim>> condition(const Value* value);

  /// True if the expression names the steps of some loop.
  static bool depends_on_steps(const Dim& e);
  /// The name of the steps of a scan or loop, as a dim.
  Dim step_of(const Op* loop);
  /// start + stride * step, in the steps of one loop.
  struct Line {
    Dim start;  ///< free of steps
    int64_t stride;
  };
  /// `e` as a line in the steps of `loop`; nothing if it is none, or depends on the steps of other loops.
  std::optional<Line> line(const Dim& e, const Op* loop);

 private:
  std::optional<Dim> compute(const Value* value, const std::vector<Dim>& index, int depth);
  std::optional<Dim> of_argument(const Value* argument, const std::vector<Dim>& index, int depth);
  std::optional<Dim> of_op(const Value* value, const std::vector<Dim>& index, int depth);
  std::optional<Dim> of_carry(const Value* argument, const Value* initial, const Value* next, const Dim& steps_before,
                              int depth);
  std::optional<Dim> of_constant(const Tensor& tensor, const std::vector<Dim>& index) const;

  std::unordered_map<const Op*, Dim> steps_;
  std::unordered_map<const Value*, Dim> open_;     // carries of loops without an end yet
  std::unordered_map<const Value*, Dim> assumed_;  // carries whose step is being looked at
};

/// True if the line lies in [0, size) at each of `steps` steps, when there are any.
bool lies_within(const StepNumbers::Line& line, const Dim& steps, const Dim& size);

}  // namespace seqc::ir
