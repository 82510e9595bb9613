/// Compares a scan with a pattern: another scan, with holes. Values are equal when they are computed alike, whatever the
/// order of the operands of what commutes and however often a value is computed.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "ir/ir.h"

namespace seqc::frontend {

/// A function that holds one scan, to be matched against others.
struct ScanPattern {
  const ir::Op* scan = nullptr;
  /// Arguments of the pattern's function that stand for any value of their type which the scan's body does not define.
  std::set<const ir::Value*> holes;
  /// Further ones, which values of the body may fill as well.
  std::set<const ir::Value*> inside;
  /// Holes that may be missing: sums in which they, or a product with them, are a summand may lack it.
  std::set<const ir::Value*> optional;
  /// Numbers in the pattern that stand for any number, and its negative for that number's.
  std::vector<double> numbers;
};

/// What the holes were found to be; null for those that are missing.
struct ScanMatch {
  std::map<const ir::Value*, const ir::Value*> holes;
  std::map<size_t, double> numbers;  ///< by position in ScanPattern::numbers
};

class ScanMatcher {
 public:
  ScanMatcher(const ScanPattern& pattern, const ir::Op& scan) : pattern_(pattern), scan_(scan) {}

  /// True if `scan` is the pattern: carry i of the pattern is its carry carries[i], and whatever it emits is what the
  /// pattern emits first.
  bool match(const std::vector<size_t>& carries);
  /// True if a value of the scan's body is what the pattern's body yields first.
  bool occurs();
  ScanMatch take() const;

 private:
  struct Pair {
    const ir::Value *pattern, *actual;
  };
  using Pairs = std::vector<Pair>;

  bool solve(Pairs open);
  bool solve_op(const Pair& pair, const Pairs& open);
  bool solve_without(const ir::Value* sum, const ir::Value* actual, const Pairs& open);
  bool bind_hole(const Pair& pair);
  bool bind_number(const Pair& pair);
  bool bind_scanned(const Pair& pair, Pairs& open);
  /// Binds while the rest is tried; undone if that fails.
  bool solve_bound(const Pair& pair, Pairs open);
  bool may_vanish(const ir::Value* value, std::set<const ir::Value*>& missing) const;

  const ScanPattern& pattern_;
  const ir::Op& scan_;
  std::unordered_map<const ir::Value*, const ir::Value*> bound_;
  std::map<size_t, double> numbers_;
  int64_t steps_ = 0;  ///< taken; bounded, as a body may be as regular as to fit in very many wrong ways
};

/// True if two values of one function are certainly equal: the same, or computed alike from such.
bool computed_alike(const ir::Value* a, const ir::Value* b);

}  // namespace seqc::frontend
