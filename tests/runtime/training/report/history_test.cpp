#include "runtime/training/report/history.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cmath>
#include <fstream>
#include <limits>

#include "runtime/files.h"
#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"

using namespace seqc;
using namespace seqc::training;
using test::contains;
using test::refusal;

namespace {

Record train(int64_t step) { return {"train", (step - 1) / 4, step, {{"loss", 1.0 / static_cast<double>(step)}}}; }

/// Steps 1 to `last`, with a validation after every fourth.
void run(History& history, int64_t first, int64_t last) {
  for (int64_t step = first; step <= last; ++step) {
    history.add(train(step));
    if (step % 4 == 0) history.add({"validation", step / 4 - 1, step, {{"loss", 0.5}, {"accuracy", 0.25}}});
  }
}

}  // namespace

TEST_CASE("history: lines are JSON, and read back") {
  const test::Folder folder;
  const std::string path = folder.path("h.jsonl");
  {
    History history = History::start(path);
    history.add({"train", 0, 17, {{"loss", 0.1}, {"accuracy", 0.25}}});
    CHECK(runtime::read_file(path) == "{\"part\":\"train\",\"epoch\":0,\"step\":17,\"accuracy\":0.25,\"loss\":0.1}\n");
    history.add({"é", 1, 18, {{"a", std::nan("")}, {"b", HUGE_VAL}, {"c", -HUGE_VAL}, {"d", 1e-300}, {"e", 3}}});
    CHECK(History::load(path) == history.records());
    CHECK(contains(refusal([&] { history.add({"train", 0, 1, {{"step", 1}}}); }), "a metric called \"step\""));
  }
  CHECK(History::start(path).records().empty());
  CHECK(runtime::read_file(path).empty());
  CHECK(contains(refusal([] { History::start("/nowhere/h"); }), "/nowhere/h: cannot be written"));
}

TEST_CASE("history: a run that was interrupted anywhere has the file of one that was not") {
  const test::Folder folder;
  History whole = History::start(folder.path("whole"));
  run(whole, 1, 18);
  const std::string expected = runtime::read_file(folder.path("whole"));
  const std::string path = folder.path("h");
  for (const int64_t checkpoint : {0, 1, 3, 4, 8, 17, 18})
    for (size_t killed = 0; killed <= expected.size(); killed += 37) {
      // What a process left that was killed while it wrote; the checkpoint's own lines were written before it.
      size_t least = 0;
      for (int64_t step = 1; step <= checkpoint; ++step) least = expected.find(json_line(train(step)));
      least = checkpoint == 0 ? 0 : expected.find('\n', least) + 1;
      runtime::write_file(path, expected.substr(0, std::max(least, killed)));
      History history = History::resume(path, checkpoint);
      if (checkpoint > 0) run(history, checkpoint, checkpoint);  // says it again
      run(history, checkpoint + 1, 18);
      CHECK(runtime::read_file(path) == expected);
      CHECK(history.records() == whole.records());
    }
  CHECK(History::resume(folder.path("new"), 5).records().empty());
}

TEST_CASE("history: curves of parts") {
  History history;
  run(history, 1, 9);
  CHECK(history.parts() == std::vector<std::string>{"train", "validation"});
  CHECK(history.curve("validation", "loss").steps == std::vector<double>{4, 8});
  CHECK(history.curve("train", "loss").values.size() == 9);
  CHECK(history.curve("train", "accuracy").values.empty());
}

TEST_CASE("history: what is no history is refused with its line") {
  const test::Folder folder;
  const std::string good = json_line(train(1));
  for (const std::string bad :
       {"{}\n", "[]\n", "nonsense\n", "{\"part\":\"a\",\"epoch\":0,\"step\":1,\"loss\":[]}\n", "\n"})
    CHECK(contains(refusal([&] { History::load(folder.write("h", good + bad)); }),
                   "h:2: is no line of a training history"));
  CHECK(History::load(folder.write("h", good + "{\"part\"")).size() == 1);
  CHECK(test::damage(good + good, 1, [&](const std::string& bytes) { History::resume(folder.write("h", bytes), 1); }) >
        50);
}

TEST_CASE("history: a full disk leaves whole lines") {
  const test::Folder folder;
  const std::string path = folder.path("h");
  History history = History::start(path);
  history.add(train(1));
  const std::string before = runtime::read_file(path);
  rlimit old = {};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  rlimit small = old;
  small.rlim_cur = before.size() + 20;
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string message = refusal([&] { history.add(train(2)); });
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::signal(SIGXFSZ, handler);
  CHECK(contains(message, "h: cannot be written: File too large"));
  CHECK(runtime::read_file(path) == before);
  history.add(train(2));
  CHECK(History::load(path).size() == 2);
}
