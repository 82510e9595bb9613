/// The names of a function that is being parsed: what each stands for, and where it may be used.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "ir/ir.h"
#include "ir/lexer.h"

namespace seqc::ir {

class Scope {
 public:
  struct Definition {
    Value* value = nullptr;  ///< null when its op was faulty
    int line = 0;
    bool ended = false;  ///< its region is over; the name may be taken again
  };

  /// The hint that a token gives its value: values written as numbers have none.
  static std::string hint(const Token& token) { return token.numbered ? "" : token.value; }

  /// Null for names that were never defined.
  const Definition* find(const Token& token) const {
    const auto it = definitions_.find(key(token));
    return it == definitions_.end() ? nullptr : &it->second;
  }
  /// The definition that stands in the way of another one of this name, or null.
  const Definition* conflict(const Token& token) const {
    const Definition* found = find(token);
    return found && !found->ended ? found : nullptr;
  }
  void define(const Token& token, Value* value) {
    definitions_[key(token)] = {value, token.line, false};
    live_.push_back(key(token));
  }

  size_t enter() const { return live_.size(); }
  /// Ends the names defined since `enter` gave `mark`.
  void leave(size_t mark) {
    for (size_t i = mark; i < live_.size(); ++i) definitions_[live_[i]].ended = true;
    live_.resize(mark);
  }

 private:
  /// Kind and name: %a and @a, and the unnamed %0 and the quoted %"0", are different things.
  static std::string key(const Token& token) {
    return (token.kind == TokenKind::Global ? "@" : "%") + std::string(token.numbered ? "#" : ".") + token.value;
  }

  std::unordered_map<std::string, Definition> definitions_;
  std::vector<std::string> live_;
};

}  // namespace seqc::ir
