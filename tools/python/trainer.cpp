#include "tools/python/trainer.h"

#include <pybind11/stl.h>

#include <chrono>
#include <numeric>

#include "runtime/training/data/split.h"
#include "tools/python/arrays.h"
#include "tools/python/errors.h"

namespace seqc::python {
namespace {

tools::TrainArguments arguments_for(const Model& model, const std::string& loss, double huber_delta, bool lengths,
                                    bool examples_first, int threads) {
  tools::TrainArguments arguments = model.arguments();
  arguments.output = model.output();
  arguments.loss_name = loss;
  arguments.loss = tools::loss_of(loss);
  arguments.huber_delta = huber_delta;
  arguments.lengths = lengths ? "lengths" : "";
  arguments.examples_first = examples_first;
  arguments.threads = threads;
  if (lengths && arguments.loss != tools::Loss::Sequence)
    fail(ErrorKind::BadInput, "lengths: got --loss {}, expected sequence-cross-entropy", loss);
  return arguments;
}

tools::TrainModel prepare(const Model& model, const tools::TrainArguments& arguments) {
  const py::gil_scoped_release others_run;
  return tools::prepare_train_model(model.trainable(), arguments);
}

py::dict to_dict(const training::Metrics& metrics) {
  py::dict result;
  for (const auto& [name, value] : metrics) result[py::str(name)] = value;
  return result;
}

py::dict to_dict(const training::EpochReport& report) {
  py::dict result;
  result["epoch"] = report.epoch;
  result["step"] = report.step;
  result["training"] = to_dict(report.training);
  result["validation"] = to_dict(report.validation);
  return result;
}

py::dict to_dict(const training::BatchReport& report) {
  py::dict result;
  result["epoch"] = report.epoch;
  result["batch"] = report.batch;
  result["batches"] = report.batches;
  result["step"] = report.step;
  result["gradient_norm"] = report.gradient_norm;
  result["metrics"] = to_dict(report.metrics);
  return result;
}

/// Calls back into Python from training, which does not hold the GIL and goes on until it is told to stop.
class Callbacks {
 public:
  Callbacks(const py::object& on_batch, const py::object& on_epoch) : on_batch_(on_batch), on_epoch_(on_epoch) {}

  void add_to(training::TrainOptions& options) {
    options.on_batch = [this](const training::BatchReport& report) {
      return on_batch_.is_none() ? look_for_signals() : call(on_batch_, report);
    };
    if (!on_epoch_.is_none())
      options.on_epoch = [this](const training::EpochReport& report) { return call(on_epoch_, report); };
  }
  /// Throws what a callback raised. With the GIL.
  void rethrow() const {
    if (raised_) std::rethrow_exception(raised_);
  }

 private:
  template <class Report>
  bool call(const py::object& callback, const Report& report) {
    const py::gil_scoped_acquire python;
    try {
      const py::object answer = callback(to_dict(report));
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      return answer.is_none() || answer.cast<bool>();
    } catch (...) {
      raised_ = std::current_exception();
      return false;
    }
  }

  /// Ctrl+C, now and then: others may hold the GIL for some milliseconds.
  bool look_for_signals() {
    const auto now = std::chrono::steady_clock::now();
    if (now - looked_ < std::chrono::milliseconds(100)) return true;
    const py::gil_scoped_acquire python;
    looked_ = std::chrono::steady_clock::now();
    if (PyErr_CheckSignals() == 0) return true;
    raised_ = std::make_exception_ptr(py::error_already_set());
    return false;
  }

