/// Index tensors that pick one row of a tensor at each step of a scan; shared by the passes that read and write rows.
#pragma once

#include <optional>

#include "ir/step_numbers.h"

namespace seqc::passes {

/// Row `line` of the dim `axis`, all of the other dims.
struct IndexedRow {
  int64_t axis;
  ir::StepNumbers::Line line;
};

/// What gather_nd and scatter_nd with these index tuples touch of a tensor of that shape, seen from the steps of `scan`;
/// nothing unless it is one whole row, within bounds, another one at each step.
std::optional<IndexedRow> indexed_row(ir::StepNumbers& numbers, const ir::Op* scan, const ir::Value* tuples,
                                      const ir::Shape& shape);
/// The same for gather with an index of one element at `axis`.
std::optional<IndexedRow> indexed_row(ir::StepNumbers& numbers, const ir::Op* scan, const ir::Value* index,
                                      const ir::Shape& shape, int64_t axis);

/// `shape` without the row's dim.
ir::Shape row_shape(const ir::Shape& shape, int64_t axis);

}  // namespace seqc::passes
