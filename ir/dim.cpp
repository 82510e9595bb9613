#include "ir/dim.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "ir/error.h"

namespace seqc::ir {

Dim make_atom(Dim::AtomRef atom) {
  Dim::Terms terms;
  const std::string key = atom->text;
  terms[key] = {{std::move(atom)}, 1};
  return Dim::from_terms(std::move(terms));
}

namespace {

std::string monomial_text(const Dim::Monomial& atoms) {
  std::string text;
  for (const auto& atom : atoms) text += (text.empty() ? "" : "*") + atom->text;
  return text;
}

Dim binary_atom(AtomKind kind, const char* function, const Dim& a, const Dim& b) {
  auto atom = std::make_shared<Dim::Atom>();
  atom->kind = kind;
  atom->a = a;
  atom->b = b;
  atom->text = fmt::format("{}({}, {})", function, a.str(), b.str());
  return make_atom(std::move(atom));
}

// Sizes come from models: an absurd one is the model's fault, not undefined behaviour.
int64_t checked_add(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_add_overflow(a, b, &result)) fail(ErrorKind::BadInput, "dim {} + {}: too large for 64 bits", a, b);
  return result;
}

int64_t checked_mul(int64_t a, int64_t b) {
  int64_t result;
  if (__builtin_mul_overflow(a, b, &result)) fail(ErrorKind::BadInput, "dim {} * {}: too large for 64 bits", a, b);
  return result;
}

int64_t floor_div(int64_t a, int64_t b) {
  if (b == -1) return checked_mul(a, -1);
  const int64_t q = a / b;
  return (a % b != 0 && ((a < 0) != (b < 0))) ? q - 1 : q;
}

/// a is a multiple of b, and the quotient fits.
bool divides(int64_t b, int64_t a) { return b == -1 ? a != INT64_MIN : a % b == 0; }

/// Products of sums grow exponentially; nothing real comes near.
constexpr size_t kMaxTerms = 4096;

/// A name that is no identifier, between back quotes, which are escaped in it, as are control characters.
std::string quoted_name(const std::string& name) {
  std::string text = "`";
  for (const char c : name) {
    if (c == '`' || c == '\\')
      (text += '\\') += c;
    else if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
  return text + "`";
}

bool plain_name(const std::string& name) {
  if (name.empty() || (!std::isalpha(static_cast<unsigned char>(name[0])) && name[0] != '_')) return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '.'; });
}

}  // namespace

Dim Dim::symbol(std::string name) {
  auto atom = std::make_shared<Atom>();
  atom->kind = AtomKind::Symbol;
  atom->text = plain_name(name) ? name : quoted_name(name);
  atom->name = std::move(name);
  return make_atom(std::move(atom));
}

int64_t Dim::constant() const {
  SEQC_CHECK(is_constant(), "dim {} has no constant value", str());
  return constant_;
}

bool Dim::is_symbol() const {
  if (is_constant() || terms_->size() != 1) return false;
  const Term& term = terms_->begin()->second;
  return term.coefficient == 1 && term.atoms.size() == 1 && term.atoms[0]->kind == AtomKind::Symbol;
}

const std::string& Dim::symbol_name() const {
  SEQC_CHECK(is_symbol(), "dim {} is no bare name", str());
  return terms_->begin()->second.atoms[0]->name;
}

Dim::Terms Dim::term_map() const {
  if (terms_) return *terms_;
  Terms terms;
  if (constant_ != 0) terms[""] = {{}, constant_};
  return terms;
}

std::vector<Dim::Term> Dim::terms() const {
  std::vector<Term> result;
  for (auto& [text, term] : term_map()) result.push_back(term);
  return result;
}

Dim Dim::from_terms(Terms terms) {
  std::erase_if(terms, [](const auto& entry) { return entry.second.coefficient == 0; });
  if (terms.empty()) return Dim(0);
  if (terms.size() == 1 && terms.begin()->first.empty()) return Dim(terms.begin()->second.coefficient);
  Dim result;
  result.terms_ = std::make_shared<const Terms>(std::move(terms));
  return result;
}

