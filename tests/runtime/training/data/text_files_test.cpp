#include "runtime/training/data/text_files.h"

#include <doctest/doctest.h>

#include "runtime/training/data/tokens.h"
#include "runtime/training/data/vocabulary.h"
#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::training;
using test::contains;
using test::refusal;

TEST_CASE("text files: lines, encodings, gzip") {
  const test::Folder folder;
  CHECK(load_lines(folder.write("a", "one\r\n\n\xef\xbb\xbftwo")) ==
        std::vector<std::string>{"one", "", "\xef\xbb\xbftwo"});
  CHECK(load_lines(folder.write("b",
                                "\xef\xbb\xbf"
                                "x\n")) == std::vector<std::string>{"x"});
  CHECK(load_lines(folder.write("c", "")).empty());
  CHECK(load_text(folder.write("d", test::gzipped("a\rb\r\r\n"))) == "a\rb\r\n");
  CHECK(load_text(folder.write("e", "na\xefve"), Encoding::Latin1) == "naïve");
  CHECK(contains(refusal([&] { load_text(folder.path("e")); }),
                 "e:1: byte 3 of the line is ef, which is no UTF-8; convert the file"));
  CHECK(contains(refusal([&] { load_text(folder.write("f", "ok\nü\xc3")); }), "f:2: byte 3 of the line is c3"));
  CHECK(contains(refusal([&] { load_text(folder.path("none")); }), "no such file"));
}

TEST_CASE("text files: a label and a text a line") {
  const test::Folder folder;
  const std::string path = folder.write("sms.tsv", "ham\tSee \"you\nspam\tWin \"10\"\nham\t\n");
  const LabelledTexts sms = load_labelled_lines(path);
  CHECK(sms.texts == std::vector<std::string>{"See \"you", "Win \"10\"", ""});
  CHECK(sms.labels.classes == std::vector<std::string>{"ham", "spam"});
  CHECK(sms.labels.ids == std::vector<int64_t>{0, 1, 0});
  CHECK(
      contains(refusal([&] { load_labelled_lines(folder.write("x", "ham\ta\nspam\n")); }), "x:2: 1 cell, expected 2"));
  CHECK(contains(refusal([&] { load_labelled_lines(path, {.classes = {"ham"}}); }), "sms.tsv:2: label \"spam\""));
  const LabelledTexts named = load_labelled_lines(folder.write("y", "text,kind\na,1\nb,0\n"),
                                                  {.separator = ',', .header = true, .label = "kind", .text = "text"});
  CHECK(named.texts == std::vector<std::string>{"a", "b"});
  CHECK(named.labels.ids == std::vector<int64_t>{1, 0});
}

TEST_CASE("text files: a folder a label") {
  const test::Folder folder;
  folder.write("set/pos/1_9.txt", "good");
  folder.write("set/pos/0_8.txt", "fine\r\n");
  folder.write("set/neg/0_1.txt", "bad");
  folder.write("set/unsup/0_0.txt", "?");
  folder.write("set/README", "no label");
  const LabelledTexts all = load_labelled_folders(folder.path("set"));
  CHECK(all.labels.classes == std::vector<std::string>{"neg", "pos", "unsup"});
  const LabelledTexts two = load_labelled_folders(folder.path("set"), {"neg", "pos"});
  CHECK(two.texts == std::vector<std::string>{"bad", "fine\n", "good"});
  CHECK(two.labels.ids == std::vector<int64_t>{0, 1, 1});
  CHECK(contains(refusal([&] { load_labelled_folders(folder.path("set"), {"neutral"}); }), "neutral: no such folder"));
  CHECK(contains(refusal([&] { load_labelled_folders(folder.path("nothing")); }), "no such folder"));
  folder.write("empty/x", "");
  CHECK(contains(refusal([&] { load_labelled_folders(folder.path("empty")); }), "holds no folders"));
}

TEST_CASE("text files: damaged bytes are refused or read, never more") {
  const test::Folder folder;
  const std::string text = "ham\tGrüße, 你好\nspam\tWin £1000 now \xf0\x9f\x98\x80\n";
  CHECK(test::damage(text, 1, [&](const std::string& bytes) {
          const std::string path = folder.write("x", bytes);
          load_lines(path, Encoding::Latin1);
          words(clean(load_text(path)));
          load_labelled_lines(path);
        }) > 50);
  const std::string json = Vocabulary::build({words(text)}).json();
  CHECK(test::damage(json, 2, [](const std::string& bytes) { Vocabulary::parse(bytes, "v"); }) > 50);
}

TEST_CASE("text files: SMS, IMDb, Hamlet and tiny Shakespeare") {
  if (const auto folder = test::shared_data("sms_spam")) {
    const LabelledTexts sms = load_labelled_lines((*folder / "sms.tsv").string());
    CHECK(sms.labels.classes == std::vector<std::string>{"ham", "spam"});
    CHECK(sms.texts.size() >= 5572);
    CHECK(sms.texts.size() <= 5574);
  }
  if (const auto folder = test::shared_data("imdb")) {
    const LabelledLines layout{.header = true, .label = "label", .text = "text"};
    const LabelledTexts reviews = load_labelled_lines((*folder / "test.tsv.gz").string(), layout);
    CHECK(reviews.texts.size() == 25000);
    CHECK(std::count(reviews.labels.ids.begin(), reviews.labels.ids.end(), 1) == 12500);
  }
  if (const auto folder = test::shared_data("hamlet"))
    CHECK(characters(load_text((*folder / "pg2265.txt").string())).size() > 170000);
  if (const auto folder = test::shared_data("tinyshakespeare")) {
    CHECK(load_lines((*folder / "input.txt").string()).size() == 40000);
    const Tokens text = characters(load_text((*folder / "input.txt").string()));
    CHECK(text.size() == 1115394);
    CHECK(Vocabulary::of_all(text).size() == 65);
  }
}
