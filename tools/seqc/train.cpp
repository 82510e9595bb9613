// seqc train: fine-tunes an ONNX model.
#include <fmt/ranges.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "frontend/onnx/import.h"
#include "frontend/onnx/weights.h"
#include "ir/error.h"
#include "runtime/compile.h"
#include "runtime/files.h"
#include "runtime/session.h"
#include "runtime/training/data/batches.h"
#include "runtime/training/report/follow.h"
#include "runtime/training/trainer.h"
#include "tools/seqc/command.h"
#include "tools/seqc/options.h"
#include "tools/seqc/text.h"
#include "tools/seqc/train_data.h"
#include "tools/seqc/train_model.h"
#include "tools/seqc/train_report.h"

namespace seqc::tools {
namespace {

namespace fs = std::filesystem;
using ir::Tensor;

constexpr const char* kHelp =
    R"(Trains the weights of an ONNX model (initializers of floats with one dim or more) on your data and writes the same model
with the new ones: nodes, names, inputs, outputs and dims stay as they are.

Data. FILE is .npy, .npz, .csv, .tsv or IDX, also gzipped. PART is an array of an .npz, or columns of a table (a,b,c).
Without INPUT=, arrays of an .npz are called as the inputs; columns x.0, x.1, ... of a table are input x, or all columns
but the target's are the only input. Arrays are laid out as the inputs are (x: f32[T,N,8] takes [T,examples,8]), or with
their first axis counting the examples (--examples-first, and all tables). The axis of an input that counts the examples is
the one whose dim is called like a batch; --axis x=1 says it otherwise. Inputs without data are refused, unless --zero.

Losses (of the mean over a batch):
  softmax-cross-entropy         target: a class number for each row of the output, 0 to classes-1 (in tables also names)
  softmax-cross-entropy-dense   target: a share for each class
  sigmoid-cross-entropy         target: 0 to 1, in the output's shape
  mse, huber                    target: numbers in the output's shape
  sequence-cross-entropy        target: a class number for each step of each example; --lengths leaves out padding
A softmax or sigmoid at the model's end is left out for the cross entropies, and stays in the file.

A resumed run must have the checkpoint's optimizer, schedule and clipping, unless --new-settings says otherwise. Cosine
without STEPS ends with the last of --epochs: with other --epochs, data or --batch it is another schedule, and
--schedule cosine:STEPS is the old one.

What is as in use stays so: Dropout does nothing, BatchNormalization keeps its mean and variance. Biases and other weights
of equal values are trained apart. Same data, options and seed: same bits, for any number of threads, resumed or not.

Examples:
  seqc train model.onnx --data x=x.npy --target y.npy --loss mse -o tuned.onnx
  seqc train lstm.onnx --data sms.npz --target sms.npz:label --zero h0 --zero c0 --loss softmax-cross-entropy
      --validation-split 0.2 --patience 3 --optimizer adamw --clip-norm 1 --checkpoint run.ckpt --resume -o tuned.onnx
  seqc train head.onnx --data iris.csv --target iris.csv:species --loss softmax-cross-entropy --train-only 'dense.*'
      --epochs 50 --lr 0.01 --schedule cosine --history run.jsonl --plot loss.svg --report run.html -o tuned.onnx)";

/// Hours of training must not end in a file that cannot be written.
void check_writable(const std::string& path) {
  if (path.empty()) return;
  std::error_code ignored;
  const fs::path folder = fs::path(path).has_parent_path() ? fs::path(path).parent_path() : fs::path(".");
  if (fs::is_directory(path, ignored)) fail(ErrorKind::BadInput, "{}: cannot be written: it is a folder", path);
  if (!fs::is_directory(folder, ignored) || ::access(folder.c_str(), W_OK) != 0)
    fail(ErrorKind::BadInput, "{}: cannot be written: check that its folder exists and may be written", path);
}

void check_files(const TrainArguments& a) {
  const std::vector<std::string> written = {a.tuned, a.checkpoint, a.history, a.plot, a.report};
  for (size_t i = 0; i < written.size(); ++i) {
    check_writable(written[i]);
    for (size_t j = 0; j < i; ++j)
      if (!written[i].empty() && written[i] == written[j])
        fail(ErrorKind::BadInput, "{}: is to be written twice, expected a file for each purpose", written[i]);
  }
}

struct Sources {
  training::Batches training = {}, validation = {};
  int64_t batch = 0;
};

Sources make_batches(const TrainArguments& a, const TrainModel& model, TrainData& data) {
  const int64_t size = a.batch > 0 ? a.batch : model.fixed_rows > 0 ? model.fixed_rows : 32;
  if (model.fixed_rows > 0 && size != model.fixed_rows)
    fail(ErrorKind::BadInput, "--batch {}: the model takes batches of {} examples and no others", size,
         model.fixed_rows);
  const bool fixed = model.fixed_rows > 1;
  if (fixed && data.training.size() % size != 0)
    data.notes.push_back(fmt::format("the model takes batches of {}: each epoch leaves {} of {} examples out", size,
                                     data.training.size() % size, data.training.size()));
  if (fixed && data.validation && data.validation->size() % size != 0)
    data.notes.push_back(fmt::format("the model takes batches of {}: validation leaves {} of {} examples out", size,
                                     data.validation->size() % size, data.validation->size()));
  Sources sources;
  sources.batch = size;
  sources.training =
      training::batches(data.training, {.size = size, .shuffle = !a.in_order, .seed = a.seed, .drop_partial = fixed});
  if (data.validation)
    sources.validation = training::batches(*data.validation, {.size = size, .shuffle = false, .drop_partial = fixed});
  return sources;
}

/// The output of a model on a batch; inputs that the batch lacks are zeros or have the value that --value gave.
Tensor predict(std::unique_ptr<ir::Function> model, const training::Batch& batch, const TrainArguments& a,
               const runtime::CompileOptions& given) {
  runtime::CompileOptions options;
  options.cache = a.compile.cache;
  runtime::Session session(runtime::Program::compile(std::move(model), options), a.threads);
  const auto& ports = session.program().inputs();
  ir::DimBindings dims;
  for (const runtime::Port& port : ports)
    if (const auto it = batch.find(port.name); it != batch.end())
      for (size_t i = 0; i < port.type.shape.size(); ++i)
        if (port.type.shape[i].is_symbol()) dims[port.type.shape[i].symbol_name()] = it->second.shape()[i];
  std::vector<Tensor> inputs;
  for (const runtime::Port& port : ports) {
    if (const auto it = batch.find(port.name); it != batch.end()) {
      inputs.push_back(it->second);
    } else if (const auto value = given.input_values.find(port.name); value != given.input_values.end()) {
      inputs.push_back(value->second);
    } else {
      std::vector<int64_t> shape;
      for (const ir::Dim& dim : port.type.shape) shape.push_back(dim.evaluate(dims));
      inputs.emplace_back(port.type.dtype, shape);
    }
  }
  return session.run(inputs).at(0);
}

/// Reads what is to be written as anyone else will, and holds its output against the trained model's.
void check_tuned(const std::string& bytes, const TrainArguments& a, const TrainModel& model,
                 const std::map<std::string, Tensor>& weights, const training::Batch& batch) {
  runtime::CompileOptions given = a.compile;
  fit_values(a.model, given);
  const auto read = frontend::import_model_bytes(std::as_bytes(std::span(bytes)), a.tuned,
                                                 {.dims = given.dims,
                                                  .input_shapes = given.input_shapes,
                                                  .input_values = given.input_values,
                                                  .sequence_lengths = given.sequence_lengths,
                                                  .optionals = given.optionals});
  const Tensor want = predict(predictor(*model.whole, model.output, weights), batch, a, given);
  const Tensor got = predict(predictor(*read, model.output, {}), batch, a, given);
  SEQC_CHECK(want.type_str() == got.type_str(), "{}: the written model gives {}, the trained one {}", a.tuned,
             got.type_str(), want.type_str());
  double largest = 1;
  for (int64_t i = 0; i < want.count(); ++i) largest = std::max(largest, std::fabs(want.real(i)));
  for (int64_t i = 0; i < want.count(); ++i)
    SEQC_CHECK(std::fabs(want.real(i) - got.real(i)) <= 1e-4 * largest,
               "{}: element {} of the written model's output is {}, the trained one's {}", a.tuned, i, got.real(i),
               want.real(i));
}

int64_t count_of(const std::map<std::string, Tensor>& weights) {
  int64_t count = 0;
  for (const auto& [name, tensor] : weights) count += tensor.count();
  return count;
}

class Run {
 public:
  explicit Run(const TrainArguments& arguments) : a_(arguments), model_(prepare_train_model(a_)) {
    data_ = load_train_data(a_, model_);
    sources_ = make_batches(a_, model_, data_);
    for (const auto* notes : {&model_.notes, &data_.notes})
      for (const std::string& note : *notes) fmt::print(stderr, "note: {}\n", note);
  }

