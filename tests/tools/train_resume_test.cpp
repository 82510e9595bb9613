// seqc train: interrupted and resumed it gives the same files, and resumed with other settings only if they are meant.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>

#include "runtime/files.h"
#include "tests/tools/train_setting.h"

namespace {

using namespace seqc::test;
namespace runtime = seqc::runtime;

}  // namespace

TEST_SUITE_BEGIN("tools");

TEST_CASE("train: resumed after every epoch it gives the same file and history") {
  const TrainSetting s;
  const std::vector<std::string> options = {"--optimizer", "adamw", "--clip-value", "0.5", "--validation-split", "0.2"};
  const auto run = [&](const std::string& name, const std::string& epochs, bool resume) {
    std::vector<std::string> all = options;
    for (const std::string& text : {std::string("--epochs"), epochs, std::string("--checkpoint"),
                                    s.path(name + ".ckpt"), std::string("--history"), s.path(name + ".jsonl")})
      all.push_back(text);
    if (resume) all.push_back("--resume");
    return s.train(all);
  };
  REQUIRE(run("whole", "4", false).exit_code == 0);
  const std::string whole = runtime::read_file(s.tuned);
  for (const char* epochs : {"1", "2", "4"}) REQUIRE(run("parts", epochs, true).exit_code == 0);
  CHECK(runtime::read_file(s.tuned) == whole);
  CHECK(runtime::read_file(s.path("parts.jsonl")) == runtime::read_file(s.path("whole.jsonl")));
  const ToolResult other = s.train({"--resume", "--checkpoint", s.path("parts.ckpt"), "--train-only", "w1"});
  CHECK(other.exit_code == 1);
  CHECK(other.err.find("parts.ckpt: is a checkpoint of another model") != std::string::npos);
}

TEST_CASE("train: killed again and again and resumed, it gives the file and the history of a run that was not") {
  const TrainSetting s;
  const auto options = [&](const std::string& name, const std::string& threads) {
    return s.arguments({"--epochs", "100", "--checkpoint", s.path(name + ".ckpt"), "--checkpoint-steps", "4",
                        "--history", s.path(name + ".jsonl"), "--validation-split", "0.2", "--clip-norm", "1",
                        "--resume", "--threads", threads});
  };
  REQUIRE(run_seqc(options("whole", "1")).exit_code == 0);
  const std::string tuned = runtime::read_file(s.tuned), history = runtime::read_file(s.path("whole.jsonl"));
  const auto bytes = [&]() -> uintmax_t {
    std::error_code none;
    const auto size = std::filesystem::file_size(s.path("killed.jsonl"), none);
    return none ? 0 : size;
  };
  std::filesystem::remove(s.tuned);
  int kills = 0;
  for (bool killed = true; killed && kills < 10; kills += killed) {
    // Some lines beyond those that are there, by one thread and by two in turn.
    const auto before = bytes();
    killed = kill_seqc(options("killed", kills % 2 ? "2" : "1"), [&] { return bytes() > before + 700; });
    CHECK(std::filesystem::exists(s.tuned) != killed);
  }
  CHECK(kills >= 3);  // on a machine that is busy the tool may be done before it is seen
  REQUIRE(run_seqc(options("killed", "2")).exit_code == 0);
  CHECK(runtime::read_file(s.tuned) == tuned);
  CHECK(runtime::read_file(s.path("killed.jsonl")) == history);
}

TEST_CASE("train: resumed with other settings only if they are meant") {
  const TrainSetting s;
  const auto with = [&](std::vector<std::string> more, const std::string& rate = "0.05") {
    for (const char* text : {"--checkpoint", "c"}) more.push_back(text == std::string("c") ? s.path("c") : text);
    return s.train(more, "", "", rate);
  };
  const auto says = [](const ToolResult& result, const std::string& text) {
    CAPTURE(result.err);
    CHECK(result.exit_code == 1);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 2);  // the note about the softmax, and one error
    return result.err.find(text) != std::string::npos;
  };
  REQUIRE(with({"--epochs", "2", "--schedule", "cosine", "--clip-norm", "1"}).exit_code == 0);
  const std::string two = runtime::read_file(s.tuned), checkpoint = runtime::read_file(s.path("c"));
  const auto again = [&] { runtime::write_file(s.path("c"), checkpoint); };
  // More epochs are another cosine: two of six batches, four of six.
  CHECK(says(with({"--resume", "--epochs", "4", "--schedule", "cosine", "--clip-norm", "1"}),
             "was made with the optimizer \"adam rate cosine_decay 0.05 to 0 in 12 beta1"));
  CHECK(says(with({"--resume", "--epochs", "4", "--schedule", "cosine", "--clip-norm", "1"}),
             "expected \"adam rate cosine_decay 0.05 to 0 in 24 beta1"));
  CHECK(says(
      with({"--resume", "--epochs", "4", "--schedule", "cosine:12"}),
      "was made with the clipping \"by_global_norm 1\", expected \"none\"; go on with the settings that it was made "
      "with, or say that new ones are meant (TrainOptions::new_settings, seqc train --new-settings)"));
  CHECK(says(with({"--resume", "--epochs", "4", "--schedule", "cosine:12", "--clip-norm", "1"}, "0.04"), "0.04"));
  CHECK(runtime::read_file(s.path("c")) == checkpoint);
  CHECK(runtime::read_file(s.tuned) == two);
  // The same one, at its end: nothing more is learnt.
  REQUIRE(with({"--resume", "--epochs", "4", "--schedule", "cosine:12", "--clip-norm", "1"}).exit_code == 0);
  const auto before = initializers(s.tuned);
  again();
  REQUIRE(with({"--resume", "--epochs", "4", "--schedule", "cosine", "--clip-norm", "1", "--new-settings"}).exit_code ==
          0);
  CHECK_FALSE(initializers(s.tuned).at("w1").identical(before.at("w1")));
  again();
  CHECK(says(with({"--resume", "--epochs", "4", "--optimizer", "momentum"}), "expected \"sgd rate 0.05 momentum 0.9"));
  REQUIRE(with({"--resume", "--epochs", "4", "--optimizer", "momentum", "--new-settings"}).exit_code == 0);
  CHECK(with({"--new-settings"}).exit_code == 2);  // of what?
}

TEST_SUITE_END();
