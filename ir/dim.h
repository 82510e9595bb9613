/// Sizes of tensor dimensions: integers, names, and expressions over them, kept in a normal form.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace seqc::ir {

/// Values of named dims.
using DimBindings = std::map<std::string, int64_t>;

/// An integer expression over named dims: a polynomial whose atoms are names, floordiv, mod, min and max.
/// Equal normal forms compare equal, so `T+1 == 1+T`; unequal ones may still have equal values. Named dims are >= 0.
/// Text: `2*T*N + floordiv(T - 3, 2) + 1`.
class Dim {
 public:
  Dim(int64_t value = 0) : constant_(value) {}  // NOLINT: numbers are dims
  static Dim symbol(std::string name);

  bool is_constant() const { return terms_ == nullptr; }
  /// The number; only for constants.
  int64_t constant() const;
  /// True for a bare name; `symbol_name` then returns it.
  bool is_symbol() const;
  const std::string& symbol_name() const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend bool operator==(const Dim& a, const Dim& b);
  friend bool operator<(const Dim& a, const Dim& b);  ///< an arbitrary total order, for containers

  Dim substitute(const std::map<std::string, Dim>& values) const;
  /// The value when every name is bound; throws Error(Internal) naming an unbound one.
  int64_t evaluate(const std::map<std::string, int64_t>& values) const;
  void collect_symbols(std::set<std::string>& out) const;
  bool has_symbols() const { return !is_constant(); }

  std::string str() const;
  /// Parses what str() prints; throws Error(BadInput).
  static Dim parse(std::string_view text);

  /// One product of atoms with its coefficient, for those who generate code from a Dim.
  struct Atom;
  using AtomRef = std::shared_ptr<const Atom>;
  using Monomial = std::vector<AtomRef>;  // sorted by text; empty = the constant term
  struct Term {
    Monomial atoms;
    int64_t coefficient;
  };
  std::vector<Term> terms() const;

 private:
  friend Dim make_atom(AtomRef atom);
  using Terms = std::map<std::string, Term>;  // keyed by the monomial's text
  static Dim from_terms(Terms terms);
  Terms term_map() const;

  int64_t constant_ = 0;
  std::shared_ptr<const Terms> terms_;  // null for constants
};

enum class AtomKind { Symbol, FloorDiv, Mod, Min, Max };

struct Dim::Atom {
  AtomKind kind;
  std::string name;  // Symbol
  Dim a, b;          // the others
  std::string text;
};

/// Division rounding to minus infinity; exact division of every term is simplified. Divisor zero throws BadInput.
Dim floordiv(const Dim& a, const Dim& b);
Dim ceildiv(const Dim& a, const Dim& b);
Dim mod(const Dim& a, const Dim& b);
Dim min(const Dim& a, const Dim& b);
Dim max(const Dim& a, const Dim& b);

/// What can be proved for all values >= 0 of the named dims.
bool provably_nonnegative(const Dim& a);
inline bool provably_le(const Dim& a, const Dim& b) { return provably_nonnegative(b - a); }

using Shape = std::vector<Dim>;
Dim element_count(const Shape& shape);
std::string str(const Shape& shape);  ///< "[T,N,28]"

}  // namespace seqc::ir