  const py::object &on_batch_, &on_epoch_;
  std::exception_ptr raised_;
  std::chrono::steady_clock::time_point looked_ = std::chrono::steady_clock::now();
};

}  // namespace

Trainer::Trainer(std::shared_ptr<Model> model, const std::string& loss, double huber_delta, Learning learning,
                 bool lengths, bool examples_first, int threads)
    : model_(std::move(model)),
      arguments_(arguments_for(*model_, loss, huber_delta, lengths, examples_first, threads)),
      learning_(std::move(learning)),
      prepared_(prepare(*model_, arguments_)),
      examples_(arguments_, prepared_) {}

Trainer::~Trainer() {
  if (trainer_ && model_->followed() == trainer_.get()) model_->follow(nullptr);
}

training::Dataset Trainer::dataset(const Arrays& data) {
  for (const auto& [key, value] : data.x) {
    const std::string name = py::str(key);
    const auto same = [&](const tools::TrainPort& port) { return port.name == name; };
    if (std::none_of(prepared_.inputs.begin(), prepared_.inputs.end(), same) &&
        std::find(prepared_.unneeded.begin(), prepared_.unneeded.end(), name) == prepared_.unneeded.end())
      fail(ErrorKind::BadInput, "input \"{}\": the model has none of this name", name);
  }
  training::Dataset result;
  const tools::ExampleLayout layout{.examples_first = arguments_.examples_first};
  for (const tools::TrainPort& port : prepared_.inputs) {
    if (!data.x.contains(port.name))
      fail(ErrorKind::BadInput, "input \"{}\": {} is missing in x; or train with zero=[\"{}\"]", port.name,
           port.type.str(), port.name);
    examples_.add(result, port, copy_tensor(data.x[py::str(port.name)], {}, fmt::format("input \"{}\"", port.name)),
                  layout);
  }
  examples_.add(result, prepared_.target, copy_tensor(data.y, {}, "y"), layout);
  if (result.size() == 0) fail(ErrorKind::BadInput, "y: holds no examples, expected one or more");
  if (prepared_.lengths.empty() != data.lengths.is_none())
    fail(ErrorKind::BadInput, "lengths: got {}, expected {} with the data", data.lengths.is_none() ? "none" : "some",
         data.lengths.is_none() ? "them" : "none");
  if (prepared_.lengths.empty()) return result;
  examples_.add(result, prepared_.lengths[0], copy_tensor(data.lengths, {}, "lengths"), layout);
  examples_.check_sequences(result, "y", "lengths");
  return result;
}

int64_t Trainer::batch_size(int64_t wish) const {
  const int64_t fixed = prepared_.fixed_rows, size = wish > 0 ? wish : fixed > 0 ? fixed : 32;
  if (fixed > 0 && size != fixed)
    fail(ErrorKind::BadInput, "batch_size={}: the model takes batches of {} examples and no others", size, fixed);
  return size;
}

training::Batches Trainer::batches(training::Dataset data, int64_t size, bool shuffle, uint64_t seed) const {
  return training::batches(
      std::move(data),
      {.size = batch_size(size), .shuffle = shuffle, .seed = seed, .drop_partial = prepared_.fixed_rows > 1});
}

void Trainer::use(int64_t rows, std::optional<int64_t> steps) {
  if (!trainer_) {
    training::TrainerOptions options;
    options.optimizer = learning_.optimizer(steps);
    options.clip = learning_.clip;
    options.expected_dims = examples_.dims();
    if (!prepared_.rows.empty()) options.expected_dims[prepared_.rows] = rows, options.rows = prepared_.rows;
    options.threads = arguments_.threads;
    trainer_ = std::make_unique<training::Trainer>(*prepared_.training, std::move(options));
  }
  if (model_->followed() == trainer_.get()) return;
  model_->follow(nullptr);
  const auto weights = model_->weights();
  std::map<std::string, ir::Tensor> own;
  for (const auto& [name, value] : trainer_->parameters()) own[name] = weights.at(name);
  trainer_->set_parameters(own);
  model_->follow(trainer_.get());
}

py::list Trainer::fit(const Arrays& data, const std::optional<Arrays>& validation, const FitOptions& options) {
  const InUse::Training alone(model_->in_use());
  training::Dataset examples = dataset(data);
  std::optional<training::Dataset> held_out;
  if (validation) held_out = dataset(*validation);
  if (options.validation_split > 0) {
    const training::Split parts = training::split(examples.size(), options.validation_split, options.seed);
    if (parts.test.empty() || parts.train.empty())
      fail(ErrorKind::BadInput, "validation_split={}: leaves {} of {} examples for training and {} for validation",
           options.validation_split, parts.train.size(), examples.size(), parts.test.size());
    held_out = examples.take(parts.test);
    examples = examples.take(parts.train);
  }
  const training::Batches source = batches(std::move(examples), options.batch, options.shuffle, options.seed);
  const training::Batches test = held_out ? batches(*std::move(held_out), options.batch, false, 0) : nullptr;
  Callbacks callbacks(options.on_batch, options.on_epoch);
  std::vector<training::EpochReport> history;
  {
    const py::gil_scoped_release others_run;
    use(batch_size(options.batch), options.epochs * source->size(0));
    const int64_t before = options.resume ? 0 : static_cast<int64_t>(trainer_->history().size());
    training::TrainOptions how{.epochs = before + options.epochs,
                               .validation = test.get(),
                               .checkpoint = options.checkpoint,
                               .checkpoint_steps = options.checkpoint_steps,
                               .resume = options.resume,
                               .new_settings = options.new_settings,
                               .patience = options.patience,
                               .watch = options.watch,
                               .watch_highest = options.watch_highest};
    callbacks.add_to(how);
    history = trainer_->train(*training::prefetch(source), how);
  }
  model_->weights_changed();
  callbacks.rethrow();
  py::list result;
  for (const training::EpochReport& report : history) result.append(to_dict(report));
  return result;
}

py::dict Trainer::evaluate(const Arrays& data, int64_t batch) {
  const InUse::Training alone(model_->in_use());
  const training::Batches source = batches(dataset(data), batch, false, 0);
  training::Metrics metrics;
  {
    const py::gil_scoped_release others_run;
    use(batch_size(batch), std::nullopt);
    metrics = trainer_->evaluate(*source);
  }
  return to_dict(metrics);
}

py::dict Trainer::step(const Arrays& data) {
  const InUse::Training alone(model_->in_use());
  const training::Dataset examples = dataset(data);
  std::vector<int64_t> all(static_cast<size_t>(examples.size()));
  std::iota(all.begin(), all.end(), 0);
  training::BatchReport report;
  {
    const py::gil_scoped_release others_run;
    use(batch_size(examples.size()), std::nullopt);
    report = trainer_->step(examples.gather(all));
  }
  model_->weights_changed();
  py::dict result = to_dict(report.metrics);
  result["gradient_norm"] = report.gradient_norm;
  return result;
}

void Trainer::save(const std::string& path) {
  const InUse::Training alone(model_->in_use());
  const py::gil_scoped_release others_run;
  use(batch_size(0), std::nullopt);
  trainer_->save(path);
}

void Trainer::load(const std::string& path, bool new_settings) {
  const InUse::Training alone(model_->in_use());
  {
    const py::gil_scoped_release others_run;
    use(batch_size(0), std::nullopt);
    trainer_->load(path, new_settings);
  }
  model_->weights_changed();
}

}  // namespace seqc::python
