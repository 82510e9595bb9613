#include "tools/examples/support/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <new>
#include <thread>

#include "frontend/onnx/export.h"
#include "ir/error.h"
#include "runtime/files.h"
#include "runtime/training/ranks.h"
#include "runtime/training/report/follow.h"
#include "tools/examples/support/figures.h"
#include "tools/examples/support/first_batches.h"
#include "tools/examples/support/processor_time.h"
#include "tools/examples/support/recording.h"

namespace seqc::examples {

namespace fs = std::filesystem;
using ir::Tensor;

namespace {

int64_t count_of(const std::map<std::string, Tensor>& parameters) {
  int64_t count = 0;
  for (const auto& [name, tensor] : parameters) count += tensor.count();
  return count;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2;
}

}  // namespace

Run::Run(About about) : about_(std::move(about)), app_(about_.about, "example_" + about_.name) {
  const int64_t without_data = about_.built_in_epochs > 0 ? about_.built_in_epochs : about_.epochs;
  if (!about_.data.empty())
    app_.add_option("--data", data_, about_.data + "; without it a small set that the program brings")
        ->check(CLI::ExistingPath);
  app_.add_option("--epochs", epochs_,
                  fmt::format("how often the data are gone through in all: {}, or {} on the built-in set",
                              about_.epochs, without_data))
      ->check(CLI::NonNegativeNumber);
  app_.add_option("--batches", batches_, "so many batches of every epoch and set alone, to try something out")
      ->check(CLI::PositiveNumber);
  app_.add_option("--seed", seed_, "decides how weights start and in which order examples come")->capture_default_str();
  app_.add_option("--threads", threads_, "all processors by default; results do not depend on it")
      ->check(CLI::PositiveNumber);
  app_.add_option("--out", out_, "the folder for what is made")->default_str(about_.name + ".out");
  app_.add_flag("--fresh", fresh_, "begins anew; otherwise a run goes on where it was stopped");
  CLI::Option* save_data = app_.add_option(
      "--save-data", save_data_, "an .npz file for the batches of training and test data, for other programs");
  app_.add_flag("--save-epochs", save_epochs_,
                "with --save-data: the training batches of every epoch, for data that each epoch has anew")
      ->needs(save_data);
  app_.add_option("--record", record_,
                  "an .npz file for the inputs of all test examples and what the model says to them");
}

void Run::parse(int argc, char** argv) {
  app_.parse(argc, argv);
  if (threads_ == 0) threads_ = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (out_.empty()) out_ = about_.name + ".out";
  if (!save_data_.empty() && first()) data_file_ = std::make_unique<DataFile>(save_data_);
}

int Run::main(int argc, char** argv, const std::function<void()>& body) {
  try {
    parse(argc, argv);
    body();
    if (data_file_) data_file_->finish();
    if (trained_ && first()) {
      write_summary();
      write_report();
      fmt::print("{}: model.onnx, report.html, summary.json, plots\n", out_);
    }
    return 0;
  } catch (const CLI::Success& asked) {  // --help
    return app_.exit(asked);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "error: {}\nexample_{} --help shows the usage\n", error.what(), about_.name);
    return 2;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: not enough memory\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
  }
  return 1;
}

Run::~Run() = default;

bool Run::first() const { return training::Ranks::world().first(); }

int64_t Run::epochs() const {
  if (epochs_ >= 0) return epochs_;
  return data_.empty() && about_.built_in_epochs > 0 ? about_.built_in_epochs : about_.epochs;
}

std::string Run::file(const std::string& name) const { return (fs::path(out_) / name).string(); }

void Run::write(const std::string& name, const std::string& bytes) const {
  if (!first()) return;
  fs::create_directories(fs::path(file(name)).parent_path());
  runtime::write_file(file(name), bytes);
}

/// A checkpoint says which model it is of, but not which data: these are kept beside it.
void Run::check_settings() {
  const std::string path = file("settings.json");
  nlohmann::json now = settings_;
  now["data"] = data_.empty() ? "built-in" : fs::weakly_canonical(data_).string();
  now["seed"] = std::to_string(seed_);
  if (batches_ > 0) now["batches"] = std::to_string(batches_);
  if (!fresh_ && fs::exists(path)) {
    auto before = nlohmann::json::parse(runtime::read_file(path), nullptr, /*allow_exceptions=*/false);
    if (!before.is_object()) fail(ErrorKind::BadInput, "{}: got no settings of a run; --fresh begins anew", path);
    for (const auto* settings : {&now, &before})
      for (const auto& [name, value] : settings->items())
        if (const std::string was = before.value(name, "none"), is = now.value(name, "none"); was != is)
          fail(ErrorKind::BadInput, "{}: holds a run with {} {}, this one has {}; choose another --out, or --fresh",
               out_, name, was, is);
  }
  if (!first()) return;
  fs::create_directories(out_);
  runtime::write_file(path, now.dump(2) + "\n");
}