Dim operator+(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return Dim(checked_add(a.constant_, b.constant_));
  auto terms = a.term_map();
  for (const auto& [text, term] : b.term_map()) {
    auto [it, inserted] = terms.try_emplace(text, term);
    if (!inserted) it->second.coefficient = checked_add(it->second.coefficient, term.coefficient);
  }
  return Dim::from_terms(std::move(terms));
}

Dim operator*(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return Dim(checked_mul(a.constant_, b.constant_));
  Dim::Terms terms;
  for (const auto& [text_a, x] : a.term_map()) {
    for (const auto& [text_b, y] : b.term_map()) {
      Dim::Monomial atoms = x.atoms;
      atoms.insert(atoms.end(), y.atoms.begin(), y.atoms.end());
      std::sort(atoms.begin(), atoms.end(), [](const auto& p, const auto& q) { return p->text < q->text; });
      const std::string text = monomial_text(atoms);
      auto [it, inserted] = terms.try_emplace(text, Dim::Term{std::move(atoms), 0});
      it->second.coefficient = checked_add(it->second.coefficient, checked_mul(x.coefficient, y.coefficient));
      if (terms.size() > kMaxTerms) fail(ErrorKind::BadInput, "dim: more than {} terms", kMaxTerms);
    }
  }
  return Dim::from_terms(std::move(terms));
}

Dim operator-(const Dim& a, const Dim& b) { return a + Dim(-1) * b; }

bool operator==(const Dim& a, const Dim& b) {
  if (a.is_constant() || b.is_constant()) return a.is_constant() && b.is_constant() && a.constant_ == b.constant_;
  if (a.terms_ == b.terms_) return true;
  return std::equal(
      a.terms_->begin(), a.terms_->end(), b.terms_->begin(), b.terms_->end(),
      [](const auto& x, const auto& y) { return x.first == y.first && x.second.coefficient == y.second.coefficient; });
}

bool operator<(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return a.constant_ < b.constant_;
  if (a.is_constant() != b.is_constant()) return a.is_constant();
  return a.str() < b.str();
}

Dim Dim::substitute(const std::map<std::string, Dim>& values) const {
  if (is_constant()) return *this;
  Dim sum(0);
  for (const auto& [text, term] : *terms_) {
    Dim product(term.coefficient);
    for (const auto& atom : term.atoms) {
      if (atom->kind == AtomKind::Symbol) {
        const auto it = values.find(atom->name);
        product = product * (it == values.end() ? make_atom(atom) : it->second);
        continue;
      }
      const Dim a = atom->a.substitute(values), b = atom->b.substitute(values);
      switch (atom->kind) {
        case AtomKind::Symbol: break;
        case AtomKind::FloorDiv: product = product * floordiv(a, b); break;
        case AtomKind::Mod: product = product * mod(a, b); break;
        case AtomKind::Min: product = product * min(a, b); break;
        case AtomKind::Max: product = product * max(a, b); break;
      }
    }
    sum = sum + product;
  }
  return sum;
}

int64_t Dim::evaluate(const std::map<std::string, int64_t>& values) const {
  if (is_constant()) return constant_;
  std::map<std::string, Dim> dims;
  for (const auto& [name, value] : values) dims.emplace(name, Dim(value));
  const Dim result = substitute(dims);
  SEQC_CHECK(result.is_constant(), "dim {} has unbound names", result.str());
  return result.constant_;
}

void Dim::collect_symbols(std::set<std::string>& out) const {
  if (is_constant()) return;
  for (const auto& [text, term] : *terms_) {
    for (const auto& atom : term.atoms) {
      if (atom->kind == AtomKind::Symbol) out.insert(atom->name);
      atom->a.collect_symbols(out);
      atom->b.collect_symbols(out);
    }
  }
}

