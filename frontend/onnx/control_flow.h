/// Helpers shared by If, Loop, Scan and SequenceMap.
#pragma once

#include "frontend/onnx/attempt.h"
#include "frontend/onnx/graph.h"
#include "frontend/onnx/sequence.h"
#include "frontend/onnx/structure.h"

namespace seqc::frontend {

void import_if(Node& node);
void import_loop(Node& node);
void import_scan(Node& node);
void import_sequence_map(Node& node);

/// A tensor result of a subgraph as a run-time value. `what` names it in messages.
Value* tensor_result(Node& node, Builder& builder, Item item, std::string_view what);
/// The body of a loop; `step` is the number (i64) of the step it computes.
std::vector<Item> import_step(Node& node, Builder& inner, const onnx::GraphProto& body, const std::vector<Item>& inputs,
                              Value* step);
/// The results of a region, which must not have sizes that only a run of the region can tell.
std::vector<Value*> region_results(Node& node, const Builder& region, std::vector<Value*> results);
/// Refuses a value that a loop carries and that changes its type on the way.
void require_carry(Node& node, size_t i, const Type& initial, const Value* next);

}  // namespace seqc::frontend
