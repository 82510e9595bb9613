#include "tools/examples/support/phrases.h"

#include "ir/error.h"

namespace seqc::examples {

namespace {

/// Calls `plain` with what stands outside of braces and `named` with what stands in them, in order.
template <class Plain, class Named>
void read(const std::string& text, Plain&& plain, Named&& named) {
  for (size_t at = 0; at < text.size();) {
    const size_t open = std::min(text.find('{', at), text.size()), close = text.find('}', open);
    plain(text.substr(at, open - at));
    if (open == text.size()) return;
    if (close == std::string::npos) fail(ErrorKind::BadInput, "\"{}\": a brace that is not closed", text);
    named(text.substr(open + 1, close - open - 1));
    at = close + 1;
  }
}

}  // namespace

Phrases::Phrases(Rules rules) : rules_(std::move(rules)) {
  for (const auto& [name, alternatives] : rules_) {
    if (alternatives.empty()) fail(ErrorKind::BadInput, "rule \"{}\": has no alternatives", name);
    for (const std::string& text : alternatives)
      read(
          text, [](const std::string&) {},
          [&](const std::string& used) {
            if (!rules_.contains(used)) fail(ErrorKind::BadInput, "\"{}\": there is no rule \"{}\"", text, used);
          });
  }
}

std::string Phrases::text(const std::string& name, training::KeyedRandom& random) const {
  const auto it = rules_.find(name);
  if (it == rules_.end()) fail(ErrorKind::BadInput, "there is no rule \"{}\"", name);
  std::string result;
  read(
      it->second[random.below(it->second.size())], [&](const std::string& plain) { result += plain; },
      [&](const std::string& used) { result += text(used, random); });
  return result;
}

}  // namespace seqc::examples
