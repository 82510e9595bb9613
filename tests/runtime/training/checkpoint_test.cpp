// Checkpoints: what they refuse, what stays when they cannot be written, and that a training that is killed again and again
// comes to the same end.
#include "runtime/training/checkpoint.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bit>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <random>
#include <set>

#include "frontend/dsl/dsl.h"
#include "ir/error.h"
#include "runtime/files.h"
#include "runtime/training/archive.h"
#include "tests/runtime/training/tasks.h"
#include "tests/support/onnx_model.h"

namespace {

using namespace seqc;
using test::AddingProblem;
using training::Trainer;

training::TrainerOptions options(int threads = 1) {
  return {.optimizer = training::adam(1e-2), .clip = training::by_global_norm(1), .threads = threads};
}

/// What a child says of a batch that it has trained on.
struct Trained {
  int64_t step;
  double loss;
};
static_assert(sizeof(Trained) <= PIPE_BUF);  // written whole or not at all

/// A child ends here, without the exit handlers of the test program.
[[noreturn]] void train_in_child(const std::string& path, int threads, int pipe) {
  try {
    // The same code for each attempt, compiled once.
    ::setenv("SEQC_CACHE", "on", 1);
    ::setenv("SEQC_CACHE_DIR", (path + ".code").c_str(), 1);
    Trainer trainer(*test::adding_model(7, 0.1), options(threads));
    trainer.train(AddingProblem(10, 5, 40, 3), {.epochs = 3,
                                                .checkpoint = path,
                                                .checkpoint_steps = 3,
                                                .resume = true,
                                                .on_batch = [&](const training::BatchReport& report) {
                                                  ::usleep(500);
                                                  const Trained said{report.step, report.metrics.at("loss")};
                                                  return ::write(pipe, &said, sizeof said) == sizeof said;
                                                }});
    ::_exit(0);
  } catch (const std::exception& error) {
    ::dprintf(2, "child: %s\n", error.what());
    ::_exit(1);
  }
}

/// Trains in a child process that is killed after some batches; true when it came to its end before. All that it trained on
/// goes behind `trained`.
bool train_and_kill(const std::string& path, int threads, int batches, int microseconds,
                    std::vector<Trained>& trained) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(ends[0]);
    train_in_child(path, threads, ends[1]);
  }
  ::close(ends[1]);
  Trained said{};
  int seen = 0;
  const auto read = [&] {
    if (::read(ends[0], &said, sizeof said) != sizeof said) return false;
    trained.push_back(said);
    return true;
  };
  while (seen < batches && read()) ++seen;
  if (seen == batches) {
    ::usleep(static_cast<useconds_t>(microseconds));
    ::kill(child, SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  while (read()) {  // what it said before it was killed
  }
  ::close(ends[0]);
  const bool finished = WIFEXITED(status);
  if (finished) REQUIRE(WEXITSTATUS(status) == 0);
  return finished;
}

void check_equal(const Trainer& a, const Trainer& b) {
  CHECK(a.steps() == b.steps());
  CHECK(a.history() == b.history());
  const auto x = a.parameters(), y = b.parameters();
  REQUIRE(x.size() == y.size());
  for (const auto& [name, tensor] : x) CHECK_MESSAGE(tensor.identical(y.at(name)), name);
}

/// A small checkpoint within an epoch.
void write_small(const std::string& path) {
  Trainer trainer(*test::linear_model(), {.optimizer = training::adam(0.1)});
  trainer.step({{"x", ir::Tensor(ir::DType::f64, {2, 2})}, {"target", ir::Tensor(ir::DType::f64, {2, 1})}});
  trainer.save(path);
}

TEST_SUITE_BEGIN("runtime");

TEST_CASE("checkpoints: a training that is killed ten times comes to the same end, bit by bit") {
  const test::TempDir folder;
  std::mt19937 random(1);
  Trainer undisturbed(*test::adding_model(7, 0.1), options());
  std::vector<double> losses;
  undisturbed.train(AddingProblem(10, 5, 40, 3), {.epochs = 3, .on_batch = [&](const training::BatchReport& report) {
                                                    losses.push_back(report.metrics.at("loss"));
                                                    return true;
                                                  }});
  REQUIRE(losses.size() == 120);
  for (const int threads : {1, 2}) {
    CAPTURE(threads);
    const std::string path = (folder / ("run" + std::to_string(threads))).string();
    std::vector<Trained> trained;
    for (int kills = 0; kills < 10; ++kills)
      REQUIRE(!train_and_kill(path, threads, 4 + static_cast<int>(random() % 8), static_cast<int>(random() % 3000),
                              trained));
    CHECK(std::filesystem::exists(path));
    REQUIRE(train_and_kill(path, threads, 1 << 30, 0, trained));
    // Every batch was trained on, some of them again and again, and always with the loss of the run that was not killed.
    CHECK(trained.size() > losses.size());
    std::set<int64_t> steps;
    for (const Trained& said : trained) {
      CAPTURE(said.step);
      REQUIRE(said.step >= 1);
      REQUIRE(said.step <= 120);
      steps.insert(said.step);
      CHECK(std::bit_cast<uint64_t>(said.loss) == std::bit_cast<uint64_t>(losses[static_cast<size_t>(said.step) - 1]));
    }
    CHECK(steps.size() == losses.size());
    Trainer resumed(*test::adding_model(7, 0.1), options());
    resumed.load(path);
    CHECK(resumed.history().size() == 3);
    check_equal(resumed, undisturbed);
  }
}

TEST_CASE("checkpoints: stopped within an epoch by a callback, and resumed") {
  const test::TempDir folder;
  const std::string path = (folder / "checkpoint").string();
  const AddingProblem data(6, 3, 10, 4), validation(6, 4, 2, 5);
  Trainer whole(*test::adding_model(3), options()), first(*test::adding_model(3), options()),
      second(*test::adding_model(3), options());
  whole.train(data, {.epochs = 2, .validation = &validation, .patience = 5});
  first.train(data, {.epochs = 2, .validation = &validation, .patience = 5, .on_batch = [](const auto& report) {
                       return report.step != 14;
                     }});
  CHECK(first.steps() == 14);
  first.save(path);
  second.load(path);
  second.train(data, {.epochs = 2, .validation = &validation, .patience = 5});
  check_equal(second, whole);
  first.train(data, {.epochs = 2, .validation = &validation, .patience = 5});  // without a checkpoint in between
  check_equal(first, whole);
}

TEST_CASE("checkpoints: every truncation and every changed byte is refused") {
  const test::TempDir folder;
  const std::string path = (folder / "checkpoint").string(), damaged = (folder / "damaged").string();
  write_small(path);
  const std::string bytes = runtime::read_file(path);
  Trainer trainer(*test::linear_model(), {.optimizer = training::adam(0.1)});
  trainer.load(path);
  CHECK(trainer.steps() == 1);
  const auto refused = [&](const std::string& content) {
    runtime::write_file(damaged, content);
    try {
      trainer.load(damaged);
      return false;
    } catch (const Error& error) {
      return error.kind() == ErrorKind::BadInput && std::string(error.what()).starts_with(damaged);
    }
  };
  for (size_t size = 0; size < bytes.size(); size += 7) CHECK_MESSAGE(refused(bytes.substr(0, size)), size);
  CHECK(refused(bytes.substr(0, bytes.size() - 1)));
  CHECK(refused(bytes + "x"));
  std::string changed = bytes;
  for (size_t i = 0; i < bytes.size(); ++i) {
    changed[i] = static_cast<char>(changed[i] ^ (1 << i % 8));
    CHECK_MESSAGE(refused(changed), i);
    changed[i] = bytes[i];
  }
  CHECK(trainer.steps() == 1);  // none of them left a trace
  CHECK_THROWS_WITH_AS(trainer.load((folder / "none").string()), doctest::Contains("no such file"), Error);
}

TEST_CASE("checkpoints: one of another model is refused, and what differs is named") {
  const test::TempDir folder;
  const std::string path = (folder / "checkpoint").string();
  write_small(path);
  Trainer other(*test::adding_model(3), options());
  CHECK_THROWS_WITH_AS(other.load(path),
                       doctest::Contains("is a checkpoint of another model: number 0 of its parameters "
                                         "is \"w\" f64[1,2], expected \"lstm.input.w\" f32[3,2]"),
                       Error);
  Trainer frozen(*test::linear_model(), {.optimizer = training::adam(0.1), .train = {"w"}});
  CHECK_THROWS_WITH_AS(frozen.load(path),
                       doctest::Contains("number 1 of its parameters is \"b\" f64[1], expected none"), Error);
  // An archive that is no checkpoint.
  training::ArchiveWriter writer(path);
  writer.add("readme", "hello");
  writer.finish();
  CHECK_THROWS_WITH_AS(frozen.load(path), doctest::Contains("it has no \"state.json\""), Error);
}

TEST_CASE("checkpoints: within an epoch, other metrics and carried states are refused by name") {
  const test::TempDir folder;
  const std::string middle = (folder / "middle").string(), end = (folder / "end").string();
  const auto trainer = [](const std::vector<std::string>& metrics, bool carries) {
    dsl::Model model("model");
    const dsl::Var x = model.input("x", ir::DType::f64, {ir::Dim::symbol("N")});
    const dsl::Var before = model.input("s0", ir::DType::f64, {ir::Dim::symbol("N")});
    const dsl::Var after = x * reshape(model.parameter("w", {1}, dsl::Init::ones(), ir::DType::f64), {}) + before;
    const dsl::Var loss = sum(after * after, 0);
    model.output("loss", loss);
    for (const std::string& name : metrics) model.output(name, loss * 2.0);
    model.output("s", after);
    training::TrainerOptions options{.optimizer = training::sgd(0.01)};
    if (carries) options.carry = {{"s", "s0"}};
    return Trainer(*model.finish(true)->functions[0], options);
  };
  const auto train = [](Trainer& of, bool whole) {
    ir::Tensor x(ir::DType::f64, {2});
    x.set_real(0, 1);
    const test::Batches data({{{"x", x}}, {{"x", x}}});
    of.train(data, {.epochs = 1, .on_batch = [&](const auto&) { return whole; }});
  };
  {
    Trainer first = trainer({"a", "b"}, true);
    train(first, false);
    first.save(middle);
    train(first, true);
    first.save(end);
  }
  const auto refusal = [&](const std::vector<std::string>& metrics, bool carries) -> std::string {
    Trainer other = trainer(metrics, carries);
    CHECK_NOTHROW(other.load(end));  // nothing of an epoch is left there
    Trainer again = trainer(metrics, carries);
    try {
      again.load(middle);
    } catch (const Error& error) {
      CHECK(again.steps() == 0);
      return error.what();
    }
    return "";
  };
  CHECK(refusal({"a", "b"}, true) == "");
  const std::string start = middle + ": was made within an epoch, whose ";
  CHECK(refusal({"a"}, true) ==
        start +
            "metrics are [\"loss\",\"a\",\"b\"], expected [\"loss\",\"a\"]; go on with the same ones, or from a "
            "checkpoint that was made at the end of an epoch");
  CHECK(refusal({"b", "a"}, true).starts_with(start + "metrics are "));
  CHECK(refusal({"a", "c"}, true).starts_with(start + "metrics are "));
  CHECK(refusal({"a", "b"}, false).starts_with(start + "carried states are [\"s0\"], expected none"));
}

TEST_CASE("checkpoints: other settings are refused, unless they are meant") {
  const test::TempDir folder;
  const std::string path = (folder / "checkpoint").string();
  const training::Batch batch = {{"x", ir::Tensor(ir::DType::f64, {2, 2})},
                                 {"target", ir::Tensor(ir::DType::f64, {2, 1})}};
  const auto trainer = [](training::Optimizer optimizer, training::Clip clip = {}) {
    return Trainer(*test::linear_model(), {.optimizer = std::move(optimizer), .clip = clip});
  };
  /// What a checkpoint of `first` says to `second`; "" if it goes on.
  const auto says = [&](Trainer first, Trainer second, bool new_settings = false) -> std::string {
    first.step(batch), first.step(batch);
    first.save(path);
    try {
      second.load(path, new_settings);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::BadInput);
      CHECK(second.steps() == 0);
      return std::string(error.what()).substr(path.size());
    }
    CHECK(second.steps() == 2);
    CHECK(second.parameters().at("w").identical(first.parameters().at("w")));
    second.step(batch);
    return "";
  };
  const auto cosine = [](int64_t steps) { return training::adam(training::cosine_decay(0.1, steps)); };
  const auto text = [](const std::string& adam, const std::string& clip = "") {
    return "\"adam rate " + adam + " beta1 0.9 beta2 0.999 epsilon 1e-08 weight_decay 0 amsgrad false\"" + clip;
  };
  const std::string remedy =
      "; go on with the settings that it was made with, or say that new ones are meant (TrainOptions::new_settings, "
      "seqc "
      "train --new-settings)";
  CHECK(says(trainer(cosine(10)), trainer(cosine(10))) == "");
  // A schedule that is longer because there are more epochs is another one.
  CHECK(says(trainer(cosine(10)), trainer(cosine(20))) == ": was made with the optimizer " +
                                                              text("cosine_decay 0.1 to 0 in 10") + ", expected " +
                                                              text("cosine_decay 0.1 to 0 in 20") + remedy);
  CHECK(says(trainer(training::adam(0.1)), trainer(training::adam(0.1), training::by_value(2))) ==
        ": was made with the clipping \"none\", expected \"by_value 2\"" + remedy);
  CHECK(says(trainer(training::adam(0.1), training::by_norm(1)), trainer(training::adam(0.2), training::by_value(2))) ==
        ": was made with the optimizer " + text("0.1") + " and the clipping \"by_norm 1\", expected " + text("0.2") +
            " and \"by_value 2\"" + remedy);
  CHECK(says(trainer(training::adam(0.1)), trainer(training::sgd(0.1))).find("expected \"sgd rate 0.1") < 300);
  // New ones that are meant: states go on where they are the same, or begin anew where that can be.
  CHECK(says(trainer(cosine(10)), trainer(training::adamw(0.5), training::by_norm(1)), true) == "");
  CHECK(says(trainer(training::adam(0.1)), trainer(training::sgd(0.1, {.momentum = 0.5})), true) == "");
  CHECK(says(trainer(training::sgd(0.1)), trainer(training::rmsprop(0.1)), true) == "");
  CHECK(says(trainer(training::sgd(0.1)), trainer(training::adam(0.1)), true)
            .find("nor can it begin anew at step 2; begin a new training with these parameters") < 400);
  // The same words of somebody's own optimiser for other states.
  training::Optimizer own = training::sgd(0.1, {.momentum = 0.5}), other = training::sgd(0.1);
  own.text = other.text = "mine";
  CHECK(says(trainer(own), trainer(other)) ==
        ": was made with another optimizer: number 0 of its states is \"w:momentum\" f64[1,2], expected none");
}

