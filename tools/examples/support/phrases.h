/// Texts from rules, for programs that have no data at hand.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/training/data/shuffle.h"

namespace seqc::examples {

/// A name stands for one of its alternatives, all equally likely, in which names stand in braces:
///
///   const Phrases animals({{"animal", {"cat", "dog", "small {animal}"}}, {"line", {"a {animal} sleeps", "no {animal}"}}});
///   animals.text("line", random);  // "a small dog sleeps"
class Phrases {
 public:
  using Rules = std::map<std::string, std::vector<std::string>>;
  /// Throws Error(BadInput) for a name in braces that has no rule, and for a rule without alternatives.
  explicit Phrases(Rules rules);
  std::string text(const std::string& name, training::KeyedRandom& random) const;

 private:
  Rules rules_;
};

}  // namespace seqc::examples
