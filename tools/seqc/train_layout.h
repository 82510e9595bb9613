/// How the axes of arrays and tables in files fit those of a model's inputs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/seqc/train_model.h"

namespace seqc::tools {

/// The sizes of a file's axes as the model's input has them.
ir::Shape layout_of(const TrainPort& port, bool examples_first);

/// Axes of one element come and go: [N] serves as [N,1], and the other way round; `examples` is the axis of the layout that
/// counts them. Nothing if that is not what differs.
std::optional<std::vector<int64_t>> with_rank_of(const std::vector<int64_t>& got, const ir::Shape& layout,
                                                 int64_t examples);

/// The columns of a table as the axes of an example, row by row, when their sizes are known.
std::optional<std::vector<int64_t>> table_shape(const std::vector<int64_t>& got, const ir::Shape& layout);

/// What messages say was expected.
std::string expected_text(const TrainPort& port, const ir::Shape& layout);

}  // namespace seqc::tools