void Run::train(training::Trainer& trainer, const training::BatchSource& batches, training::TrainOptions options,
                const std::string& part) {
  if (!trained_) check_settings();
  trained_ = true;
  const fs::path folder = file(part);
  options.checkpoint = (folder / "checkpoint").string();
  options.resume = !fresh_;
  const auto model = trainer.trainable_model();
  const training::Table table = training::parameter_table(*model);
  print((part.empty() ? "" : part + ":\n") + table.text());
  if (first()) {
    fs::create_directories(folder);
    if (fresh_) fs::remove(options.checkpoint);
  }

  if (data_file_) data_file_->add("train", batches);
  for (int64_t epoch = 1; data_file_ && save_epochs_ && epoch < epochs(); ++epoch)
    data_file_->add(fmt::format("train {}", epoch + 1), batches, epoch);
  if (data_file_ && options.validation) data_file_->add("validation", *options.validation);

  const FirstBatches some(batches, batches_);
  const FirstBatches validation(options.validation ? *options.validation : batches, batches_);
  if (options.validation) options.validation = &validation;
  const ProcessorTime processor(options);
  training::Follow follow(trainer, options, (folder / "history.jsonl").string());
  const auto& epochs = trainer.train(some, options);
  if (follow.epoch_seconds().empty())
    print(fmt::format("trained already: {} epochs; --epochs trains longer, --fresh anew", epochs.size()));

  figures_.push_back({part, "epochs", static_cast<double>(epochs.size()), true});
  figures_.push_back({part, "parameters", static_cast<double>(count_of(trainer.parameters())), true});
  add_seconds("seconds per epoch", follow.epoch_seconds(), part);
  add_seconds("processor seconds per epoch", processor.epoch_seconds(), part);
  if (!epochs.empty() && first()) add_curves(trainer, follow.history(), part);
  training_sections_.push_back([part, table](training::Report& report) {
    if (part.empty()) report.heading("Model");
    report.table(table);
  });
}

void Run::add_seconds(const std::string& name, const std::vector<double>& seconds, const std::string& part) {
  if (!seconds.empty()) return figures_.push_back({part, name, median(seconds), true});
  // Nothing was left to train: as it was when it was trained.
  if (!fs::exists(file("summary.json"))) return;
  const auto before = nlohmann::json::parse(runtime::read_file(file("summary.json")), nullptr, false);
  if (before.contains("figures") && before["figures"].contains(joined_name(part, name)))
    figures_.push_back({part, name, before["figures"][joined_name(part, name)], true});
}

training::Metrics Run::test(training::Trainer& trainer, const training::BatchSource& batches, const std::string& part) {
  if (data_file_) data_file_->add("test", batches);
  const training::Metrics metrics = trainer.evaluate(FirstBatches(batches, batches_));
  std::string line = joined_name(part, "test:");
  for (const auto& [name, value] : metrics) {
    figure("test " + name, value, part);
    line += fmt::format("  {} {}", name, figure_text(name, value));
  }
  print(line);
  return metrics;
}

void Run::export_onnx(const training::Trainer& trainer, const std::vector<std::string>& outputs,
                      const training::BatchSource& batches, const std::string& part) {
  if (first()) {
    fs::create_directories(file(part));
    frontend::export_model(*trainer.model(outputs), (fs::path(file(part)) / "model.onnx").string());
    if (!record_.empty()) {
      fs::path path = record_;  // of a part: FILE-PART.npz
      if (!part.empty()) path.replace_filename(path.stem().string() + "-" + part + path.extension().string());
      record_model(path.string(), trainer.model(outputs), FirstBatches(batches, batches_), threads_);
    }
  }
  training::Ranks::world().first_says(true);  // the others wait: they may read it
}

runtime::Session Run::open(const std::string& part) const {
  const std::string path = (fs::path(file(part)) / "model.onnx").string();
  if (!fs::exists(path))
    fail(ErrorKind::BadInput, "{}: no trained model there; run example_{} first to train one", path, about_.name);
  return runtime::Session(runtime::Program::open(path), threads_);
}

}  // namespace seqc::examples
