#include "ir/token_reader.h"

#include <charconv>
#include <limits>
#include <set>

#include "ir/error.h"
#include "ir/text.h"

namespace seqc::ir {

// --- tokens ------------------------------------------------------------------------------------------------------

Token TokenReader::next() {
  Token token = peek();
  if (token.kind == TokenKind::Bad) error(token, "got " + token.value);
  skip();
  return token;
}

void TokenReader::skip() {
  if (peek().kind == TokenKind::Punct) depth_ += peek().text == "{" ? 1 : peek().text == "}" ? -1 : 0;
  if (at_ + 1 < tokens_.size()) ++at_;
}

bool TokenReader::is(std::string_view text, size_t ahead) const {
  const Token& token = peek(ahead);
  return (token.kind == TokenKind::Punct || token.kind == TokenKind::Word) && token.text == text;
}

bool TokenReader::eat(std::string_view text) {
  if (!is(text)) return false;
  next();
  return true;
}

void TokenReader::need(std::string_view text) {
  if (!eat(text)) unexpected(fmt::format("'{}'", text));
}

std::string TokenReader::place(const Token& token, std::string_view message) const {
  return fmt::format("{}:{}:{}: {}", file_, token.line, token.column, message);
}

void TokenReader::error(const Token& token, std::string_view message) const {
  throw SyntaxError{place(token, message)};
}

void TokenReader::unexpected(std::string_view expected) const {
  const Token& token = peek();
  if (token.kind == TokenKind::Bad) error(token, "got " + token.value);
  const std::string_view shown = token.text.substr(0, 60);
  error(token,
        fmt::format("got {}, expected {}",
                    token.kind == TokenKind::End ? "the end of the text" : fmt::format("'{}'", shown), expected));
}

std::string TokenReader::name(const char* expected) {
  const TokenKind kind = peek().kind;
  if (kind == TokenKind::String || (kind == TokenKind::Word && is_plain_name(peek().text))) return next().value;
  unexpected(expected);
}

std::string TokenReader::string() {
  if (peek().kind != TokenKind::String) unexpected("a string in quotes");
  return next().value;
}

// --- types -------------------------------------------------------------------------------------------------------

DType TokenReader::dtype() {
  const auto type = peek().kind == TokenKind::Word ? parse_dtype(peek().text) : std::nullopt;
  if (!type) unexpected("an element type (f32, i64, bool, ...)");
  next();
  return *type;
}

Dim TokenReader::dim() {
  const Token first = peek();
  std::string_view end = first.text;
  int parentheses = 0;
  for (;; end = next().text) {
    if (at_end() || is("{") || is("}") || is("[") || is("]") || is("=")) break;
    if (parentheses == 0 && (is(",") || is(")"))) break;
    parentheses += is("(") ? 1 : is(")") ? -1 : 0;
  }
  const auto size = static_cast<size_t>(end.data() + end.size() - first.text.data());
  const std::string_view written(first.text.data(), peek().text.data() == first.text.data() ? 0 : size);
  if (written.empty()) unexpected("a dim");
  try {
    return Dim::parse(written);
  } catch (const Error& fault) {
    error(first, fault.what());
  }
}

Shape TokenReader::shape(size_t max_size) {
  Shape shape;
  need("[");
  if (eat("]")) return shape;
  do {
    if (shape.size() == max_size) error(peek(), fmt::format("got more than {} dims", max_size));
    shape.push_back(dim());
  } while (eat(","));
  if (!is("]")) unexpected("',' or ']'");
  next();
  return shape;
}

Type TokenReader::type() {
  Type type;
  type.dtype = dtype();
  if (!is("[")) return type;
  const Token where = peek();
  type.shape = shape(kMaxTextRank);
  for (const Dim& dim : type.shape)
    if (dim.is_constant() && dim.constant() < 0) error(where, fmt::format("got dim {}, expected 0 or more", dim.str()));
  return type;
}

// --- constants ---------------------------------------------------------------------------------------------------

TokenReader::Spelling TokenReader::element() {
  const Token first = peek();
  if (first.kind != TokenKind::Number && first.kind != TokenKind::Word) unexpected("a number");
  std::string_view last = next().text;
  if (first.text == "nan" && is("(")) {
    next();
    if (peek().kind != TokenKind::Number) unexpected("the bits of a NaN, 0x...");
    next();
    last = peek().text;
    need(")");
  }
  return {{first.text.data(), static_cast<size_t>(last.data() + last.size() - first.text.data())}, first};
}

void TokenReader::element_into(Elements& elements, int64_t i) {
  if (elements.tensor.dtype() == DType::string) {
    const Token token = peek();
    elements.texts.push_back(string());
    if (elements.texts.back().find('\0') != std::string::npos)
      error(token, "got a string with a NUL character, which is not supported");
    return;
  }
  const Spelling spelling = element();
  if (!parse_element(spelling.text, elements.tensor, i))
    error(spelling.token, fmt::format("got {}, expected a number that {} can hold", spelling.text.substr(0, 60),
                                      ir::name(elements.tensor.dtype())));
}

Tensor TokenReader::scalar() {
  Elements elements{Tensor(dtype(), {})};
  need("(");
  element_into(elements, 0);
  need(")");
  return elements.take();
}

void TokenReader::flat_list(Elements& elements) {
  const Token where = peek();
  const int64_t expected = elements.tensor.count();
  need("[");
  int64_t count = 0;
  if (!is("]")) {
    do {
      if (count == expected) error(where, fmt::format("got more elements, expected {}", expected));
      element_into(elements, count++);
    } while (eat(","));
  }
  need("]");
  if (count != expected) error(where, fmt::format("got {} elements, expected {}", count, expected));
}

void TokenReader::nested_list(Elements& elements, size_t axis, int64_t& at) {
  const Token where = peek();
  need("[");
  const std::vector<int64_t>& shape = elements.tensor.shape();
  const int64_t size = shape[axis];
  int64_t count = 0;
  do {
    if (count++ == size) error(where, fmt::format("got more entries in axis {}, expected {}", axis, size));
    if (axis + 1 == shape.size())
      element_into(elements, at++);
    else
      nested_list(elements, axis + 1, at);
  } while (eat(","));
  need("]");
  if (count != size) error(where, fmt::format("got {} entries in axis {}, expected {}", count, axis, size));
}

namespace {

/// `all` with every element that of `one`.
Tensor splat(const Tensor& one, Tensor all) {
  std::byte* bytes = all.mutable_bytes();
  for (size_t i = 0; i < all.byte_size(); ++i) bytes[i] = one.bytes()[i % one.byte_size()];
  all.keep_strings_of(one);
  return all;
}

}  // namespace

Tensor TokenReader::constant(const Type& type, const Token& where) {
  std::vector<int64_t> shape;
  for (const Dim& dim : type.shape) {
    if (!dim.is_constant()) error(where, fmt::format("got a constant of type {}, expected numeric dims", type.str()));
    shape.push_back(dim.constant());
  }
  if (peek().kind == TokenKind::Hash) {
    const Token token = next();
    uint64_t hash = 0;
    const char* end = token.value.data() + token.value.size();
    if (token.value.size() != 16 || std::from_chars(token.value.data(), end, hash, 16).ptr != end)
      error(token, fmt::format("got '{}', expected # and 16 hexadecimal digits", token.text.substr(0, 60)));
    const auto it = weights_.find(hash);
    if (it == weights_.end()) error(token, fmt::format("got {}, whose bytes are in no weights file", token.text));
    if (it->second.dtype() != type.dtype || it->second.shape() != shape)
      error(where,
            fmt::format("got {}, but the weights file has {} for {}", type.str(), it->second.type_str(), token.text));
    return it->second;
  }
  const int64_t written =
      is("splat") ? kMaxSplatBytes / static_cast<int64_t>(size_of(type.dtype)) : static_cast<int64_t>(text_.size());
  try {
    const Dim count = element_count(type.shape);
    if (count.constant() > written)
      error(where, fmt::format("got {}, expected a type with as many elements as are written", type.str()));
    Elements elements{Tensor(type.dtype, shape)};
    if (eat("splat")) {
      need("(");
      Elements one{Tensor(type.dtype, {})};
      element_into(one, 0);
      need(")");
      return splat(one.take(), elements.tensor);
    }
    if (!is("[")) unexpected("a list [...], splat(...) or #hash");
    int64_t at = 0;
    is("[", 1) && type.rank() > 0 ? nested_list(elements, 0, at) : flat_list(elements);
    return elements.take();
  } catch (const Error& fault) {
    error(where, fault.what());
  }
}

// --- attributes --------------------------------------------------------------------------------------------------

void TokenReader::field(bool& value) {
  if (!is("true") && !is("false")) unexpected("true or false");
  value = next().text == "true";
}

void TokenReader::field(int64_t& value) {
  Tensor number(DType::i64, {});
  if (peek().kind != TokenKind::Number || !parse_element(peek().text, number, 0)) unexpected("a 64-bit integer");
  next();
  value = number.integer(0);
}

void TokenReader::field(double& value) {
  Elements number{Tensor(DType::f64, {})};
  element_into(number, 0);
  value = number.tensor.real(0);
}

void TokenReader::field(Shape& value) { value = shape(std::numeric_limits<size_t>::max()); }

void TokenReader::field(std::vector<int64_t>& value) {
  value.clear();
  need("[");
  if (eat("]")) return;
  do field(value.emplace_back());
  while (eat(","));
  if (!is("]")) unexpected("',' or ']'");
  next();
}

template <class E>
  requires std::is_enum_v<E>
void TokenReader::field(E& value) {
  for (size_t i = 0; i < kNames<E>.size(); ++i) {
    if (!is(kNames<E>[i])) continue;
    next();
    value = static_cast<E>(i);
    return;
  }
  unexpected(fmt::format("one of {}", fmt::join(kNames<E>, ", ")));
}

Attr TokenReader::attributes(Attr attr, std::string_view mnemonic, std::string_view hidden) {
  const Token where = peek();
  const auto each = [&](auto&& visit) { std::visit([&](auto& alternative) { alternative.visit(visit); }, attr); };
  std::vector<std::string_view> names;
  each([&](std::string_view name, auto& value, const auto& default_value) {
    value = default_value;
    if (name != hidden) names.push_back(name);
  });
  std::set<std::string> seen;
  if (!names.empty() && eat("{")) {
    do {
      const Token name = peek();
      if (name.kind != TokenKind::Word || std::find(names.begin(), names.end(), name.text) == names.end())
        unexpected(fmt::format("an attribute of {}: {}", mnemonic, fmt::join(names, ", ")));
      if (!seen.insert(name.value).second) error(name, fmt::format("got attribute {} twice", name.text));
      next();
      need("=");
      each([&](std::string_view candidate, auto& value, const auto&) {
        if (candidate == name.text) field(value);
      });
    } while (eat(","));
    if (!is("}")) unexpected("',' or '}'");
    next();
  }
  each([&](std::string_view name, const auto& value, const auto&) {
    using E = std::decay_t<decltype(value)>;
    if constexpr (std::is_enum_v<E> && !std::is_same_v<E, DType>)
      if (static_cast<size_t>(value) >= kNames<E>.size())
        error(where,
              fmt::format("{} lacks {{{}=...}}, expected one of {}", mnemonic, name, fmt::join(kNames<E>, ", ")));
  });
  return attr;
}

}  // namespace seqc::ir
