/// Texts and what they shall become: from files, or dates that are made up here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/training/data/vocabulary.h"

namespace seqc::examples {

struct Pairs {
  std::vector<std::string> sources, targets;  ///< as many
  /// All that they are written with, and what begins and ends a text.
  training::Vocabulary letters() const;
};

struct SplitPairs {
  Pairs train, test;  ///< no source is in both
};

/// Lines "source TAB target" (what follows a further tab is left out): of that file, or of the longest file *.txt or *.tsv in
/// that folder; every tenth source is for the test. Without a path 6,000 dates and 400 for the test. The test has ten or
/// more. Throws Error(BadInput) naming file and line.
SplitPairs load_pairs(const std::string& path);

/// How many of the texts are exactly as they should be, from 0 to 1.
double share_equal(const std::vector<std::string>& texts, const std::vector<std::string>& expected);

/// Dates from 1900 to 2099 in ten formats, "Monday, 3rd of March 1997" and "3/3/97" (of 1950 to 2049) among them, with
/// "1997-03-03" as their target. `seed` decides them; dates whose day number is divisible by ten are for the test.
Pairs made_up_dates(int64_t count, bool test, uint64_t seed);

}  // namespace seqc::examples