std::string Dim::str() const {
  if (is_constant()) return std::to_string(constant_);
  // Names first and the constant last reads as people write it: `2*T + 1`.
  std::string text;
  const auto append = [&](int64_t coefficient, const std::string& monomial) {
    const bool negative = coefficient < 0;
    const uint64_t magnitude = negative ? -static_cast<uint64_t>(coefficient) : static_cast<uint64_t>(coefficient);
    text += text.empty() ? (negative ? "-" : "") : (negative ? " - " : " + ");
    if (monomial.empty()) {
      text += std::to_string(magnitude);
    } else {
      text += magnitude == 1 ? monomial : std::to_string(magnitude) + "*" + monomial;
    }
  };
  for (const auto& [monomial, term] : *terms_)
    if (!monomial.empty()) append(term.coefficient, monomial);
  if (const auto it = terms_->find(""); it != terms_->end()) append(it->second.coefficient, "");
  return text;
}

Dim floordiv(const Dim& a, const Dim& b) {
  if (b.is_constant()) {
    const int64_t divisor = b.constant();
    if (divisor == 0) fail(ErrorKind::BadInput, "dim {}: division by zero", a.str());
    if (a.is_constant()) return Dim(floor_div(a.constant(), divisor));
    if (divisor == 1) return a;
    // Terms that divide exactly leave the division: floordiv(4*T + 3, 2) = 2*T + 1.
    Dim exact(0), rest(0);
    for (const auto& term : a.terms()) {
      Dim product(1);
      for (const auto& atom : term.atoms) product = product * make_atom(atom);
      if (divides(divisor, term.coefficient))
        exact = exact + product * Dim(term.coefficient / divisor);
      else
        rest = rest + product * Dim(term.coefficient);
    }
    if (!(exact == Dim(0))) return exact + floordiv(rest, b);
  }
  if (a == b) return Dim(1);
  if (!b.is_constant()) {
    // (N*H) / H, as reshapes with -1 ask for it: every term must hold all atoms of a one-term divisor.
    const auto divisor = b.terms();
    if (divisor.size() == 1) {
      Dim quotient(0);
      bool exact = true;
      for (const auto& term : a.terms()) {
        auto atoms = term.atoms;
        for (const auto& atom : divisor[0].atoms) {
          const auto it =
              std::find_if(atoms.begin(), atoms.end(), [&](const auto& other) { return other->text == atom->text; });
          if (it == atoms.end()) {
            exact = false;
            break;
          }
          atoms.erase(it);
        }
        exact = exact && divides(divisor[0].coefficient, term.coefficient);
        if (!exact) break;
        Dim product(term.coefficient / divisor[0].coefficient);
        for (const auto& atom : atoms) product = product * make_atom(atom);
        quotient = quotient + product;
      }
      if (exact) return quotient;
    }
  }
  return binary_atom(AtomKind::FloorDiv, "floordiv", a, b);
}

Dim ceildiv(const Dim& a, const Dim& b) { return floordiv(a + b - Dim(1), b); }

Dim mod(const Dim& a, const Dim& b) {
  if (b == Dim(0)) fail(ErrorKind::BadInput, "dim {}: division by zero", a.str());
  if (a.is_constant() && b.is_constant())
    return Dim(a.constant() - floor_div(a.constant(), b.constant()) * b.constant());
  if (b == Dim(1) || a == b) return Dim(0);
  return binary_atom(AtomKind::Mod, "mod", a, b);
}

Dim min(const Dim& a, const Dim& b) {
  if (provably_le(a, b)) return a;
  if (provably_le(b, a)) return b;
  return b < a ? binary_atom(AtomKind::Min, "min", b, a) : binary_atom(AtomKind::Min, "min", a, b);
}

Dim max(const Dim& a, const Dim& b) {
  if (provably_le(a, b)) return b;
  if (provably_le(b, a)) return a;
  return b < a ? binary_atom(AtomKind::Max, "max", b, a) : binary_atom(AtomKind::Max, "max", a, b);
}

