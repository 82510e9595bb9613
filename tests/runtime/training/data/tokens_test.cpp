#include "runtime/training/data/tokens.h"

#include <doctest/doctest.h>

#include "runtime/training/data/vocabulary.h"
#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::training;
using ir::Tensor;
using test::contains;
using test::refusal;

TEST_CASE("cleaning: case, tags, entities, marks, blanks") {
  CHECK(clean("  ÄRGER\t<br /><br />2 < 3 &amp; <3 ") == "ärger 2 < 3 & <3");
  CHECK(clean("Don&#39;t &quot;x&quot; &#xe9; &unknown; &#0; AT&T") == "don't \"x\" é &unknown; &#0; at&t");
  CHECK(clean("<a href='x>y'>A</A><!-- b -->") == "y'>a");
  CHECK(clean("A<B", {.lower_case = false, .html = false}) == "A<B");
  CHECK(clean("Well... «yes», 5€!", {.marks = Cleaning::Marks::Blank}) == "well yes 5");
  CHECK(clean("it's", {.marks = Cleaning::Marks::Remove}) == "its");
  CHECK(clean(" a\u00a0 b\n", {.join_blanks = false}) == " a\u00a0 b\n");
  CHECK(clean("a\u00a0\u2003b") == "a b");
  CHECK(clean("").empty());
  CHECK(clean("ΣΊΣΥΦΟΣ İ") == "σίσυφοσ i");  // letter by letter
  CHECK(contains(refusal([] { clean("ab\n\x80"); }), "text:2: byte 1 of the line is 80, which is no UTF-8"));
}

TEST_CASE("tokens: characters and words") {
  CHECK(characters("aé\n你") == Tokens{"a", "é", "\n", "你"});
  CHECK(characters("").empty());
  CHECK(words("Don't stop, l’amour 'tis 3.5 a_b!?\n") ==
        Tokens{"Don't", "stop", ",", "l’amour", "'", "tis", "3", ".", "5", "a_b", "!", "?"});
  CHECK(words("a, b\nc\n", {.marks = false, .line_ends = true}) == Tokens{"a", "b", "\n", "c", "\n"});
  CHECK(words("don't", {.joiners = ""}) == Tokens{"don", "'", "t"});
  CHECK(words("well-read co-op-", {.joiners = "-"}) == Tokens{"well-read", "co-op", "-"});
  CHECK(words("e\u0301a 😀") == Tokens{"e\u0301a", "😀"});  // an accent of its own belongs to its letter
  CHECK(words("I \u2764\ufe0f you") == Tokens{"I", "\u2764\ufe0f", "you"});  // a heart, and that it be drawn in colour
  CHECK(clean("a\u2764\ufe0fb", {.marks = Cleaning::Marks::Remove}) == "ab");
  CHECK(words(" \t ").empty());
  CHECK(join_words(words("Well, (no) one [here]; go!\nNow.", {.line_ends = true})) ==
        "Well, (no) one [here]; go!\nNow.");
}

TEST_CASE("tokens: sequences of equal length, filled and cut at either side") {
  const std::vector<std::vector<int64_t>> texts = {{1, 2, 3, 4}, {5}, {}};
  CHECK(fitted(texts, {.length = 3}).identical(Tensor::i64({3, 3}, {1, 2, 3, 5, 0, 0, 0, 0, 0})));
  CHECK(fitted(texts, {.length = 3, .padding = 9, .pad = Side::Front, .cut = Side::Front})
            .identical(Tensor::i64({3, 3}, {2, 3, 4, 9, 9, 5, 9, 9, 9})));
  CHECK(fitted({}, {.length = 3}).shape() == std::vector<int64_t>{0, 3});
  CHECK(fitted(texts, {.length = 0}).shape() == std::vector<int64_t>{3, 0});
  CHECK(cut({1, 2, 3}, 5) == std::vector<int64_t>{1, 2, 3});
  CHECK(contains(refusal([] { cut({1}, -1); }), "texts of -1 tokens"));
}

