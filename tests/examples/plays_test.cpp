#include "tools/examples/support/plays.h"

#include <doctest/doctest.h>

#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"

using namespace seqc;

TEST_CASE("plays: the seed decides them; whoever enters speaks") {
  const std::string play = examples::made_up_play(3, 5);
  CHECK(play == examples::made_up_play(3, 5));
  CHECK(examples::made_up_play(4, 5).starts_with(play));
  CHECK(play != examples::made_up_play(3, 6));
  CHECK(play.find('@') == std::string::npos);
  CHECK(play.find('{') == std::string::npos);
  const size_t enter = play.find("Enter ") + 6, end = play.find(" and ", enter);
  CHECK(play.find("\n" + play.substr(enter, end - enter) + ":\n") != std::string::npos);
  CHECK(examples::load_text("").size() > 50'000);
}

TEST_CASE("texts: a file, or the largest of a folder") {
  const test::Folder folder;
  folder.write("about.txt", "short");
  folder.write("play.txt", "a longer text");
  folder.write("table.csv", "the longest of all, but no text");
  CHECK(examples::load_text(folder.path("")) == "a longer text");
  CHECK(examples::load_text(folder.path("about.txt")) == "short");
  CHECK(test::contains(test::refusal([&] { examples::text_file(folder.path(""), {".md", ".rst"}); }),
                       "holds no file *.md and no *.rst"));
}
