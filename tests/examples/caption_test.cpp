#include <doctest/doctest.h>

#include "runtime/npy.h"
#include "tests/examples/example.h"
#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"
#include "tools/examples/support/scenes.h"

using namespace seqc;

TEST_CASE("example caption") {
  test::test_example({.name = "caption",
                      .at_least = {{"share exact", 0.94}},
                      .models = {{.classes = {"logits"}},
                                 {.part = "start", .trained = false},
                                 {.part = "next", .classes = {"next"}, .trained = false}},
                      .files = {"report.html", "loss.svg", "accuracy.svg"},
                      .use = {"--predict", "3"},
                      .use_prints = "a "});
}

TEST_CASE("scenes: a seed decides the pictures, captions say what stands there") {
  const examples::Captioned scenes = examples::draw_scenes(50, 3), again = examples::draw_scenes(60, 3);
  CHECK(scenes.features.identical(again.first(50).features));
  CHECK(examples::draw_scenes(50, 4).captions != scenes.captions);
  for (size_t n = 0; n < 50; ++n) {
    const std::string text = examples::scene_as_text(scenes.features, static_cast<int64_t>(n));
    for (const auto& [name, letter] : {std::pair("red", 'r'), {"green", 'g'}, {"blue", 'b'}, {"yellow", 'y'}}) {
      INFO(scenes.captions[n] << "\n" << text);
      CHECK((scenes.captions[n].find(name) != std::string::npos) == (text.find(letter) != std::string::npos));
    }
  }
}

TEST_CASE("captions: files, and what is wrong with them") {
  const test::Folder folder;
  runtime::save_npy(folder.path("features.npy"), examples::draw_scenes(20, 1).features);
  std::string lines;
  for (int i = 0; i < 20; ++i) lines += "caption " + std::to_string(i) + "\n";
  folder.write("captions.txt", lines);
  const examples::CaptionedSplit data = examples::load_captions(folder.path(""));
  CHECK(data.train.features.type_str() == "f32[18,432]");
  CHECK(data.test.captions == std::vector<std::string>{"caption 9", "caption 19"});
  folder.write("captions.txt", lines + "more\n");
  CHECK(
      test::contains(test::refusal([&] { examples::load_captions(folder.path("")); }), "got 21 lines for 20 vectors"));
}
