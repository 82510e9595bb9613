#include "tools/examples/support/tagged.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "ir/error.h"
#include "runtime/training/data/text_files.h"
#include "runtime/training/data/tokens.h"
#include "tools/examples/support/phrases.h"

namespace seqc::examples {

namespace fs = std::filesystem;
using training::Tokens;

namespace {

std::vector<Tagged> load(const fs::path& path) {
  std::vector<Tagged> sentences(1);
  int64_t number = 0;
  for (const std::string& line : training::load_lines(path.string())) {
    ++number;
    const size_t first = line.find_first_of(" \t"), last = line.find_last_of(" \t");
    if (line.find_first_not_of(" \t\r") == std::string::npos) {
      if (!sentences.back().words.empty()) sentences.emplace_back();
      continue;
    }
    if (first == std::string::npos || first == 0 || last + 1 == line.size())
      fail(ErrorKind::BadInput, "{}, line {}: got \"{}\", expected a word and a tag", path.string(), number, line);
    sentences.back().words.push_back(line.substr(0, first));
    sentences.back().tags.push_back(line.substr(last + 1));
  }
  if (sentences.back().words.empty()) sentences.pop_back();
  if (sentences.empty()) fail(ErrorKind::BadInput, "{}: holds no sentences", path.string());
  return sentences;
}

/// Names are marked as `Paris_PERSON`, first and last ones alike.
Tagged from_marked(const std::string& text) {
  Tagged result;
  for (const std::string& word : training::words(text)) {
    const size_t mark = word.find('_');
    result.words.push_back(word.substr(0, mark));
    result.tags.push_back(mark == std::string::npos ? kNoTag : word.substr(mark + 1));
  }
  return result;
}

std::vector<Tagged> made_up(int64_t count, uint64_t seed) {
  static const std::vector<std::string> names = {"Paris",   "Jordan",   "Madison", "Wells",  "Baker",
                                                 "Lincoln", "Austin",   "Sydney",  "Morgan", "Dell",
                                                 "Chester", "Florence", "Houston", "Kent"};
  std::vector<std::string> persons, places, companies;
  for (const std::string& name : names) {
    persons.push_back(name + "_PERSON");
    places.push_back(name + "_PLACE");
    companies.push_back(name + "_COMPANY");
  }
  static const Phrases phrases({
      {"name", persons},
      {"place", places},
      {"firm", companies},
      {"person", {"{name}", "{name} {name}", "Mr. {name}"}},
      {"company", {"{firm}", "{firm}", "{firm} Inc_COMPANY", "{firm} and {firm}"}},
      {"when", {"Yesterday", "Last year", "In spring", "On Monday", "Later", "Today"}},
      {"said", {"said", "hoped", "forgot", "knew"}},
      {"thing", {"a house", "the old bridge", "two tickets", "a letter", "some tea"}},
      {"event",
       {"{person} {said} that it rained in {place}", "{person} sent {person} {thing}",
        "{company} bought {company} from {person}", "the shares of {company} fell by a third",
        "{person} left {company} and moved to {place}", "{place} is a town north of {place}",
        "the streets of {place} were empty when {person} came home", "{company} hired {person}",
        "{person} flew from {place} to {place}", "{person} met the owners of {company} in {place}",
        "{company} opened an office in {place}", "{person} and {person} ate {thing}", "{place} lies by a river",
        "{company} fell by a third"}},
      {"sentence",
       {"{event}.", "{when} {event}.", "{event}, and {event}.", "{when} {event} while {event}.",
        "{event}, {said} {person}."}},
  });
  std::vector<Tagged> sentences;
  for (int64_t i = 0; i < count; ++i) {
    training::KeyedRandom random(seed, static_cast<uint64_t>(i));
    sentences.push_back(from_marked(phrases.text("sentence", random)));
  }
  return sentences;
}

using Counts = std::map<std::string, int64_t>;

std::string most_frequent(const Counts& counts) {
  const auto fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
  return counts.empty() ? kNoTag : std::max_element(counts.begin(), counts.end(), fewer)->first;
}

}  // namespace

TaggedSentences load_tagged(const std::string& folder) {
  if (folder.empty()) return {made_up(1200, 1), made_up(400, 2)};
  return {load(fs::path(folder) / "train.txt"), load(fs::path(folder) / "test.txt")};
}

Baselines baselines(const TaggedSentences& sentences) {
  Counts all;
  std::map<std::string, Counts> of_word;
  for (const Tagged& sentence : sentences.train)
    for (size_t i = 0; i < sentence.words.size(); ++i) {
      ++all[sentence.tags[i]];
      ++of_word[sentence.words[i]][sentence.tags[i]];
    }
  const std::string usual = most_frequent(all);
  int64_t words = 0, right_by_tag = 0, right_by_word = 0;
  for (const Tagged& sentence : sentences.test)
    for (size_t i = 0; i < sentence.words.size(); ++i) {
      const auto known = of_word.find(sentence.words[i]);
      ++words;
      right_by_tag += sentence.tags[i] == usual;
      right_by_word += sentence.tags[i] == (known == of_word.end() ? usual : most_frequent(known->second));
    }
  const auto share = [&](int64_t count) {
    return static_cast<double>(count) / static_cast<double>(std::max(words, int64_t{1}));
  };
  return {share(right_by_tag), share(right_by_word)};
}

}  // namespace seqc::examples