  int train() {
    training::Trainer trainer = make_trainer();
    if (a_.resume && fs::exists(a_.checkpoint)) trainer.load(a_.checkpoint, a_.new_settings);
    if (!a_.quiet && !a_.json && trainer.is_first()) fmt::print("{}\n", what_text(trainer));
    training::TrainOptions options{.epochs = a_.epochs,
                                   .validation = sources_.validation.get(),
                                   .checkpoint = a_.checkpoint,
                                   .checkpoint_steps = a_.checkpoint_steps,
                                   .patience = a_.patience};
    const auto follow = make_follow(trainer, options);
    follow->history();  // before hours of training: a file that cannot be written
    const auto& epochs = trainer.train(*sources_.training, options);
    if (!trainer.is_first()) return 0;
    const auto weights = trainer.parameters();
    write(weights);
    save_reports(a_, *model_.training, follow->history(), epochs, facts(trainer));
    if (a_.json)
      fmt::print("{}\n", summary(trainer).dump(2));
    else
      fmt::print("{}{}: {} of {} epochs, {} weights trained\n", epoch_table(epochs).text(), a_.tuned, epochs.size(),
                 a_.epochs, count_text(count_of(weights)));
    return 0;
  }

 private:
  training::Trainer make_trainer() const {
    training::TrainerOptions options;
    options.optimizer = optimizer_of(a_, a_.epochs * sources_.training->size(0));
    options.clip = clip_of(a_);
    options.expected_dims = data_.dims;
    if (!model_.rows.empty()) options.expected_dims[model_.rows] = sources_.batch;
    options.threads = a_.threads;
    options.rows = model_.rows;
    options.compile.cache = a_.compile.cache;
    return training::Trainer(*model_.training, std::move(options));
  }