namespace {

bool atom_nonnegative(const Dim::Atom& atom) {
  switch (atom.kind) {
    case AtomKind::Symbol: return true;
    case AtomKind::FloorDiv: return provably_nonnegative(atom.a) && atom.b.is_constant() && atom.b.constant() > 0;
    case AtomKind::Mod: return atom.b.is_constant() && atom.b.constant() > 0;
    case AtomKind::Min: return provably_nonnegative(atom.a) && provably_nonnegative(atom.b);
    case AtomKind::Max: return provably_nonnegative(atom.a) || provably_nonnegative(atom.b);
  }
  return false;
}

}  // namespace

bool provably_nonnegative(const Dim& a) {
  if (a.is_constant()) return a.constant() >= 0;
  const auto terms = a.terms();
  return std::all_of(terms.begin(), terms.end(), [](const Dim::Term& term) {
    return term.coefficient >= 0 &&
           std::all_of(term.atoms.begin(), term.atoms.end(), [](const auto& atom) { return atom_nonnegative(*atom); });
  });
}

Dim element_count(const Shape& shape) {
  Dim product(1);
  for (const Dim& dim : shape) product = product * dim;
  return product;
}

std::string str(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? "," : "") + shape[i].str();
  return text + "]";
}

// --- text --------------------------------------------------------------------------------------------------------

namespace {

/// Recursive descent over: sum := product (('+'|'-') product)*; product := factor ('*' factor)*.
class DimParser {
 public:
  explicit DimParser(std::string_view text) : text_(text) {}

  Dim parse() {
    Dim result = sum();
    skip();
    if (at_ != text_.size()) error("end of expression");
    return result;
  }

 private:
  [[noreturn]] void error(const char* expected) {
    fail(ErrorKind::BadInput, "dim \"{}\": expected {} at column {}", text_, expected, at_ + 1);
  }
  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }
  bool eat(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void need(char c, const char* expected) {
    if (!eat(c)) error(expected);
  }

  Dim sum() {
    if (++depth_ > kMaxDepth) error("fewer nested parentheses");
    Dim result = product(eat('-'));
    while (true) {
      if (eat('+'))
        result = result + product();
      else if (eat('-'))
        result = result - product();
      else
        break;
    }
    --depth_;
    return result;
  }
  Dim product(bool negative = false) {
    Dim result = factor(negative);
    while (eat('*')) result = result * factor();
    return result;
  }
  /// The sign belongs to the first number, so that the lowest int64 can be written.
  Dim factor(bool negative = false) {
    skip();
    if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) return number(negative);
    return negative ? Dim(-1) * atom() : atom();
  }
  Dim number(bool negative) {
    const std::string digits = (negative ? "-" : "") + std::string(word());
    int64_t value = 0;
    const char* end = digits.data() + digits.size();
    const auto [stop, fault] = std::from_chars(digits.data(), end, value);
    if (fault != std::errc() || stop != end) error("a 64-bit number");
    return Dim(value);
  }
  Dim atom() {
    if (eat('(')) {
      Dim result = sum();
      need(')', "')'");
      return result;
    }
    if (eat('`')) return Dim::symbol(quoted());
    const std::string name(word());
    if (name.empty()) error("a number, a name or '('");
    if (!eat('(')) return Dim::symbol(name);
    const Dim a = sum();
    need(',', "','");
    const Dim b = sum();
    need(')', "')'");
    if (name == "floordiv") return floordiv(a, b);
    if (name == "mod") return mod(a, b);
    if (name == "min") return min(a, b);
    if (name == "max") return max(a, b);
    error("floordiv, mod, min or max");
  }
  std::string_view word() {
    const size_t start = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_' || text_[at_] == '.'))
      ++at_;
    return text_.substr(start, at_ - start);
  }
  std::string quoted() {
    std::string name;
    for (; at_ < text_.size() && text_[at_] != '`'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size())
        name += text_[++at_] == 'n' ? '\n' : text_[at_];
      else
        name += text_[at_];
    }
    if (at_ >= text_.size()) error("closing '`'");
    ++at_;
    return name;
  }

  static constexpr int kMaxDepth = 100;
  int depth_ = 0;
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Dim Dim::parse(std::string_view text) { return DimParser(text).parse(); }

}  // namespace seqc::ir
