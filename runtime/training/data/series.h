/// Time series: windows of the past with what followed them, scaling, and splits that never look ahead.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/tensor.h"
#include "runtime/training/data/dataset.h"

namespace seqc::training {

struct WindowOptions {
  int64_t window = 20;  ///< W: steps that an example shows
  int64_t horizon = 1;  ///< H: steps after them that it asks for
  int64_t stride = 1;   ///< from one example's start to the next one's
  /// Targets lie from `begin` to `end`-1 (-1: the series' end); windows may reach back before `begin`, so that the
  /// first target of a test part has its past.
  int64_t begin = 0;
  int64_t end = -1;
  std::vector<int64_t> inputs = {};   ///< columns of the series that examples show; none: all
  std::vector<int64_t> targets = {};  ///< columns that they ask for; none: all
  std::string input = "x";            ///< [W,N,inputs], or [N,W,inputs]
  std::string target = "y";           ///< [H,N,targets], or [N,H,targets]; H = 1: [N,targets]
  bool time_major = true;
};

/// Examples from a series [L,F] (or [L]: one column) of floats, in its order.
/// Throws Error(BadInput) for columns that are not there and a part that is too short for one example.
Dataset windows(const ir::Tensor& series, const WindowOptions& options);

/// What brings the columns of a series to a common scale, (x - shift) / scale. Fit it on the training part alone.
class Scaler {
 public:
  /// Mean 0 and standard deviation 1 (over L, not L-1); a column that never changes keeps its scale.
  static Scaler standard(const ir::Tensor& series);
  /// From `low` to `high`.
  static Scaler range(const ir::Tensor& series, double low = 0, double high = 1);

  /// Of [L,F], or any tensor whose last axis counts these columns; of one column, any tensor.
  ir::Tensor apply(const ir::Tensor& values) const;
  ir::Tensor undo(const ir::Tensor& values) const;
  /// For these columns alone, in this order: to undo the scaling of targets.
  Scaler columns(const std::vector<int64_t>& chosen) const;

  std::vector<double> shift, scale;  ///< a number a column
};

/// The first `count` steps of a series.
ir::Tensor first_steps(const ir::Tensor& series, int64_t count);

}  // namespace seqc::training