  std::unique_ptr<training::Follow> make_follow(const training::Trainer& trainer,
                                                training::TrainOptions& options) const {
    if (a_.quiet) return std::make_unique<training::Follow>(trainer, options, a_.history, training::Follow::Quiet());
    return std::make_unique<training::Follow>(trainer, options, a_.history);
  }

  void write(const std::map<std::string, Tensor>& weights) const {
    const std::string bytes = frontend::with_weights(a_.model, weights);
    check_tuned(bytes, a_, model_, weights, sources_.training->batch(0, 0));
    runtime::write_file(a_.tuned, bytes);
  }

  std::string what_text(const training::Trainer& trainer) const {
    std::string text =
        fmt::format("trains {} weights ({}) on {} examples, {} a step", count_text(count_of(trainer.parameters())),
                    fmt::join(model_.trained, ", "), count_text(data_.training.size()), sources_.batch);
    if (data_.validation) text += fmt::format(", validates on {}", count_text(data_.validation->size()));
    if (trainer.steps() > 0) text += fmt::format("; goes on after step {}", trainer.steps());
    return text;
  }

  std::vector<std::pair<std::string, std::string>> facts(const training::Trainer& trainer) const {
    const auto& epochs = trainer.history();
    std::vector<std::pair<std::string, std::string>> result;
    if (const int64_t best = training::best_epoch(epochs, trainer.loss()); best >= 0) {
      const auto& report = epochs[static_cast<size_t>(best)];
      const bool validated = !report.validation.empty();
      for (const auto& [name, value] : validated ? report.validation : report.training)
        result.emplace_back((validated ? "validation " : "") + name, training::metric_text(value));
    }
    result.emplace_back("epochs", std::to_string(epochs.size()));
    result.emplace_back("weights", count_text(count_of(trainer.parameters())));
    return result;
  }

  nlohmann::ordered_json summary(const training::Trainer& trainer) const {
    const auto& epochs = trainer.history();
    nlohmann::ordered_json json = {{"model", a_.model},
                                   {"tuned", a_.tuned},
                                   {"output", model_.output},
                                   {"loss", a_.loss_name},
                                   {"optimizer", a_.optimizer},
                                   {"examples", data_.training.size()},
                                   {"validation_examples", data_.validation ? data_.validation->size() : 0},
                                   {"batch", sources_.batch},
                                   {"steps", trainer.steps()},
                                   {"trained", model_.trained},
                                   {"trained_weights", count_of(trainer.parameters())},
                                   {"best_epoch", training::best_epoch(epochs, trainer.loss()) + 1},
                                   {"epochs", epochs_json(epochs)}};
    if (!data_.classes.empty()) json["classes"] = data_.classes;
    return json;
  }

  const TrainArguments& a_;
  TrainModel model_;
  TrainData data_;
  Sources sources_;
};

}  // namespace

Command add_train(CLI::App& seqc) {
  CLI::App* app = seqc.add_subcommand("train", "fine-tunes an ONNX model on your data");
  auto arguments = std::make_shared<TrainArguments>();
  app->footer(kHelp);
  add_train_arguments(*app, *arguments);
  return {app, [arguments] {
            check_files(*arguments);
            return Run(*arguments).train();
          }};
}

}  // namespace seqc::tools
