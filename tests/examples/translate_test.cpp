#include <doctest/doctest.h>

#include <set>

#include "tests/examples/example.h"
#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"
#include "tools/examples/support/pairs.h"

using namespace seqc;

TEST_CASE("example translate") {
  test::test_example({.name = "translate",
                      .at_least = {{"share exact, greedy", 0.99}, {"share exact, beam search", 0.99}},
                      .models = {{.classes = {"logits"}},
                                 {.part = "encoder", .trained = false},
                                 {.part = "decoder", .classes = {"next"}, .trained = false}},
                      .files = {"report.html", "loss.svg", "accuracy.svg"},
                      .use = {"--predict", "the 3rd of March, 1997"},
                      .use_prints = "1997-03-03"});
}

TEST_CASE("dates: the seed decides them, no date is in both parts, each format is there") {
  const examples::Pairs train = examples::made_up_dates(500, false, 3), test = examples::made_up_dates(300, true, 3);
  CHECK(train.sources == examples::made_up_dates(500, false, 3).sources);
  CHECK(train.sources != examples::made_up_dates(500, false, 4).sources);
  const std::set<std::string> dates(train.targets.begin(), train.targets.end());
  for (const std::string& date : test.targets) CHECK(!dates.contains(date));
  std::set<std::string> forms;  // digits as 0, letters as a
  for (std::string source : train.sources) {
    for (char& c : source) c = std::isdigit(c) ? '0' : std::isalpha(c) ? 'a' : c;
    source.erase(std::unique(source.begin(), source.end()), source.end());
    forms.insert(source);
  }
  CHECK(forms.size() == 10);
}

TEST_CASE("pairs of texts: files, and what is wrong with them") {
  const test::Folder folder;
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += "s" + std::to_string(i) + "\tt" + std::to_string(i) + "\tsaid by x\n\n";
  folder.write("a.tsv", lines + "s7\tagain\n");
  folder.write("b.txt", "x\ty\n");
  folder.write("longest.md", std::string(10'000, 'x'));
  const examples::SplitPairs pairs = examples::load_pairs(folder.path(""));
  CHECK(pairs.train.sources.size() == 90);
  CHECK(pairs.test.sources.size() == 10);
  CHECK(pairs.test.targets[0] == "t9");
  CHECK(pairs.train.targets[7] == "t7");
  CHECK(test::contains(test::refusal([&] { examples::load_pairs(folder.path("b.txt")); }), "1 sources, expected 100"));
  folder.write("b.txt", "x\ty\nz\n");
  CHECK(test::contains(test::refusal([&] { examples::load_pairs(folder.path("b.txt")); }),
                       "line 2: got \"z\", expected"));
}
