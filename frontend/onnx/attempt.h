/// Ways of importing a node that are tried one after the other: what a refused one has emitted is taken back.
#pragma once

#include <functional>
#include <optional>

#include "frontend/onnx/node.h"

namespace seqc::frontend {

/// Runs `action`, which emits ops through the node's builder and sets outputs at its end. When it is refused
/// (Unsupported, NeedsDims, NeedsValues), removes those ops and returns the error; faults of the model go through.
std::optional<Error> attempt(Node& node, const std::function<void()>& action);
/// The same for a look at what would be emitted: the ops are removed in any case.
std::optional<Error> examine(Node& node, const std::function<void()>& action);

}  // namespace seqc::frontend
