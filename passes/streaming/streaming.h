/// Turns a model into a step over a few frames at a time: what the next frames need of the earlier ones becomes state.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ir/ir.h"
#include "passes/streaming/plan.h"

namespace seqc::passes {

struct StreamOptions {
  /// The time axis: a named dim ("T"), or axes of inputs ("x:1", "x:1,y:0"). Empty: the one that the model's recurrences
  /// run over, or the only one that it can be. With `states` and empty: none, one call of the model is one step.
  std::string time = {};
  /// The named dim that counts independent streams. Empty: the only named dim that is left, if there is one.
  std::string rows = {};
  /// Inputs and outputs of the model that are its state: what an output gives, the input gets at the next step.
  std::vector<std::pair<std::string, std::string>> states = {};
  /// What bound inputs begin with, by name, broadcast to their types; else zeros.
  std::map<std::string, ir::Tensor> initial = {};
  /// Inputs that the function does not read because their values are part of it: they are no inputs of the step.
  std::set<std::string> dropped = {};
};

/// A plan with its step. The function's arguments are `inputs`, then `states`, then, where warm_up > 0, "position":
/// u8[before], whose size is the number of hops before this step, or warm_up if there were more; its elements are not read.
/// Results are `outputs`, then the next `states`.
struct SteppedModel : StreamPlan {
  std::unique_ptr<ir::Function> step;
};

/// The plan of a function as imported (before the standard pipeline). `step`'s outputs over any chunks of frames, one behind
/// the other, are the function's for all of them at once, wherever these are a multiple of the hop. Outputs without time
/// are the function's for the frames up to there.
///
/// Throws Error: Unsupported, naming the op, when an output needs later frames ("... looks ahead"), depends on how many
/// frames there are, or does to the time axis what is not known to be causal; BadInput when the options do not fit the
/// function or leave several time axes to choose from.
///
/// What is known to be causal: elementwise ops, products, reductions and movement that leave time alone; scans forward in
/// time (their carries become states); convolutions, pooling, padding and slices along time, as far as no frame after the
/// last one takes part in what is kept (earlier frames become states); the last frames and final carries, as "so far".
/// What is not, though it could be: scans over another axis for each frame, transposed convolutions along time, running
/// sums and maxima by a reduction, positions in time (a table or a counter of frames), ragged lengths.
///
/// With `time` and `states` together, a recurrence that begins with a bound input goes on with it; that the bound output is
/// what it ends with is the caller's word.
///
/// Sizes that a file fixes for the time axis (100 frames) become a named dim. An input with the lengths of ragged
/// sequences is refused: streams have no end that a step could know.
SteppedModel make_stream(const ir::Function& function, const StreamOptions& options = {});

}  // namespace seqc::passes
