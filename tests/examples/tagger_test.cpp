#include <doctest/doctest.h>

#include "tests/examples/example.h"
#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"
#include "tools/examples/support/tagged.h"

using namespace seqc;

TEST_CASE("example tagger") {
  const test::ExampleRun run;
  test::test_example({.name = "tagger",
                      .at_least = {{"test accuracy", 0.97}},
                      .models = {{.classes = {"probabilities"}}},
                      .files = {"report.html", "loss.svg", "accuracy.svg"},
                      .use = {"--predict", "Mr. Paris flew from Kent to Madison."},
                      .use_prints = "Mr. Paris/PERSON flew from Kent/PLACE to Madison/PLACE."},
                     run);
  const auto figures = run.figures();
  CHECK(figures.at("accuracy of the most frequent tag") < 0.75);
  CHECK(figures.at("accuracy of each word's most frequent tag") < 0.9);
}

TEST_CASE("tagged sentences: files, and what is wrong with them") {
  const test::Folder folder;
  folder.write("train.txt", "\nParis X B-PER\nsleeps X O\n\n\nAh O\n");
  folder.write("test.txt", "Paris\tO\r\nis\tO\n");
  const examples::TaggedSentences sentences = examples::load_tagged(folder.path(""));
  REQUIRE(sentences.train.size() == 2);
  CHECK(sentences.train[0].words == training::Tokens{"Paris", "sleeps"});
  CHECK(sentences.train[0].tags == training::Tokens{"B-PER", "O"});
  REQUIRE(sentences.test.size() == 1);
  CHECK(sentences.test[0].tags == training::Tokens{"O", "O"});
  const examples::Baselines baselines = examples::baselines(sentences);
  CHECK(baselines.tag == 1);
  CHECK(baselines.word == 0.5);
  folder.write("test.txt", "Paris O\n is\n");
  CHECK(test::contains(test::refusal([&] { examples::load_tagged(folder.path("")); }),
                       "test.txt, line 2: got \" is\", expected a word and a tag"));
  folder.write("test.txt", "\n");
  CHECK(test::contains(test::refusal([&] { examples::load_tagged(folder.path("")); }), "holds no sentences"));
}
