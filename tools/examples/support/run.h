/// What all example programs share: the standard options, and a folder with what a training run leaves behind.
///
///   int main(int argc, char** argv) {
///     examples::Run run({.name = "digits", .about = "...", .epochs = 5});
///     int64_t predict = 0;
///     run.options().add_option("--predict", predict, "...");
///     return run.main(argc, argv, [&] {
///       if (predict > 0) return show(run.open(), predict);      // the exported model, without training
///       training::Trainer trainer(...);
///       run.train(trainer, *train, {.epochs = run.epochs(), .validation = test.get()});
///       run.test(trainer, *test);
///       run.export_onnx(trainer, {"probabilities"}, *test);
///     });
///   }
///
/// The folder (--out, NAME.out by default) then holds model.onnx, checkpoint, history.jsonl, loss.svg (and one for each
/// metric), summary.json with the figures, and report.html. A run that was stopped goes on where it was when it is started
/// again; one that is complete trains no more. Started by mpirun, the first rank alone prints and writes.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "runtime/session.h"
#include "runtime/training/report/history.h"
#include "runtime/training/report/plot.h"
#include "runtime/training/report/report.h"
#include "runtime/training/trainer.h"

namespace seqc::examples {

class DataFile;

struct About {
  std::string name;                         ///< of the program, without `example_`
  std::string about;                        ///< a sentence or two: the task and the model
  int64_t epochs = 10;                      ///< unless --epochs says otherwise
  int64_t built_in_epochs = 0;              ///< the same without --data; 0: as with it
  std::string data = "a folder with data";  ///< what --data takes, for --help; empty: there is no --data
};

/// Errors are exceptions, which `main` prints as one line.
class Run {
 public:
  explicit Run(About about);
  ~Run();

  /// To add options of the program's own, before `main`.
  CLI::App& options() { return app_; }
  /// Parses the command line and calls `body`. The exit code: 0 done, 1 an error, 2 wrong usage.
  int main(int argc, char** argv, const std::function<void()>& body);

  // --- what the standard options say ----------------------------------------------------------------------------------
  const std::string& data() const { return data_; }  ///< the folder of --data; empty: the program's built-in set
  int64_t epochs() const;
  uint64_t seed() const { return seed_; }
  int threads() const { return threads_; }
  /// A file in the run's folder.
  std::string file(const std::string& name) const;
  /// Writes a file there that later starts need, such as a vocabulary.
  void write(const std::string& name, const std::string& bytes) const;
  /// An option of the program's own that decides what is learnt: a run goes on only with the value that it began with.
  void setting(const std::string& name, const std::string& value) { settings_[name] = value; }

  // --- a training run; a program that makes several gives each a `part`, a folder of its own ---------------------------
  /// Trainer::train with table of the model, progress line, checkpoint, history and plots.
  void train(training::Trainer& trainer, const training::BatchSource& batches, training::TrainOptions options,
             const std::string& part = "");
  /// Means over a test set, as the figures "test loss", "test accuracy", ...
  training::Metrics test(training::Trainer& trainer, const training::BatchSource& batches,
                         const std::string& part = "");
  /// Writes model.onnx: these outputs of the trained model and what they need. With --record FILE, also the inputs of
  /// these batches and what the model says to them, as arrays INDEX.NAME of an .npz file; inputs that the batches lack,
  /// such as states, are made up. A `part` may be a piece of the model, such as its decoder.
  void export_onnx(const training::Trainer& trainer, const std::vector<std::string>& outputs,
                   const training::BatchSource& batches, const std::string& part = "");
  /// The model.onnx that an earlier start (or this one) wrote, ready to run.
  runtime::Session open(const std::string& part = "") const;

  // --- what is worth telling, on the terminal and in the report -------------------------------------------------------
  /// A line on the terminal.
  void print(const std::string& line) const;
  /// A number that the run is judged by; names with "accuracy" or "share" are shown in percent.
  void figure(const std::string& name, double value, const std::string& part = "");
  /// Text that shows what the model does.
  void sample(const std::string& heading, const std::string& text);
  /// Anything else in the report.
  void section(std::function<void(training::Report&)> write) { own_sections_.push_back(std::move(write)); }
  /// A plot in the report, and as NAME.svg.
  void plot(const std::string& name, const training::Plot& plot, const std::string& text = "");

 private:
  void parse(int argc, char** argv);
  void check_settings();
  void add_seconds(const std::string& name, const std::vector<double>& seconds, const std::string& part);
  void add_curves(const training::Trainer& trainer, const training::History& history, const std::string& part);
  void write_summary() const;
  void write_report() const;
  bool first() const;

  About about_;
  CLI::App app_;
  std::string data_, out_, record_, save_data_;
  int64_t epochs_ = -1;
  int64_t batches_ = 0;  ///< of an epoch; 0: all
  uint64_t seed_ = 1;
  int threads_ = 0;
  bool fresh_ = false, save_epochs_ = false;

  std::map<std::string, std::string> settings_;
  bool trained_ = false;
  std::unique_ptr<DataFile> data_file_;
  struct Figure {
    std::string part, name;
    double value;
    bool about_training;  ///< seconds, sizes: not what the run is judged by
  };
  std::vector<Figure> figures_;
  using Sections = std::vector<std::function<void(training::Report&)>>;
  Sections own_sections_, training_sections_;  ///< of the report: first what the program adds, then how training went
};

}  // namespace seqc::examples
