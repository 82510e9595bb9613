#include "passes/indexed_rows.h"

#include <string>

namespace seqc::passes {

using namespace ir;

namespace {

/// A position within bounds, counted from the front; it may be given from the end.
std::optional<StepNumbers::Line> row_line(StepNumbers& numbers, const Op* scan, const std::optional<Dim>& position,
                                          const Dim& size) {
  const auto line = position ? numbers.line(*position, scan) : std::nullopt;
  if (!line || line->stride == 0) return std::nullopt;
  const Dim& steps = scan->as<ScanAttr>().length;
  for (const StepNumbers::Line& candidate : {*line, StepNumbers::Line{line->start + size, line->stride}})
    if (lies_within(candidate, steps, size)) return candidate;
  return std::nullopt;
}

}  // namespace

std::optional<IndexedRow> indexed_row(StepNumbers& numbers, const Op* scan, const Value* index, const Shape& shape,
                                      int64_t axis) {
  const auto line = row_line(numbers, scan, numbers.expression(index), shape[axis]);
  return line ? std::optional(IndexedRow{axis, *line}) : std::nullopt;
}

std::optional<IndexedRow> indexed_row(StepNumbers& numbers, const Op* scan, const Value* tuples, const Shape& shape) {
  const Shape grid(tuples->shape().begin(), tuples->shape().end() - 1);
  if (!tuples->shape().back().is_constant()) return std::nullopt;
  std::vector<Dim> at;  // a name for the position along each dim of the grid
  for (size_t i = 0; i < grid.size(); ++i)
    at.push_back(grid[i] == Dim(1) ? Dim(0) : Dim::symbol("#grid" + std::to_string(i)));
  at.emplace_back(0);
  std::optional<IndexedRow> row;
  size_t next = 0;  // the grid's dim that the next whole dim must be
  for (int64_t k = 0; k < tuples->shape().back().constant(); ++k) {
    at.back() = Dim(k);
    const auto position = numbers.element(tuples, at);
    if (!position) return std::nullopt;
    while (next < grid.size() && grid[next] == Dim(1)) ++next;
    if (next < grid.size() && *position == at[next] && grid[next] == shape[k]) {
      ++next;
      continue;
    }
    if (shape[k] == Dim(1) && *position == Dim(0)) continue;
    const auto line = row_line(numbers, scan, position, shape[k]);
    if (!line || row) return std::nullopt;
    row = IndexedRow{k, *line};
  }
  while (next < grid.size() && grid[next] == Dim(1)) ++next;
  return next == grid.size() ? row : std::nullopt;
}

Shape row_shape(const Shape& shape, int64_t axis) {
  Shape result = shape;
  result.erase(result.begin() + axis);
  return result;
}

}  // namespace seqc::passes
