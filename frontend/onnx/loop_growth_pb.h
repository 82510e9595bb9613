/// Loops whose carried tensors grow by rows that nothing in the loop reads.
#pragma once

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <string>
#include <vector>

#include "frontend/onnx/loop.h"

namespace seqc::frontend {

/// A carried tensor to which each step adds rows along `axis`: the values of these names in the body.
struct GrowingCarry {
  size_t carry = 0;
  int64_t axis = 0;
  std::vector<std::string> in_front, behind;
};

struct LoopGrowth {
  std::vector<GrowingCarry> growing;
  onnx::GraphProto body;  ///< without those carries; their rows are stacked behind its other results

  bool is_growing(size_t carry) const {
    return std::any_of(growing.begin(), growing.end(), [&](const GrowingCarry& g) { return g.carry == carry; });
  }
};

/// Nothing if no carried tensor is of that kind.
std::optional<LoopGrowth> find_growth(const LoopParts& parts);
/// The loop that is left.
LoopParts without_growing(const LoopParts& parts, const LoopGrowth& growth);
/// Sets the outputs of the whole loop from those of the one that is left.
void set_grown(Node& node, const LoopParts& parts, const LoopGrowth& growth, const std::vector<Item>& results);

}  // namespace seqc::frontend
