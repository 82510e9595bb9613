/// What the ways of importing a Loop share.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "frontend/onnx/graph.h"

namespace seqc::frontend {

/// What one Loop node holds. Body: (step, condition, carried...) -> (condition, carried..., stacked...).
struct LoopParts {
  const onnx::GraphProto& body;
  std::vector<Item> carried;  ///< initial values
  size_t stacked = 0;         ///< results with one row a step
  /// Whether the body's condition ends it. Without the node's input `cond` it is a for loop: what the body says of the
  /// condition is ignored.
  bool conditional = true;
  std::function<void(size_t, Item)> set_output;  ///< where its results go

  bool is_sequence(size_t i) const { return carried[i].sequence != nullptr; }
};

/// The number that M gives; nothing if it is known at run time only (or not given).
std::optional<Dim> trip_count(Node& node);
/// The number of steps, as far as it is known before a run: by the trip count and the condition, and where these do not
/// say it, by what the body compares.
std::optional<Dim> count_steps(Node& node, const LoopParts& parts);
/// A `loop` of no steps over the body, to be looked at and thrown away. Appended sequences and stacked rows are left out.
ir::Op* import_trial(Node& node, const LoopParts& parts);

/// The body imported once a step, with the step's number as known contents, until the condition is a known false or
/// after `most` steps. Refused by name when the condition is not known, or when that would be more than
/// kMaxUnrolledNodes nodes.
void import_unrolled(Node& node, const LoopParts& parts, std::optional<int64_t> most);

/// Lives while one step of an unrolled loop is imported, and counts its nodes. Refused by name beyond
/// kMaxUnrolledNodes.
class UnrolledStep {
 public:
  explicit UnrolledStep(Node& node);
  ~UnrolledStep();
  UnrolledStep(const UnrolledStep&) = delete;
  UnrolledStep& operator=(const UnrolledStep&) = delete;

 private:
  ModelContext& model_;
};

inline constexpr int64_t kMaxUnrolledNodes = 10'000;  ///< imported by all unrolled loops of a model

}  // namespace seqc::frontend
