#include "runtime/training/report/follow.h"

#include <doctest/doctest.h>

#include "runtime/files.h"
#include "runtime/training/data/batches.h"
#include "tests/runtime/training/data/files.h"
#include "tests/runtime/training/data/messages.h"
#include "tests/runtime/training/tasks.h"

using namespace seqc;
using namespace seqc::training;
using ir::DType;
using ir::Tensor;

namespace {

/// Rows for the linear model: target = x0 - 2*x1.
Batches line_data(int64_t rows) {
  Tensor x(DType::f64, {rows, 2}), target(DType::f64, {rows, 1});
  for (int64_t n = 0; n < rows; ++n) {
    x.set_real(2 * n, static_cast<double>(n % 7) / 7);
    x.set_real(2 * n + 1, static_cast<double>(n % 5) / 5);
    target.set_real(n, x.real(2 * n) - 2 * x.real(2 * n + 1));
  }
  Dataset data;
  data.add("x", x);
  data.add("target", target);
  return batches(std::move(data), {.size = 4, .seed = 1});
}

struct Ended {};

/// Trains three epochs of five batches; stops (as if it were killed) after step `stop`, at once or after its epoch.
std::string run(const std::string& folder, int64_t stop, bool after_epoch) {
  const Batches train = line_data(18), test = line_data(7);
  Trainer trainer(*test::linear_model(), {.optimizer = sgd(0.1)});
  TrainOptions options{
      .epochs = 3, .validation = test.get(), .checkpoint = folder + "/c", .checkpoint_steps = 2, .resume = true};
  options.on_batch = [&](const BatchReport& report) {
    if (report.step == stop && !after_epoch) throw Ended();
    return true;
  };
  std::string shown;
  Follow follow(trainer, options, folder + "/h.jsonl",
                {.write = [&](const std::string& text) { shown += text; },
                 .columns = [] { return 0; },
                 .now = [] { return std::chrono::nanoseconds(0); }});
  auto followed = options.on_epoch;
  options.on_epoch = [&](const EpochReport& report) {
    if (report.step == stop && after_epoch) throw Ended();  // its checkpoint is written, its line is not
    return followed(report);
  };
  try {
    trainer.train(*train, options);
    CHECK(follow.history().curve("train", "loss").steps.size() == 15);
    CHECK(follow.history().curve("validation", "loss").steps == std::vector<double>{5, 10, 15});
  } catch (const Ended&) {
  }
  return shown;
}

}  // namespace

TEST_CASE("follow: lines for batches and epochs, shown and kept") {
  const test::Folder folder;
  folder.path("a/x");
  const std::string shown = run(folder.path("a"), -1, false);
  CHECK(test::contains(shown, "epoch 1/3 100 % 5/5"));
  CHECK(test::contains(shown, "validation loss 0."));
  const auto records = History::load(folder.path("a/h.jsonl"));
  CHECK(records.size() == 18);
  CHECK(records[0].values.contains("gradient_norm"));
  CHECK(records[5].part == "validation");
}

TEST_CASE("follow: a run that was stopped and goes on has the same history") {
  const test::Folder folder;
  folder.path("whole/x");
  run(folder.path("whole"), -1, false);
  const std::string whole = runtime::read_file(folder.path("whole/h.jsonl"));
  int count = 0;
  for (const bool after_epoch : {false, true})
    for (const int64_t stop : {1, 2, 4, 5, 8, 10, 11, 15}) {
      if (after_epoch && stop % 5 != 0) continue;
      const std::string name = "part" + std::to_string(count++);
      folder.path(name + "/x");
      run(folder.path(name), stop, after_epoch);
      run(folder.path(name), -1, false);
      CAPTURE(stop);
      CAPTURE(after_epoch);
      CHECK(runtime::read_file(folder.path(name + "/h.jsonl")) == whole);
    }
}

TEST_CASE("follow: how long the batches of whole epochs took") {
  const Batches train = line_data(18), test = line_data(7);
  const auto seconds = [&](int64_t skipped) {
    std::chrono::nanoseconds now{0};
    Trainer trainer(*test::linear_model(), {.optimizer = sgd(0.1)});
    TrainOptions options{.epochs = 3, .validation = test.get()};
    options.on_batch = [&](const BatchReport&) { return now += std::chrono::seconds(2), true; };
    options.on_epoch = [&](const EpochReport&) { return now += std::chrono::seconds(100), true; };
    Follow follow(trainer, options, "",
                  {.write = [](const std::string&) {}, .columns = [] { return 0; }, .now = [&] { return now; }});
    if (skipped > 0) {  // as after a resumption
      const auto followed = options.on_batch;
      options.on_batch = [=](const BatchReport& report) { return report.step <= skipped || followed(report); };
    }
    trainer.train(*train, options);
    return follow.epoch_seconds();
  };
  CHECK(seconds(0) == std::vector<double>{10, 10, 10});
  CHECK(seconds(2) == std::vector<double>{10, 10});
}
