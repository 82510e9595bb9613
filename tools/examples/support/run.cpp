#include "tools/examples/support/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <new>
#include <thread>

#include "frontend/onnx/export.h"
#include "ir/error.h"
#include "runtime/files.h"
#include "runtime/npy.h"
#include "runtime/training/archive.h"
#include "runtime/training/ranks.h"
#include "runtime/training/report/follow.h"
#include "runtime/training/report/text.h"

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

std::string figure_text(const std::string& name, double value) {
  const auto about = [&](const char* what) { return name.find(what) != std::string::npos; };
  if (about("accuracy") || about("share")) return fmt::format("{:.2f} %", 100 * value);
  if (about("seconds")) return fmt::format("{:.3g} s", value);
  if (value == static_cast<double>(static_cast<int64_t>(value))) return training::grouped(static_cast<int64_t>(value));
  return training::metric_text(value);
}

std::string joined(const std::string& part, const std::string& name) { return part.empty() ? name : part + " " + name; }

/// The inputs of a program from a batch; what it lacks (states that are carried) is zeros.
std::vector<Tensor> inputs_of(const runtime::Program& program, const training::Batch& batch) {
  ir::DimBindings dims;
  for (const runtime::Port& port : program.inputs())
    if (const auto it = batch.find(port.name); it != batch.end())
      for (size_t i = 0; i < port.type.shape.size(); ++i)
        if (port.type.shape[i].is_symbol()) dims[port.type.shape[i].symbol_name()] = it->second.shape()[i];
  std::vector<Tensor> inputs;
  for (const runtime::Port& port : program.inputs()) {
    if (const auto it = batch.find(port.name); it != batch.end()) {
      inputs.push_back(it->second);
      continue;
    }
    std::vector<int64_t> shape;
    for (const ir::Dim& dim : port.type.shape) shape.push_back(dim.evaluate(dims));
    inputs.emplace_back(port.type.dtype, shape);
  }
  return inputs;
}

}  // namespace

Run::Run(About about) : about_(std::move(about)), app_(about_.about, "example_" + about_.name) {
  const int64_t without_data = about_.built_in_epochs > 0 ? about_.built_in_epochs : about_.epochs;
  app_.add_option("--data", data_, about_.data + "; without it a small set that the program brings")
      ->check(CLI::ExistingDirectory);
  app_.add_option("--epochs", epochs_,
                  fmt::format("how often the data are gone through in all: {}, or {} on the built-in set",
                              about_.epochs, without_data))
      ->check(CLI::NonNegativeNumber);
  app_.add_option("--seed", seed_, "decides how weights start and in which order examples come")->capture_default_str();
  app_.add_option("--threads", threads_, "all processors by default; results do not depend on it")
      ->check(CLI::PositiveNumber);
  app_.add_option("--out", out_, "the folder for what is made")->default_str(about_.name + ".out");
  app_.add_flag("--fresh", fresh_, "begins anew; otherwise a run goes on where it was stopped");
  app_.add_option("--record", record_,
                  "an .npz file for the inputs of all test examples and what the model says to them");
}

void Run::parse(int argc, char** argv) {
  app_.parse(argc, argv);
  if (threads_ == 0) threads_ = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (out_.empty()) out_ = about_.name + ".out";
}

