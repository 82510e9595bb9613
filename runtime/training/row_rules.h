/// What each op makes of the rows of a batch.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "runtime/training/row_flow.h"

namespace seqc::training {

/// Where a value has its rows: the axis, and how many elements along it belong to a row before the next one's (1, unless
/// the axis was merged from several).
struct RowAxis {
  int64_t axis = 0;
  std::optional<ir::Dim> stride = {};  ///< nothing: all rows are alike
};

/// True if `dim` mentions the named dim `rows`.
bool mentions(const ir::Dim& dim, const std::string& rows);
/// Throws Error(Unsupported) saying at which op.
[[noreturn]] void refuse_rows(const ir::Op* op, const std::string& why);

/// Nothing if the value has no rows. Throws Error(Unsupported) at `op` when its rows do not lie along one axis.
std::optional<RowAxis> row_axis(const ir::Op* op, const ir::Value* value, const std::optional<ir::Dim>& inner,
                                const std::string& rows);

/// The counter of rows with which a gather_nd picks from each row of `axis` of its first operand what is the row's own; null if
/// it does not.
const ir::Op* own_row_counter(const ir::Op* op, int64_t axis);

using RowAxisOf = std::function<std::optional<RowAxis>(const ir::Value*)>;
/// The rows of the result of an op without regions whose operands or result have rows: nothing if it sums over them.
/// Throws Error(Unsupported) when they meet otherwise.
std::optional<RowAxis> result_rows(const ir::Op* op, const RowAxisOf& axis_of, const std::string& rows);

}  // namespace seqc::training
