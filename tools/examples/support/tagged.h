/// Sentences with a tag for each word: from files, or made up here.
#pragma once

#include <string>
#include <vector>

#include "runtime/training/data/vocabulary.h"

namespace seqc::examples {

inline constexpr const char* kNoTag = "O";

struct Tagged {
  training::Tokens words, tags;  ///< as many tags as words
};

struct TaggedSentences {
  std::vector<Tagged> train, test;
};

/// train.txt and test.txt in that folder: a word and its tag on each line, apart by a blank or a tab (of more columns the
/// first and the last count, as in CoNLL's files), sentences apart by empty lines. Without a folder 1,200 and 400
/// sentences about persons, places and companies that share their names, so that only the words around a name tell what it
/// is. Throws Error(BadInput) naming file and line.
TaggedSentences load_tagged(const std::string& folder);

/// Shares of test words that are right without reading the sentence.
struct Baselines {
  double tag = 0;   ///< always the tag that most words have
  double word = 0;  ///< the tag that each word has most often; that of most words for unknown ones
};
Baselines baselines(const TaggedSentences& sentences);

}  // namespace seqc::examples
