#include "tools/examples/support/texts.h"

#include <filesystem>
#include <set>

#include "ir/error.h"
#include "runtime/training/data/split.h"
#include "tools/examples/support/phrases.h"

namespace seqc::examples {

namespace fs = std::filesystem;
using training::LabelledTexts;
using training::Labels;

namespace {

const std::vector<std::string> kMessageClasses = {"ham", "spam"}, kReviewClasses = {"negative", "positive"};

LabelledTexts made_up_messages(int64_t count) {
  const Phrases phrases({
      {"digit", {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}},
      {"number", {"08{digit}{digit}{digit} {digit}{digit}{digit}", "8{digit}{digit}{digit}{digit}"}},
      {"sum", {"£{digit}00", "£{digit}000", "{digit}0 pounds", "${digit}50"}},
      {"thing", {"prize", "phone", "ringtone", "holiday", "ticket", "voucher", "bonus", "camera"}},
      {"name", {"Anna", "Ben", "mum", "Tom", "Lisa", "my boss", "the doctor"}},
      {"place", {"home", "work", "the office", "town", "the cinema", "school", "the station"}},
      {"when", {"now", "later", "tonight", "tomorrow", "at {digit}", "this week", "today"}},
      {"hello", {"Hi", "Hey", "Hello", "Dear friend", "Dear customer", "Ok", "Sorry"}},
      {"ham",
       {"{hello}, are you free {when}? I could call you from {place}.",
        "{hello}, {name} said the {thing} is at {place}, can you claim it {when}?",
        "I won the {thing} at {place}! Tell {name} {when}.", "Call me {when}, I am at {place} with {name}.",
        "{name} wants to know if you text {name} {when} or if you stop at {place} first.",
        "{hello}! Did you reply to {name} about the {thing}? It was only {sum}.",
        "No need to call {number}, {name} is {when} at {place}.",
        "{hello}, the free {thing} was no use. See you at {place} {when}."}},
      {"spam",
       {"{hello}, you won a {thing}! Call {number} {when} to claim it.",
        "URGENT! Your {thing} of {sum} waits, reply {when} or call {number}.",
        "Free {thing} for you: text WIN to {number} {when}. To stop text STOP.",
        "{hello}, claim your {sum} {thing} {when}, only {digit} left! Text {number}.",
        "Win {sum} {when}! Reply YES to {number} and the {thing} is yours.",
        "{hello}, {name} sent you a {thing}. Text {number} to see it {when}, {sum} a message."}},
  });
  LabelledTexts messages;
  messages.labels.classes = kMessageClasses;
  for (int64_t i = 0; i < count; ++i) {
    training::KeyedRandom random(1, static_cast<uint64_t>(i));
    messages.labels.ids.push_back(i % 5 == 0 ? 1 : 0);
    messages.texts.push_back(phrases.text(kMessageClasses[static_cast<size_t>(messages.labels.ids.back())], random));
  }
  return messages;
}

LabelledTexts made_up_reviews(int64_t count, uint64_t seed) {
  const Phrases phrases({
      {"thing",
       {"plot", "acting", "music", "story", "ending", "camera work", "dialogue", "cast", "first half", "script"}},
      {"good", {"great", "funny", "moving", "clever", "brilliant", "good", "gripping", "beautiful"}},
      {"bad", {"dull", "awful", "boring", "bad", "silly", "poor", "painful", "predictable"}},
      {"very", {"very ", "really ", "quite ", "", "", ""}},
      {"negation", {"not", "never", "hardly", "far from"}},
      {"aside",
       {"I saw it on a Sunday.", "My brother lent it to me.", "It runs for two hours.", "It was made in Canada.",
        "We watched it at home.", "The book came out before it."}},
      {"praise",
       {"The {thing} was {very}{good}.", "The {thing} is {negation} {bad}.", "I found the {thing} {very}{good}."}},
      {"blame",
       {"The {thing} was {very}{bad}.", "The {thing} is {negation} {good}.", "I found the {thing} {very}{bad}."}},
  });
  LabelledTexts reviews;
  reviews.labels.classes = kReviewClasses;
  for (int64_t i = 0; i < count; ++i) {
    training::KeyedRandom random(seed, static_cast<uint64_t>(i));
    const int64_t label = i % 2;
    // The review's own opinion two to four times, the other one less often, and what says nothing.
    const uint64_t own = 2 + random.below(3), other = random.below(own - 1);
    std::vector<std::string> sentences;
    for (uint64_t k = 0; k < own; ++k) sentences.push_back(phrases.text(label ? "praise" : "blame", random));
    for (uint64_t k = 0; k < other; ++k) sentences.push_back(phrases.text(label ? "blame" : "praise", random));
    for (uint64_t k = random.below(3); k > 0; --k) sentences.push_back(phrases.text("aside", random));
    for (size_t k = sentences.size() - 1; k > 0; --k) std::swap(sentences[k], sentences[random.below(k + 1)]);
    std::string text;
    for (const std::string& sentence : sentences) text += (text.empty() ? "" : " ") + sentence;
    reviews.texts.push_back(std::move(text));
    reviews.labels.ids.push_back(label);
  }
  return reviews;
}

LabelledTexts part(const LabelledTexts& all, const std::vector<int64_t>& examples) {
  LabelledTexts result{.texts = {}, .labels = {.ids = {}, .classes = all.labels.classes}};
  for (const int64_t i : examples) {
    result.texts.push_back(all.texts[static_cast<size_t>(i)]);
    result.labels.ids.push_back(all.labels.ids[static_cast<size_t>(i)]);
  }
  return result;
}

/// Rows of a table whose column `split` is that; all without a column.
LabelledTexts table(const fs::path& path, const std::set<std::string>& splits) {
  const training::Csv csv = training::Csv::load(path.string(), {.separator = '\t', .quote = '\0'});
  const std::vector<std::string> texts = csv.texts("text");
  Labels labels = csv.labels("label", {"0", "1"});
  labels.classes = kReviewClasses;
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < csv.rows(); ++i)
    if (splits.empty() || splits.contains(csv.cell(i, "split"))) rows.push_back(i);
  if (rows.empty()) fail(ErrorKind::BadInput, "{}: no row whose split is {}", path.string(), *splits.begin());
  return part({texts, labels}, rows);
}

LabelledTexts original(const fs::path& path) {
  LabelledTexts texts = training::load_labelled_folders(path.string(), {"neg", "pos"});
  texts.labels.classes = kReviewClasses;
  return texts;
}

}  // namespace

