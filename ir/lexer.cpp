#include "ir/lexer.h"

#include <algorithm>
#include <cctype>

namespace seqc::ir {
namespace {

bool is_word_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x80 && (std::isalnum(byte) || c == '_' || c == '.');
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    do tokens_.push_back(token());
    while (tokens_.back().kind != TokenKind::End);
    return std::move(tokens_);
  }

 private:
  char at(size_t offset = 0) const { return at_ + offset < text_.size() ? text_[at_ + offset] : '\0'; }
  bool done() const { return at_ >= text_.size(); }

  void skip_space() {
    while (!done()) {
      if (at() == '/' && at(1) == '/') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (at() == '\n') {
        ++line_;
        line_start_ = ++at_;
        fresh_line_ = true;
      } else if (at() == ' ' || at() == '\t' || at() == '\r') {
        ++at_;
      } else {
        break;
      }
    }
  }

  Token token() {
    skip_space();
    Token token;
    token.line = line_;
    token.column = static_cast<int>(at_ - line_start_) + 1;
    token.starts_line = fresh_line_;
    fresh_line_ = false;
    const size_t start = at_;
    if (!done()) scan(token);
    token.text = text_.substr(start, at_ - start);
    return token;
  }

  void scan(Token& token) {
    const char c = at();
    if (c == '%' || c == '@') {
      token.kind = c == '%' ? TokenKind::Local : TokenKind::Global;
      ++at_;
      name(token);
    } else if (c == '"') {
      token.kind = TokenKind::String;
      string(token);
    } else if (c == '`') {
      back_quoted(token);
    } else if (c == '#') {
      token.kind = TokenKind::Hash;
      ++at_;
      word(token);
    } else if (is_digit(c) || (c == '-' && (is_digit(at(1)) || text_.substr(at_ + 1, 3) == "inf"))) {
      token.kind = TokenKind::Number;
      number();
    } else if (is_word_char(c)) {
      token.kind = TokenKind::Word;
      word(token);
    } else if (c == '-' && at(1) == '>') {
      token.kind = TokenKind::Punct;
      at_ += 2;
    } else if (std::string_view("(){}[],:;=<>+-*").find(c) != std::string_view::npos) {
      token.kind = TokenKind::Punct;
      ++at_;
    } else {
      token.kind = TokenKind::Bad;
      token.value = "an unknown character";
      ++at_;
    }
  }

  void word(Token& token) {
    const size_t start = at_;
    while (is_word_char(at())) ++at_;
    token.value = text_.substr(start, at_ - start);
  }

  void number() {
    if (at() == '-') ++at_;
    while (is_word_char(at()) ||
           ((at() == '+' || at() == '-') && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E') && is_digit(at(1))))
      ++at_;
  }

  void name(Token& token) {
    if (at() == '"') return string(token);
    word(token);
    token.numbered = std::all_of(token.value.begin(), token.value.end(), is_digit);
    if (token.value.empty() || (!token.numbered && (is_digit(token.value[0]) || token.value[0] == '.'))) {
      token.kind = TokenKind::Bad;
      token.value = "a name that needs quotes";
    }
  }

  void string(Token& token) {
    ++at_;
    while (at() != '"') {
      if (done() || at() == '\n') {
        token.kind = TokenKind::Bad;
        token.value = "an unclosed string";
        return;
      }
      if (at() != '\\') {
        token.value += text_[at_++];
      } else if (!escape(token.value)) {
        token.kind = TokenKind::Bad;
        token.value = "a string with an unknown escape";
        return;
      }
    }
    ++at_;
  }

  bool escape(std::string& out) {
    const char c = at(1);
    at_ += 2;
    if (c == 'n') return out += '\n', true;
    if (c == 't') return out += '\t', true;
    if (c == '"' || c == '\\') return out += c, true;
    const auto hex = [](char digit) {
      const auto position = std::string_view("0123456789abcdef").find(digit);
      return position == std::string_view::npos ? -1 : static_cast<int>(position);
    };
    const bool valid = c == 'x' && hex(at()) >= 0 && hex(at(1)) >= 0;
    if (valid) {
      out += static_cast<char>(hex(at()) * 16 + hex(at(1)));
      at_ += 2;
    }
    at_ = std::min(at_, text_.size());
    return valid;
  }

  void back_quoted(Token& token) {
    ++at_;
    token.kind = TokenKind::BackQuoted;
    while (at() != '`') {
      if (done() || at() == '\n') {
        token.kind = TokenKind::Bad;
        token.value = "an unclosed dim name";
        return;
      }
      at_ += at() == '\\' && at(1) != '\n' && at_ + 1 < text_.size() ? 2 : 1;
    }
    ++at_;
  }

  std::string_view text_;
  size_t at_ = 0, line_start_ = 0;
  int line_ = 1;
  bool fresh_line_ = true;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view text) { return Lexer(text).run(); }

}  // namespace seqc::ir
