// Bindings of training: optimisers and Trainer.
#include <pybind11/stl.h>

#include "tools/python/errors.h"
#include "tools/python/trainer.h"

namespace seqc::python {
namespace {

double number(const py::dict& from, const char* key) { return from[key].cast<double>(); }

training::Rate plain_rate(const py::dict& rate, std::optional<int64_t> steps) {
  const std::string kind = rate["kind"].cast<std::string>();
  if (kind == "constant") return number(rate, "rate");
  if (kind == "cosine") {
    const int64_t given = rate["steps"].is_none() ? steps.value_or(0) : rate["steps"].cast<int64_t>();
    if (given < 1)
      fail(ErrorKind::BadInput,
           "Cosine: when training ends is known to fit alone, and only the first time; give it steps=");
    return training::cosine_decay(number(rate, "rate"), given, number(rate, "last"));
  }
  if (kind == "step")
    return training::step_decay(number(rate, "rate"), rate["every"].cast<int64_t>(), number(rate, "factor"));
  if (kind == "exponential") return training::exponential_decay(number(rate, "rate"), number(rate, "factor"));
  if (kind == "inverse_square_root")
    return training::inverse_square_root(number(rate, "rate"), rate["peak"].cast<int64_t>());
  if (kind == "piecewise")
    return training::piecewise(rate["rates"].cast<std::vector<double>>(), rate["ends"].cast<std::vector<int64_t>>());
  fail(ErrorKind::BadInput, "rate: \"{}\" is no schedule", kind);
}

training::Rate rate_of(const py::dict& rate, std::optional<int64_t> steps) {
  const int64_t warm_up = rate["warm_up"].cast<int64_t>();
  const training::Rate plain = plain_rate(rate, steps);
  return warm_up > 0 ? plain.warm_up(warm_up) : plain;
}

/// Everything but the rate is read at once: the optimiser is made later, without Python.
std::function<training::Optimizer(training::Rate)> optimizer_of(const py::dict& from) {
  const std::string kind = from["kind"].cast<std::string>();
  if (kind == "sgd") {
    const training::SgdOptions options{.momentum = number(from, "momentum"),
                                       .nesterov = from["nesterov"].cast<bool>(),
                                       .weight_decay = number(from, "weight_decay")};
    return [options](training::Rate rate) { return training::sgd(std::move(rate), options); };
  }
  if (kind == "adagrad") {
    const training::AdagradOptions options{.rate_decay = number(from, "rate_decay"),
                                           .weight_decay = number(from, "weight_decay"),
                                           .initial_accumulator = number(from, "initial_accumulator"),
                                           .epsilon = number(from, "epsilon")};
    return [options](training::Rate rate) { return training::adagrad(std::move(rate), options); };
  }
  if (kind == "rmsprop") {
    const training::RmspropOptions options{.alpha = number(from, "alpha"),
                                           .epsilon = number(from, "epsilon"),
                                           .momentum = number(from, "momentum"),
                                           .centered = from["centered"].cast<bool>(),
                                           .weight_decay = number(from, "weight_decay")};
    return [options](training::Rate rate) { return training::rmsprop(std::move(rate), options); };
  }
  if (kind != "adam" && kind != "adamw") fail(ErrorKind::BadInput, "optimizer: \"{}\" is none", kind);
  const training::AdamOptions options{.beta1 = number(from, "beta1"),
                                      .beta2 = number(from, "beta2"),
                                      .epsilon = number(from, "epsilon"),
                                      .weight_decay = number(from, "weight_decay"),
                                      .amsgrad = from["amsgrad"].cast<bool>()};
  if (kind == "adam") return [options](training::Rate rate) { return training::adam(std::move(rate), options); };
  return [options](training::Rate rate) { return training::adamw(std::move(rate), options); };
}

Arrays arrays_of(const py::tuple& data) {
  if (data.size() != 3) fail(ErrorKind::BadInput, "data: got {} parts, expected x, y and lengths", data.size());
  return {py::reinterpret_borrow<py::dict>(data[0]), py::reinterpret_borrow<py::object>(data[1]),
          py::reinterpret_borrow<py::object>(data[2])};
}

py::list fit(Trainer& trainer, const py::tuple& data, const py::object& validation, int64_t epochs, int64_t batch_size,
             double validation_split, bool shuffle, uint64_t seed, int64_t patience, const std::string& watch,
             bool watch_highest, const std::string& checkpoint, int64_t checkpoint_steps, bool resume,
             bool new_settings, const py::object& on_batch, const py::object& on_epoch) {
  std::optional<Arrays> held_out;
  if (!validation.is_none()) held_out = arrays_of(validation);
  return trainer.fit(arrays_of(data), held_out,
                     {.epochs = epochs,
                      .batch = batch_size,
                      .validation_split = validation_split,
                      .shuffle = shuffle,
                      .seed = seed,
                      .patience = patience,
                      .watch = watch,
                      .watch_highest = watch_highest,
                      .checkpoint = checkpoint,
                      .checkpoint_steps = checkpoint_steps,
                      .resume = resume,
                      .new_settings = new_settings,
                      .on_batch = on_batch,
                      .on_epoch = on_epoch});
}

std::vector<std::string> input_names(const Trainer& trainer) {
  std::vector<std::string> names;
  for (const tools::TrainPort& port : trainer.prepared().inputs) names.push_back(port.name);
  return names;
}

void bind_trainers(py::module_& m) {
  py::class_<Trainer>(m, "Trainer", "What seqc.Model trains with: a loss and an optimiser for a model.")
      .def(py::init([](std::shared_ptr<Model> model, const std::string& loss, double huber_delta,
                       const py::dict& optimizer, double clip_norm, double clip_value, bool lengths,
                       bool examples_first, int threads) {
             return std::make_unique<Trainer>(std::move(model), loss, huber_delta,
                                              learning_of(optimizer, clip_norm, clip_value), lengths, examples_first,
                                              threads);
           }),
           py::arg("model"), py::kw_only(), py::arg("loss"), py::arg("huber_delta"), py::arg("optimizer"),
           py::arg("clip_norm"), py::arg("clip_value"), py::arg("lengths"), py::arg("examples_first"),
           py::arg("threads"))
      .def("fit", fit, py::arg("data"), py::kw_only(), py::arg("validation"), py::arg("epochs"), py::arg("batch_size"),
           py::arg("validation_split"), py::arg("shuffle"), py::arg("seed"), py::arg("patience"), py::arg("watch"),
           py::arg("watch_highest"), py::arg("checkpoint"), py::arg("checkpoint_steps"), py::arg("resume"),
           py::arg("new_settings"), py::arg("on_batch"), py::arg("on_epoch"),
           "Trains on (x, y, lengths); returns a dict for each epoch so far.")
      .def(
          "evaluate",
          [](Trainer& trainer, const py::tuple& data, int64_t batch) {
            return trainer.evaluate(arrays_of(data), batch);
          },
          py::arg("data"), py::kw_only(), py::arg("batch_size"), "Loss and metrics of (x, y, lengths).")
      .def(
          "step", [](Trainer& trainer, const py::tuple& data) { return trainer.step(arrays_of(data)); },
          py::arg("data"), "One step on all examples of (x, y, lengths); loss and metrics before it.")
      .def("save", &Trainer::save, py::arg("path"), "Writes a checkpoint.")
      .def("load", &Trainer::load, py::arg("path"), py::kw_only(), py::arg("new_settings"), "Reads a checkpoint.")
      .def_property_readonly("steps", &Trainer::steps, "How many steps have been done.")
      .def_property_readonly("inputs", input_names, "The inputs that the data must give.")
      .def_property_readonly(
          "notes", [](const Trainer& trainer) { return trainer.prepared().notes; },
          "What a user should know of how the loss was attached.");
}

}  // namespace

Learning learning_of(const py::dict& optimizer, double clip_norm, double clip_value) {
  if (clip_norm > 0 && clip_value > 0)
    fail(ErrorKind::BadInput, "clip_norm={} and clip_value={}: expected one of them", clip_norm, clip_value);
  Learning learning;
  const auto make = optimizer_of(optimizer);
  // The schedule is read now, for 1 step: what is wrong with it is said before anything else happens.
  const py::dict rate = optimizer["rate"];
  rate_of(rate, 1);
  learning.optimizer = [make, rate](std::optional<int64_t> steps) {
    const py::gil_scoped_acquire python;
    return make(rate_of(rate, steps));
  };
  if (clip_norm > 0) learning.clip = training::by_global_norm(clip_norm);
  if (clip_value > 0) learning.clip = training::by_value(clip_value);
  return learning;
}

void bind_training(py::module_& m) {
  bind_models(m);
  bind_trainers(m);
}

}  // namespace seqc::python
