#include "tools/examples/support/texts.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"
#include "tools/examples/support/phrases.h"

using namespace seqc;
using namespace seqc::examples;

TEST_CASE("phrases: names stand for any of their alternatives") {
  const Phrases animals(
      {{"animal", {"cat", "dog", "small {animal}"}}, {"line", {"a {animal} sleeps", "{animal}{animal}", ""}}});
  std::set<std::string> seen;
  for (uint64_t i = 0; i < 400; ++i) {
    training::KeyedRandom random(5, i), again(5, i);
    seen.insert(animals.text("line", random));
    CHECK(seen.contains(animals.text("line", again)));
  }
  for (const char* text :
       {"a cat sleeps", "a small dog sleeps", "dogcat", "small catdog", "", "a small small cat sleeps"})
    CHECK(seen.contains(text));
  for (const std::string& text : seen) CHECK(text.find_first_of("{}") == std::string::npos);
}

TEST_CASE("phrases: rules that are wrong are named") {
  using Rules = Phrases::Rules;
  CHECK(test::contains(test::refusal([] { Phrases(Rules{{"a", {"b {c}"}}}); }), "\"b {c}\": there is no rule \"c\""));
  CHECK(test::contains(test::refusal([] { Phrases(Rules{{"a", {"b {a"}}}); }), "not closed"));
  CHECK(test::contains(test::refusal([] { Phrases(Rules{{"a", {}}}); }), "rule \"a\": has no alternatives"));
  training::KeyedRandom random(1, 1);
  CHECK(test::contains(test::refusal([&] { Phrases(Rules{{"a", {"b"}}}).text("c", random); }), "no rule \"c\""));
}

TEST_CASE("texts: messages and reviews that are made up") {
  const training::LabelledTexts messages = load_messages("");
  CHECK(messages.labels.classes == std::vector<std::string>{"ham", "spam"});
  CHECK(messages.texts.size() == 1500);
  CHECK(std::count(messages.labels.ids.begin(), messages.labels.ids.end(), 1) == 300);
  const Reviews reviews = load_reviews("");
  CHECK(reviews.train.texts.size() == 1800);
  CHECK(std::count(reviews.test.labels.ids.begin(), reviews.test.labels.ids.end(), 1) == 150);
  CHECK(reviews.test.texts[1] != reviews.validation.texts[1]);
}

TEST_CASE("texts: files as they are downloaded") {
  const test::Folder folder;
  CHECK(test::contains(test::refusal([&] { load_messages(folder.path("")); }), "neither sms.tsv nor"));
  folder.write("SMSSpamCollection", "ham\tsee \"you\nspam\twin\n");
  CHECK(load_messages(folder.path("")).texts == std::vector<std::string>{"see \"you", "win"});

  CHECK(test::contains(test::refusal([&] { load_reviews(folder.path("")); }), "neither train.tsv.gz nor train/pos"));
  for (const char* part : {"train", "test"})
    for (const char* label : {"pos", "neg"})
      for (int i = 0; i < 5; ++i)
        folder.write(fmt::format("{}/{}/{}_1.txt", part, label, i), fmt::format("{} {} {}", part, label, i));
  Reviews reviews = load_reviews(folder.path(""));
  CHECK(reviews.train.texts.size() == 8);
  CHECK(reviews.validation.texts.size() == 2);
  CHECK(reviews.test.texts.size() == 10);
  for (size_t i = 0; i < 8; ++i)
    CHECK((reviews.train.texts[i].find("pos") != std::string::npos) == (reviews.train.labels.ids[i] == 1));

  const std::string table = "split\tlabel\tid\ttext\ntrain\t1\t7\tgood\ntrain\t0\t8\tbad\nval\t0\t9\tpoor\n";
  folder.write("train.tsv.gz", test::gzipped(table));
  folder.write("test.tsv.gz", test::gzipped("label\ttext\n1\tfine \"film\n"));
  reviews = load_reviews(folder.path(""));
  CHECK(reviews.train.texts == std::vector<std::string>{"good", "bad"});
  CHECK(reviews.train.labels.ids == std::vector<int64_t>{1, 0});
  CHECK(reviews.validation.texts == std::vector<std::string>{"poor"});
  CHECK(reviews.test.texts == std::vector<std::string>{"fine \"film"});
  CHECK(reviews.test.labels.classes == std::vector<std::string>{"negative", "positive"});
}