LabelledTexts load_messages(const std::string& folder) {
  if (folder.empty()) return made_up_messages(1500);
  for (const char* name : {"sms.tsv", "SMSSpamCollection"})
    if (const fs::path path = fs::path(folder) / name; fs::exists(path))
      return training::load_labelled_lines(path.string(), {.classes = kMessageClasses});
  fail(ErrorKind::BadInput, "{}: neither sms.tsv nor SMSSpamCollection is there", folder);
}

Reviews load_reviews(const std::string& folder) {
  if (folder.empty()) return {made_up_reviews(1800, 1), made_up_reviews(300, 2), made_up_reviews(300, 3)};
  const fs::path path = folder;
  if (fs::exists(path / "train.tsv.gz"))
    return {table(path / "train.tsv.gz", {"train"}), table(path / "train.tsv.gz", {"val"}),
            table(path / "test.tsv.gz", {})};
  if (!fs::exists(path / "train" / "pos"))
    fail(ErrorKind::BadInput, "{}: neither train.tsv.gz nor train/pos is there", folder);
  const LabelledTexts train = original(path / "train");
  const training::Split parts =
      training::split(static_cast<int64_t>(train.texts.size()), 0.2, /*seed=*/1, train.labels.ids);
  return {part(train, parts.train), part(train, parts.test), original(path / "test")};
}

}  // namespace seqc::examples
