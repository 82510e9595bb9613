/// Named dims that ops use and bind. A name gets its value from the shapes of the function's inputs, or from a `bind_dim`
/// while the function runs; the ops after that may use it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "ir/ir.h"

namespace seqc::ir {

/// Adds the names in an attribute.
void collect_symbols(const Attr& attr, std::set<std::string>& out);
/// The names in an op's attributes and in the types of its results; without those in its regions.
std::set<std::string> symbols_of(const Op& op);

/// The `bind_dim` of each name that has one.
std::map<std::string, Op*> dim_binders(const Function& function);
/// True if the block, or a region in it, binds a dim: its ops cannot be copied or moved as others can.
bool binds_dims(const Block& block);

/// The largest value of dims that a run binds, in terms of names that the function's inputs have.
class DimBounds {
 public:
  explicit DimBounds(const Function& function);

  /// No smaller than `dim` is in any run; equal to it where only inputs decide.
  Dim upper(const Dim& dim) const { return interval(dim).second; }
  Shape upper(const Shape& shape) const;
  /// True if a run decides what `dim` is.
  bool varies(const Dim& dim) const;
  bool none() const { return most_.empty(); }

 private:
  using Interval = std::pair<Dim, Dim>;
  Interval interval(const Dim& dim) const;
  Interval interval(const Dim::Atom& atom) const;

  std::map<std::string, Dim> most_;
};

}  // namespace seqc::ir
