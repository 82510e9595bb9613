/// Splits IR text into tokens.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace seqc::ir {

enum class TokenKind {
  Word,        ///< add, f32, T, carry, inf
  Local,       ///< %name, %"any name", %0
  Global,      ///< @name, @"any name", @0
  Number,      ///< 3, -1.5e-3, -inf, 0x7fc0
  String,      ///< "..."
  Hash,        ///< #9f3a0c11d2e47b05
  BackQuoted,  ///< `a dim's name`
  Punct,       ///< one character, or ->
  Bad,         ///< not IR text; `value` says what is wrong with it
  End
};

struct Token {
  TokenKind kind = TokenKind::End;
  std::string_view text;     ///< as written; points into the text
  std::string value;         ///< a name without its sigil, the contents of a string, the digits of a hash
  bool numbered = false;     ///< %0, @0: a value without a name
  int line = 1, column = 1;  ///< of the first character, from 1; columns count bytes
  bool starts_line = false;  ///< nothing but space stands before it
};

/// The tokens of `text`, the last of kind End. Space and `//` comments separate tokens. Never throws for bad text.
std::vector<Token> tokenize(std::string_view text);

}  // namespace seqc::ir
