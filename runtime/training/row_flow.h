/// Where the rows of a batch go in a model: which values hold them, and which are sums over all of them.
///
/// When several processes have some rows each, a model computes what one process would if rows meet only in sums: each
/// process has its part of a sum, and what follows is computed from the whole sums.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ir/ir.h"

namespace seqc::training {

/// What a value is to a process that has some of a batch's rows.
struct RowFlow {
  enum class Kind {
    Common,  ///< the same for all processes
    Rows,    ///< something for each row
    Sum,     ///< over all rows, straight from what is there for each row: a process has its part
    Total,   ///< computed from such sums
  } kind = Kind::Common;
  bool from_data = false, from_parameters = false;
  /// Of Rows: so many elements in row-major order belong to a row before the next row's begin; nothing: all rows are alike.
  std::optional<ir::Dim> inner = {};
};

/// The flow of rows, counted by the dim `rows`, through the ops that the values `wanted` need.
class RowFlows {
 public:
  /// Throws Error(Unsupported) naming the first op in which rows meet otherwise than in a sum.
  RowFlows(ir::Function& f, const std::vector<ir::Value*>& wanted, std::string rows);

  const RowFlow& of(const ir::Value* value) const;
  const std::vector<ir::Value*>& sums() const { return sums_; }  ///< in the order of the function
  /// Values that come from data and dims alone and are the same for all processes, where sums or parameters meet them.
  std::vector<ir::Value*> commons() const;
  /// The sums that `value` is computed from.
  std::vector<ir::Value*> sums_of(const ir::Value* value) const;
  /// Numbers that depend on how many rows there are and on which they are become those of the whole batch: sizes, and the
  /// counters that random numbers are drawn with. `all` is the dim of all rows, `before` that of the rows of other
  /// processes in front.
  void count_all_rows(const ir::Dim& all, const ir::Dim& before);

 private:
  bool has_rows(const ir::Value* value) const;
  bool has_rows(const ir::Dim& dim) const;
  void enter(ir::Block& block, bool inside);
  void visit(ir::Op* op, bool inside);
  void visit_regions(ir::Op* op, RowFlow flow);
  RowFlow inputs_of(const ir::Op* op) const;

  ir::Function& f_;
  std::string rows_;
  std::map<const ir::Value*, RowFlow> flows_;
  std::map<const ir::Op*, bool> needed_;
  std::vector<ir::Value*> sums_, wanted_;
  std::vector<ir::Op*> sizes_, counters_;
};

}  // namespace seqc::training
