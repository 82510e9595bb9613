/// Sums over the steps of a scan that leave it: what each step would add becomes one product over all of them.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "passes/reverse_sweep.h"

namespace seqc::passes {

/// What a step gives to be used after the scan.
class StepOutputs {
 public:
  /// `body` holds the step's ops.
  StepOutputs(const ir::Block& body, ir::Dim steps, const SavePolicy& policy)
      : body_(body), steps_(std::move(steps)), policy_(policy) {}

  /// A value computed after the scan, of what is emitted: the values of all steps, with the steps in front.
  using Sum = std::function<ir::Value*(ir::Builder&, const std::vector<ir::Value*>& stacked)>;

  /// The sum of `value` over all steps, if it is better taken outside: products of two of the step's values and rows added
  /// to zeros; or, with `only_emitted`, sums of what is emitted anyway. Emits what that needs. Where a step is known to have
  /// many rows, what it just made is in cache, and small sums are better carried.
  std::optional<Sum> sum(ir::Value* value, bool only_emitted);
  /// A product of what is emitted anyway with what is the same in each step: all steps of it, unless a step is known to have many rows.
  std::optional<Sum> all_steps(ir::Value* value);

  /// The place of a value among those emitted.
  size_t emit(ir::Value* value);
  bool is_emitted(const ir::Value* value) const;
  const std::vector<ir::Value*>& emitted() const { return emitted_; }

 private:
  bool is_of_step(const ir::Value* value) const;
  std::optional<Sum> sum_of_products(const ir::Op& op, bool only_emitted);
  std::optional<Sum> sum_of_rows(const ir::Op& op);

  const ir::Block& body_;
  ir::Dim steps_;
  const SavePolicy& policy_;
  std::vector<ir::Value*> emitted_;
};

}  // namespace seqc::passes