TEST_CASE("checkpoints: new settings take over at the step, with the old states") {
  const test::TempDir folder;
  const std::string path = (folder / "checkpoint").string();
  const AddingProblem data(6, 3, 10, 4);
  // The rate of both falls after the first epoch: one schedule says so, or two, one after the other.
  const auto rate = [](double second) { return training::piecewise({1e-2, second}, {10}); };
  const auto with = [](training::Rate rate) {
    return training::TrainerOptions{.optimizer = training::adam(std::move(rate))};
  };
  Trainer whole(*test::adding_model(3), with(rate(1e-3))), first(*test::adding_model(3), with(1e-2)),
      second(*test::adding_model(3), with(1e-3));
  whole.train(data, {.epochs = 2});
  first.train(data, {.epochs = 1, .checkpoint = path});
  CHECK_THROWS_AS(second.train(data, {.epochs = 2, .checkpoint = path, .resume = true}), Error);
  second.train(data, {.epochs = 2, .checkpoint = path, .resume = true, .new_settings = true});
  check_equal(second, whole);
  // From now on the checkpoint is one of the new settings.
  Trainer third(*test::adding_model(3), with(1e-3));
  third.load(path);
  check_equal(third, whole);
}

TEST_CASE("checkpoints: a file that cannot be written leaves the older one") {
  const test::TempDir folder;
  const std::string path = (folder / "checkpoint").string();
  write_small(path);
  const std::string before = runtime::read_file(path);
  // Files end at 1 KiB, as on a disk that is full.
  rlimit old_limit{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old_limit) == 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1024, old_limit.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  std::string message;
  try {
    write_small(path);
  } catch (const Error& error) {
    message = error.what();
  }
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  CHECK(message == path + ": cannot be written: File too large; what was there before is as it was");
  CHECK(runtime::read_file(path) == before);
  CHECK(!std::filesystem::exists(path + ".tmp"));
  CHECK_THROWS_WITH_AS(write_small((folder / "no/such/folder").string()),
                       doctest::Contains("cannot be written: No such file or directory"), Error);
}

TEST_CASE("checkpoints: are read by numpy, where Python has it") {
  if (std::system("/usr/bin/python3 -c 'import numpy' > /dev/null 2>&1") != 0) return;
  const test::TempDir folder;
  const std::string path = (folder / "checkpoint").string();
  write_small(path);
  const std::string script =
      "import numpy; f = numpy.load('" + path +
      "'); assert f['parameters/w'].shape == (1, 2) and f['optimizer/b:v'].dtype == numpy.float64; "
      "assert abs(f['parameters/w'] - 1).max() < 1e-9, f['parameters/w']";
  CHECK(std::system(("/usr/bin/python3 -c \"" + script + "\"").c_str()) == 0);
}

TEST_SUITE_END();

}  // namespace
