#include "tools/seqc/train_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace seqc::tools {

using ir::Dim;

ir::Shape layout_of(const TrainPort& port, bool examples_first) {
  ir::Shape shape = port.type.shape;
  if (examples_first) std::rotate(shape.begin(), shape.begin() + port.batch_axis, shape.begin() + port.batch_axis + 1);
  return shape;
}

std::optional<std::vector<int64_t>> with_rank_of(const std::vector<int64_t>& got, const ir::Shape& layout,
                                                 int64_t examples) {
  const auto rank = static_cast<int64_t>(layout.size()), had = static_cast<int64_t>(got.size());
  if (had == rank) return got;
  std::vector<int64_t> result;
  if (had < rank) {
    int64_t ones = 0;
    for (int64_t i = 0; i < rank; ++i) ones += i != examples && layout[static_cast<size_t>(i)] == Dim(1);
    if (ones != rank - had) return std::nullopt;
    size_t next = 0;
    for (int64_t i = 0; i < rank; ++i)
      result.push_back(i != examples && layout[static_cast<size_t>(i)] == Dim(1) ? 1 : got[next++]);
    return result;
  }
  // The example axis of the longer shape is not known if it has a 1 before it: only those behind it go.
  if (examples != 0) return std::nullopt;
  int64_t extra = had - rank;
  if (std::count(got.begin() + 1, got.end(), 1) != extra) return std::nullopt;
  for (size_t i = 0; i < got.size(); ++i)
    if (i == 0 || got[i] != 1) result.push_back(got[i]);
  return result;
}

std::optional<std::vector<int64_t>> table_shape(const std::vector<int64_t>& got, const ir::Shape& layout) {
  std::vector<int64_t> shape = {got[0]};
  int64_t open = -1, product = 1;
  for (size_t i = 1; i < layout.size(); ++i) {
    shape.push_back(layout[i].is_constant() ? layout[i].constant() : 1);
    if (!layout[i].is_constant() && std::exchange(open, static_cast<int64_t>(i)) >= 0) return std::nullopt;
    product *= shape.back();
  }
  if (product <= 0 || got[1] % product != 0) return std::nullopt;
  if (open >= 0) shape[static_cast<size_t>(open)] = got[1] / product;
  if (open < 0 && got[1] != product) return std::nullopt;
  return shape;
}

std::string expected_text(const TrainPort& port, const ir::Shape& layout) {
  return fmt::format(
      "{} (axis {} counts the examples)", ir::Type{port.type.dtype, layout}.str(),
      std::find(layout.begin(), layout.end(), port.type.shape[static_cast<size_t>(port.batch_axis)]) - layout.begin());
}

}  // namespace seqc::tools
