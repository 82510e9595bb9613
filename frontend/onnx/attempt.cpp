#include "frontend/onnx/attempt.h"

#include "frontend/onnx/coverage_pb.h"
#include "frontend/onnx/graph.h"

namespace seqc::frontend {
namespace {

/// Runs `action`; removes the ops that it has emitted if it is refused, or if they are not to be kept.
std::optional<Error> run(Node& node, const std::function<void()>& action, bool keep) {
  Builder& b = node.builder();
  const std::string location = b.location();
  // Ops behind the mark are the attempt's own; what it adds to the top of the function (see ModelContext::materialize)
  // stands in front of the mark and stays, since items of the graphs around refer to it.
  ir::Op* mark = b.create(Opcode::Dims, {}, ir::DimsAttr{{}});
  std::optional<Error> refusal;
  try {
    action();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::BadInput || error.kind() == ErrorKind::Internal) throw;
    refusal = error;
  }
  if (refusal || !keep) {
    while (b.block().ops().back().get() != mark) b.block().ops().back()->erase();
    b.set_location(location);
    node.graph().model().forget();
  }
  mark->erase();
  return refusal;
}

}  // namespace

std::optional<Error> examine(Node& node, const std::function<void()>& action) {
  const CoverageLog::Pause pause(node.graph().model());
  return run(node, action, false);
}

std::optional<Error> attempt(Node& node, const std::function<void()>& action) {
  if (node.graph().model().coverage)  // nodes are noted only in the way that is taken
    if (auto refusal = examine(node, action)) return refusal;
  return run(node, action, true);
}

}  // namespace seqc::frontend
