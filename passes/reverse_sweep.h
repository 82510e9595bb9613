/// Reverse-mode differentiation of a straight list of ops: adjoints run from its results back to what it reads.
#pragma once

#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ir/builder.h"
#include "passes/pass.h"

namespace seqc::passes {

/// How a gradient trades memory for time; see GradientOptions.
struct SavePolicy {
  int64_t max_saved_bytes = -1;  ///< of each scan; -1: as many as make it fast
  std::map<std::string, int64_t> expected_dims = {};
  bool lean = false;  ///< compute again what is not dear

  /// Bytes of a value with expected sizes for named dims.
  double bytes(const ir::Value* value) const;
  double size(const ir::Dim& dim) const;
  /// Whether the dim's size is at least that much, as far as its names have expected sizes: otherwise not.
  bool is_at_least(const ir::Dim& dim, double least) const;
};

using ValueSet = std::unordered_set<const ir::Value*>;

/// Float results of `ops` that depend on `roots`, and the roots themselves.
ValueSet dependents(const std::vector<ir::Op*>& ops, ValueSet roots);

/// Adjoints of values: what a scalar L changes by when they do. Each is a sum of contributions, one for each use.
class ReverseSweep {
 public:
  /// Writes with `b`. `varying` are the values whose adjoints matter.
  ReverseSweep(ir::Builder b, ValueSet varying, SavePolicy policy)
      : b_(std::move(b)), varying_(std::move(varying)), policy_(std::move(policy)) {}

  ir::Builder& builder() { return b_; }
  const SavePolicy& policy() const { return policy_; }
  bool varies(const ir::Value* value) const { return varying_.contains(value); }
  /// What one more value contributes; of values that do not vary nothing is kept.
  void add(const ir::Value* value, ir::Value* adjoint);

  /// From the last op to the first, whose results' adjoints are given to their operands and to what their regions read.
  void run(const std::vector<ir::Op*>& ops);
  /// Takes note of new ops that compute what the sweep has still to visit.
  void extend(const std::vector<ir::Op*>& ops) { varying_ = dependents(ops, std::move(varying_)); }
  /// A value that stands for another one takes over its adjoint; both are results of ops still to be visited.
  void replace(const ir::Value* old, ir::Value* by);
  /// A value whose adjoint is asked for as if nothing decided it.
  void stop_at(const ir::Value* value) { stops_.insert(value); }
  bool stops(const ir::Value* value) const { return stops_.contains(value); }

  /// The sum of all contributions; null if there are none.
  ir::Value* adjoint(const ir::Value* value);
  ir::Value* adjoint_or_zeros(const ir::Value* value);
  const std::vector<ir::Value*>& contributions(const ir::Value* value) { return contributions_[value]; }

 private:
  void step(ir::Op* op);

  ir::Builder b_;
  ValueSet varying_, stops_;
  SavePolicy policy_;
  std::unordered_map<const ir::Value*, std::vector<ir::Value*>> contributions_;
};

ir::Value* zeros_like(ir::Builder& b, const ir::Value* like);

/// The rules of ops with regions. `adjoints` are those of the results, null where they are zero. They may rewrite the op so
/// that it also gives what its derivative needs.
void differentiate_scan(ReverseSweep& sweep, ir::Op* op, const std::vector<ir::Value*>& adjoints);
void differentiate_loop(ReverseSweep& sweep, ir::Op* op);
void differentiate_if(ReverseSweep& sweep, ir::Op* op, const std::vector<ir::Value*>& adjoints);

/// Values of enclosing blocks that the regions of `op` read and that vary, each once, in order of use.
std::vector<ir::Value*> varying_captures(const ReverseSweep& sweep, const ir::Op* op);

}  // namespace seqc::passes