TEST_CASE("vocabulary: by frequency, then by bytes; limits count what they say") {
  const std::vector<Tokens> texts = {{"b", "a", "c", "b"}, {"d", "a", "c", "b"}, {}};  // b 3, a 2, c 2, d 1
  const Vocabulary all = Vocabulary::build(texts);
  CHECK(all.size() == 8);
  CHECK(all.encode({"<pad>", "<unk>", "<s>", "</s>", "b", "a", "c", "d", "e"}) ==
        std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 1});
  CHECK(Vocabulary::build(texts, {.min_count = 2}).size() == 7);
  CHECK(!Vocabulary::build(texts, {.max_size = 6}).contains("c"));
  CHECK(all.encode_whole({"a"}) == std::vector<int64_t>{2, 5, 3});
  CHECK(all.decode({2, 5, 1, 0, 3, 4}) == Tokens{"a", "<unk>"});
  CHECK(all.token(7) == "d");

  const Vocabulary bare = Vocabulary::of_all({"x", "y", "x"});
  CHECK(bare.size() == 2);
  CHECK(bare.encode_whole({"y", "x"}) == std::vector<int64_t>{1, 0});
  CHECK(bare.decode({0, 1}) == Tokens{"x", "y"});
  CHECK(bare.unknown() == -1);
  CHECK(contains(refusal([&] { bare.id("z"); }), "token \"z\" is not among the vocabulary's 2"));
  CHECK(contains(refusal([&] { bare.token(2); }), "no token 2; it has 2"));
  CHECK(contains(refusal([&] { bare.token(-1); }), "no token -1"));
  CHECK(contains(refusal([&] { Vocabulary::build(texts, {.max_size = 3}); }), "room for 4 special ones"));
  CHECK(contains(refusal([&] { Vocabulary::build(texts, {.padding = "x", .unknown = "x"}); }), "\"x\" twice"));
  // Texts that hold a special token's name mean that token.
  CHECK(Vocabulary::build({{"<pad>", "a"}}).size() == 5);
}

TEST_CASE("vocabulary: a file holds all of it") {
  const test::Folder folder;
  const Vocabulary before = Vocabulary::build({{"\n", "\"", "é", "\\", "\t", "a b"}}, {.begin = ""});
  before.save(folder.path("v.json"));
  const Vocabulary after = Vocabulary::load(folder.path("v.json"));
  CHECK(after == before);
  CHECK(after.encode({"é", "zz"}) == before.encode({"é", "zz"}));
  CHECK(after.begin() == -1);
  CHECK(contains(refusal([] { Vocabulary::parse("{}", "v"); }), "v: is no vocabulary"));
  CHECK(contains(refusal([] { Vocabulary::parse(R"({"format":"x"})", "v"); }), "its format is \"x\""));
  const auto with = [](const char* padding, const char* tokens) {
    return fmt::format(R"({{"format":"seqc vocabulary 1","padding":{},"unknown":-1,"begin":-1,"end":-1,"tokens":{}}})",
                       padding, tokens);
  };
  CHECK(Vocabulary::parse(with("0", R"(["a"])"), "v").padding() == 0);
  CHECK(contains(refusal([&] { Vocabulary::parse(with("1", R"(["a"])"), "v"); }),
                 "for padding is 1, expected a number below 1"));
  CHECK(contains(refusal([&] { Vocabulary::parse(with("0", R"(["a","a"])"), "v"); }), "\"a\" twice"));
  CHECK(contains(refusal([&] { Vocabulary::parse(with("0", R"(["a",1])"), "v"); }), "is no vocabulary"));
  CHECK(contains(refusal([] { Vocabulary::build({{"\xff"}}).save("/nowhere/v"); }), "no UTF-8"));
  CHECK(contains(refusal([] { Vocabulary::build({{"a"}}).save("/nowhere/v"); }), "/nowhere/v: cannot be written"));
}
