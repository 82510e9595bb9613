/// Reads what IR text has below the level of ops: tokens, types, dims, attributes, elements of constants.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "ir/attributes.h"
#include "ir/ir.h"
#include "ir/lexer.h"
#include "ir/parser.h"

namespace seqc::ir {

/// A fault of the text. Caught where parsing can go on; `message` has the place in it.
struct SyntaxError {
  std::string message;
};

class TokenReader {
 public:
  TokenReader(std::string_view text, std::string_view file, const WeightTable& weights)
      : text_(text), file_(file), weights_(weights), tokens_(tokenize(text)) {}

  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  Token next();
  void skip();  ///< moves on, whatever the token is
  bool at_end() const { return peek().kind == TokenKind::End; }
  /// True if the next token is this word or punctuation.
  bool is(std::string_view text, size_t ahead = 0) const;
  bool eat(std::string_view text);
  void need(std::string_view text);

  /// "file:line:column: message".
  std::string place(const Token& token, std::string_view message) const;
  [[noreturn]] void error(const Token& token, std::string_view message) const;
  /// Throws "got <next token>, expected <expected>".
  [[noreturn]] void unexpected(std::string_view expected) const;

  std::string name(const char* expected);  ///< a plain or quoted name without a sigil
  std::string string();
  DType dtype();
  Type type();
  /// `f32(0.5)`: a rank-0 tensor.
  Tensor scalar();
  /// What stands behind `const @w: type =`.
  Tensor constant(const Type& type, const Token& where);
  /// `{name=value, ...}` or nothing, for an op with this mnemonic; `hidden` is the name of a field that is not written.
  Attr attributes(Attr attr, std::string_view mnemonic, std::string_view hidden = "");

 protected:
  /// Braces opened and not closed so far; error recovery finds the end of an op by it.
  int depth() const { return depth_; }
  size_t position() const { return at_; }

 private:
  struct Spelling {
    std::string_view text;
    Token token;
  };
  Spelling element();
  /// A tensor being read, element by element.
  struct Elements {
    Tensor tensor;
    std::vector<std::string> texts = {};  ///< of strings, so far
    Tensor take() { return tensor.dtype() == DType::string ? Tensor::strings(tensor.shape(), texts) : tensor; }
  };
  /// Stores the next element in place i; strings come in order.
  void element_into(Elements& elements, int64_t i);
  void flat_list(Elements& elements);
  void nested_list(Elements& elements, size_t axis, int64_t& at);

  Dim dim();
  Shape shape(size_t max_size);
  void field(bool& value);
  void field(int64_t& value);
  void field(double& value);
  void field(std::string& value) { value = string(); }
  void field(DType& value) { value = dtype(); }
  void field(Dim& value) { value = dim(); }
  void field(Shape& value);
  void field(std::vector<int64_t>& value);
  template <class E>
    requires std::is_enum_v<E>
  void field(E& value);

  std::string_view text_, file_;
  const WeightTable& weights_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace seqc::ir
