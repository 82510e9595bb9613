#include "runtime/training/data/vocabulary.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "ir/error.h"
#include "runtime/files.h"

namespace seqc::training {
namespace {

constexpr const char* kFormat = "seqc vocabulary 1";
constexpr const char* kSpecial[] = {"padding", "unknown", "begin", "end"};

}  // namespace

void Vocabulary::add(const std::string& token) {
  if (!ids_.emplace(token, size()).second) fail(ErrorKind::BadInput, "a vocabulary with the token \"{}\" twice", token);
  tokens_.push_back(token);
}

Vocabulary Vocabulary::build(const std::vector<Tokens>& texts, const VocabularyOptions& options) {
  Vocabulary result;
  size_t slot = 0;
  for (const std::string* name : {&options.padding, &options.unknown, &options.begin, &options.end}) {
    if (!name->empty()) result.special_[slot] = result.size();
    if (!name->empty()) result.add(*name);
    ++slot;
  }
  if (options.min_count < 1 || options.max_size < 0 || (options.max_size > 0 && options.max_size < result.size()))
    fail(ErrorKind::BadInput,
         "a vocabulary of at most {} tokens that occur {} times, expected room for {} special ones and 1 or more times",
         options.max_size, options.min_count, result.size());

  std::unordered_map<std::string, int64_t> counts;
  for (const Tokens& text : texts)
    for (const std::string& token : text) ++counts[token];
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [token, count] : counts)
    if (count >= options.min_count && !result.contains(token)) order.emplace_back(-count, token);
  std::sort(order.begin(), order.end());
  for (const auto& [count, token] : order) {
    if (options.max_size > 0 && result.size() == options.max_size) break;
    result.add(token);
  }
  return result;
}

Vocabulary Vocabulary::of_all(const Tokens& text) {
  return build({text}, {.padding = "", .unknown = "", .begin = "", .end = ""});
}

int64_t Vocabulary::id(std::string_view token) const {
  const auto found = ids_.find(std::string(token));
  if (found != ids_.end()) return found->second;
  if (unknown() < 0)
    fail(ErrorKind::BadInput, "token \"{}\" is not among the vocabulary's {}, which has none for unknown ones", token,
         size());
  return unknown();
}

const std::string& Vocabulary::token(int64_t id) const {
  if (id < 0 || id >= size()) fail(ErrorKind::BadInput, "the vocabulary has no token {}; it has {}", id, size());
  return tokens_[static_cast<size_t>(id)];
}

std::vector<int64_t> Vocabulary::encode(const Tokens& text) const {
  std::vector<int64_t> ids;
  for (const std::string& token : text) ids.push_back(id(token));
  return ids;
}

std::vector<int64_t> Vocabulary::encode_whole(const Tokens& text) const {
  std::vector<int64_t> ids = encode(text);
  if (begin() >= 0) ids.insert(ids.begin(), begin());
  if (end() >= 0) ids.push_back(end());
  return ids;
}

Tokens Vocabulary::decode(const std::vector<int64_t>& ids) const {
  Tokens tokens;
  for (const int64_t id : ids) {
    const std::string& name = token(id);
    if (id == end()) break;
    if (id != padding() && id != begin()) tokens.push_back(name);
  }
  return tokens;
}

std::string Vocabulary::json() const {
  nlohmann::ordered_json root;
  root["format"] = kFormat;
  for (size_t i = 0; i < special_.size(); ++i) root[kSpecial[i]] = special_[i];
  root["tokens"] = tokens_;
  return root.dump(1) + "\n";
}

void Vocabulary::save(const std::string& path) const {
  for (const std::string& token : tokens_) try {
      nlohmann::json(token).dump();
    } catch (const nlohmann::json::exception&) {
      fail(ErrorKind::BadInput, "{}: a token is no UTF-8 and cannot be saved", path);
    }
  runtime::write_file(path, json());
}

Vocabulary Vocabulary::load(const std::string& path) { return parse(runtime::read_file(path), path); }

Vocabulary Vocabulary::parse(const std::string& json, const std::string& name) {
  try {
    const auto root = nlohmann::json::parse(json);
    if (root.at("format") != kFormat)
      fail(ErrorKind::BadInput, "its format is {}, expected \"{}\"", root.at("format").dump(), kFormat);
    Vocabulary result;
    for (const std::string& token : root.at("tokens").get<Tokens>()) result.add(token);
    for (size_t i = 0; i < result.special_.size(); ++i) {
      const auto& id = root.at(kSpecial[i]);
      if (!id.is_number_integer() || id.get<int64_t>() < -1 || id.get<int64_t>() >= result.size())
        fail(ErrorKind::BadInput, "its token for {} is {}, expected a number below {}, or -1", kSpecial[i], id.dump(),
             result.size());
      result.special_[i] = id.get<int64_t>();
    }
    return result;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::BadInput, "{}: is no vocabulary: {}", name, error.what());
  } catch (const Error& error) {
    fail(ErrorKind::BadInput, "{}: is no vocabulary: {}", name, error.what());
  }
}

}  // namespace seqc::training
