/// What a picture of a function shows: one box for each node of the source model, or for a chain of them.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "ir/ir.h"

namespace seqc::tools {

inline constexpr double kGraphFont = 12, kGraphSmallFont = 10.5;  // of titles, and of details

struct GraphBox {
  std::string title = {}, detail = {}, tooltip = {}, kind = {};
  std::set<size_t> to = {};  // boxes that read its results
  size_t more = 0;           // boxes that became one with it
  size_t layer = 0;
  double width = 8, x = 0;  // x of its middle
};

/// The boxes of a function in program order, in which edges go forward. Of many boxes, chains become one.
std::vector<GraphBox> graph_boxes(const ir::Function& function);

}  // namespace seqc::tools
