/// Numbers for tokens, as models want them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace seqc::training {

using Tokens = std::vector<std::string>;

/// Special tokens come first, in this order; a name that is empty leaves its token out.
struct VocabularyOptions {
  int64_t min_count = 1;  ///< how often a token must occur
  int64_t max_size = 0;   ///< special tokens included; 0: any number
  std::string padding = "<pad>";
  std::string unknown = "<unk>";
  std::string begin = "<s>";
  std::string end = "</s>";
};

/// All functions throw Error(BadInput) that names the token or the file.
class Vocabulary {
 public:
  /// Of the tokens of all texts: frequent ones first, equally frequent ones in the order of their bytes.
  static Vocabulary build(const std::vector<Tokens>& texts, const VocabularyOptions& options = {});
  /// No special tokens, no limits: every character (or word) of one text.
  static Vocabulary of_all(const Tokens& text);

  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
  /// The token's number; that of the unknown one if it has none, and an error if there is none for unknown ones.
  int64_t id(std::string_view token) const;
  bool contains(std::string_view token) const { return ids_.contains(std::string(token)); }
  const std::string& token(int64_t id) const;
  // Numbers of special tokens; -1 for those that were left out.
  int64_t padding() const { return special_[0]; }
  int64_t unknown() const { return special_[1]; }
  int64_t begin() const { return special_[2]; }
  int64_t end() const { return special_[3]; }

  std::vector<int64_t> encode(const Tokens& text) const;
  /// With the tokens for begin and end around it, as far as the vocabulary has them.
  std::vector<int64_t> encode_whole(const Tokens& text) const;
  /// Without padding, begin and end; stops at the first end.
  Tokens decode(const std::vector<int64_t>& ids) const;

  /// JSON; the file appears whole or not at all.
  void save(const std::string& path) const;
  static Vocabulary load(const std::string& path);
  std::string json() const;
  static Vocabulary parse(const std::string& json, const std::string& name);

  bool operator==(const Vocabulary& other) const { return tokens_ == other.tokens_ && special_ == other.special_; }

 private:
  void add(const std::string& token);

  Tokens tokens_;
  std::unordered_map<std::string, int64_t> ids_;
  std::vector<int64_t> special_ = {-1, -1, -1, -1};
};

}  // namespace seqc::training
