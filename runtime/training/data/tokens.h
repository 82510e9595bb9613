/// From texts to tokens: cleaning, characters, words, and sequences of equal length.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ir/tensor.h"
#include "runtime/training/data/dataset.h"

// Texts are UTF-8; letters, marks and cases are those of Unicode. Bytes that are no UTF-8 throw Error(BadInput), which
// says in which line and at which byte.

namespace seqc::training {

struct Cleaning {
  bool lower_case = true;
  bool html = true;  ///< tags such as <br /> become blanks, entities such as &quot; what they stand for
  /// Punctuation and symbols (all that is neither letter nor digit nor blank).
  enum class Marks { Keep, Blank, Remove } marks = Marks::Keep;
  bool join_blanks = true;  ///< one blank for any number of blanks and line ends, none at the text's ends
};
std::string clean(std::string_view text, const Cleaning& rules = {});

/// Each code point a token.
std::vector<std::string> characters(std::string_view text);

struct Words {
  bool marks = true;       ///< every punctuation mark and symbol is a token of its own; otherwise they are dropped
  bool line_ends = false;  ///< "\n" is a token, too
  /// What belongs to a word when it stands between its letters: don't, l’amour.
  std::string joiners = "'\u2019";
};
/// Runs of letters, digits, combining marks and underscores.
std::vector<std::string> words(std::string_view text, const Words& rules = {});
/// A text of words and marks: a blank between them, but none before , . ; : ! ? ) ] } nor after ( [ { nor around line
/// ends.
std::string join_words(const std::vector<std::string>& tokens);

/// At most `length` tokens: what is too much is cut off at that side.
std::vector<int64_t> cut(const std::vector<int64_t>& tokens, int64_t length, Side side = Side::Back);

struct Fitting {
  int64_t length = 0;     ///< of all rows
  int64_t padding = 0;    ///< the token that fills short ones
  Side pad = Side::Back;  ///< where it stands
  Side cut = Side::Back;  ///< where long ones are cut
};
/// Rows [texts, length] of i64.
ir::Tensor fitted(const std::vector<std::vector<int64_t>>& sequences, const Fitting& fitting);

}  // namespace seqc::training