int Run::main(int argc, char** argv, const std::function<void()>& body) {
  try {
    parse(argc, argv);
    body();
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
  if (!fresh_ && fs::exists(path)) {
    const auto before = nlohmann::json::parse(runtime::read_file(path), nullptr, /*allow_exceptions=*/false);
    for (const auto& [name, value] : now.items())
      if (!before.is_object() || before.value(name, "") != value)
        fail(ErrorKind::BadInput, "{}: holds a run with {} {}, this one has {}; choose another --out, or --fresh", out_,
             name, before.is_object() ? before.value(name, "none") : "unknown", value.get<std::string>());
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

  training::Follow follow(trainer, options, (folder / "history.jsonl").string());
  const auto& epochs = trainer.train(batches, options);
  if (follow.epoch_seconds().empty())
    print(fmt::format("trained already: {} epochs; --epochs trains longer, --fresh anew", epochs.size()));

  figure("epochs", static_cast<double>(epochs.size()), part);
  figure("parameters", static_cast<double>(count_of(trainer.parameters())), part);
  add_seconds(follow.epoch_seconds(), part);
  if (!epochs.empty() && first())
    for (const auto& [metric, value] : epochs[0].training) {
      training::Plot curve = training::history_plot(follow.history(), metric);
      curve.title = joined(part, metric);
      plot((fs::path(part) / metric).string(), curve);
    }
  sections_.push_back(
      [heading = joined(part, "model"), table](training::Report& report) { report.heading(heading).table(table); });
}

void Run::add_seconds(const std::vector<double>& seconds, const std::string& part) {
  if (!seconds.empty()) return figure("seconds per epoch", median(seconds), part);
  // Nothing was left to train: as it was when it was trained.
  if (!fs::exists(file("summary.json"))) return;
  const auto before = nlohmann::json::parse(runtime::read_file(file("summary.json")), nullptr, false);
  const std::string name = joined(part, "seconds per epoch");
  if (before.contains("figures") && before["figures"].contains(name))
    figure("seconds per epoch", before["figures"][name], part);
}

training::Metrics Run::test(training::Trainer& trainer, const training::BatchSource& batches, const std::string& part) {
  const training::Metrics metrics = trainer.evaluate(batches);
  std::string line = joined(part, "test:");
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
    frontend::export_model(*trainer.model(outputs), (fs::path(file(part)) / "model.onnx").string());
    if (!record_.empty()) record(trainer, outputs, batches, part);
  }
  training::Ranks::world().first_says(true);  // the others wait: they may read it
}

void Run::record(const training::Trainer& trainer, const std::vector<std::string>& outputs,
                 const training::BatchSource& batches, const std::string& part) {
  runtime::Session session(runtime::Program::compile(trainer.model(outputs)), threads_);
  const runtime::Program& program = session.program();
  fs::path path = record_;  // of a part: FILE-PART.npz
  if (!part.empty()) path.replace_filename(path.stem().string() + "-" + part + path.extension().string());
  training::ArchiveWriter archive(path.string());
  const auto add = [&](int64_t batch, const std::string& name, const Tensor& value) {
    archive.add(fmt::format("{}.{}.npy", batch, name), runtime::npy_bytes(value));
  };
  for (int64_t i = 0; i < batches.size(0); ++i) {
    const std::vector<Tensor> inputs = inputs_of(program, batches.batch(0, i));
    const std::vector<Tensor> said = session.run(inputs);
    for (size_t k = 0; k < inputs.size(); ++k) add(i, program.inputs()[k].name, inputs[k]);
    for (size_t k = 0; k < said.size(); ++k) add(i, program.outputs()[k].name, said[k]);
  }
  archive.finish();
}

runtime::Session Run::open(const std::string& part) const {
  const std::string path = (fs::path(file(part)) / "model.onnx").string();
  if (!fs::exists(path))
    fail(ErrorKind::BadInput, "{}: no trained model there; run example_{} first to train one", path, about_.name);
  return runtime::Session(runtime::Program::open(path), threads_);
}

void Run::print(const std::string& line) const {
  if (first()) fmt::print("{}{}", line, line.ends_with('\n') ? "" : "\n");
  std::fflush(stdout);
}

void Run::figure(const std::string& name, double value, const std::string& part) {
  figures_.push_back({part, name, value});
}

void Run::sample(const std::string& heading, const std::string& text) {
  print(fmt::format("{}\n{}", heading, text));
  sections_.push_back([=](training::Report& report) { report.heading(heading).sample(text); });
}

void Run::plot(const std::string& name, const training::Plot& plot, const std::string& text) {
  if (first()) training::save_svg(file(name + ".svg"), plot);
  sections_.push_back([=](training::Report& report) {
    report.plot(plot);
    if (!text.empty()) report.text(text);
  });
}

void Run::write_summary() const {
  nlohmann::ordered_json summary = {{"program", about_.name},
                                    {"data", data_.empty() ? "built-in" : data_},
                                    {"seed", seed_},
                                    {"threads", threads_},
                                    {"ranks", training::Ranks::world().count()},
                                    {"figures", nlohmann::ordered_json::object()}};
  for (const Figure& f : figures_) summary["figures"][joined(f.part, f.name)] = f.value;
  runtime::write_file(file("summary.json"), summary.dump(2) + "\n");
}

void Run::write_report() const {
  training::Report report(about_.name, about_.about);
  std::vector<std::pair<std::string, std::string>> facts;
  training::Table parts;  // a row a part, a column a figure
  for (const Figure& f : figures_) {
    const std::string text = figure_text(f.name, f.value);
    if (f.part.empty()) {
      facts.emplace_back(f.name, text);
      continue;
    }
    if (parts.columns.empty()) parts.columns = {""};
    auto column = std::find(parts.columns.begin(), parts.columns.end(), f.name);
    if (column == parts.columns.end()) column = parts.columns.insert(column, f.name);
    const auto index = static_cast<size_t>(column - parts.columns.begin());
    auto row = std::find_if(parts.rows.begin(), parts.rows.end(), [&](const auto& r) { return r[0] == f.part; });
    if (row == parts.rows.end()) row = parts.rows.insert(row, {f.part});
    row->resize(std::max(row->size(), index + 1));
    (*row)[index] = text;
  }
  if (!facts.empty()) report.facts(facts);
  if (!parts.rows.empty()) report.table(parts);
  report.text(fmt::format("Data: {}. Seed {}.", data_.empty() ? "the program's built-in set" : data_, seed_));
  for (const auto& section : sections_) section(report);
  report.save(file("report.html"));
}

}  // namespace seqc::examples
