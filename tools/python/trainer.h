/// Training of a Model on arrays, as Python sees it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "runtime/training/data/batches.h"
#include "runtime/training/trainer.h"
#include "tools/python/model.h"
#include "tools/seqc/train_examples.h"
#include "tools/seqc/train_model.h"

namespace seqc::python {

/// How weights learn, as seqc/optimizers.py describes it; a rate that ends with the training is told its steps.
struct Learning {
  std::function<training::Optimizer(std::optional<int64_t> steps)> optimizer;
  training::Clip clip;
};
Learning learning_of(const py::dict& optimizer, double clip_norm, double clip_value);

/// Inputs by name, the target, and lengths where the loss takes them (else None).
struct Arrays {
  py::dict x;
  py::object y, lengths;
};

struct FitOptions {
  int64_t epochs = 1, batch = 0;  ///< batch 0: what the model fixes, otherwise 32
  double validation_split = 0;
  bool shuffle = true;
  uint64_t seed = 0;
  int64_t patience = 0;
  std::string watch;
  bool watch_highest = false;
  std::string checkpoint;
  int64_t checkpoint_steps = 0;
  bool resume = false, new_settings = false;
  py::object on_batch = py::none(), on_epoch = py::none();
};

class Trainer {
 public:
  Trainer(std::shared_ptr<Model> model, const std::string& loss, double huber_delta, Learning learning, bool lengths,
          bool examples_first, int threads);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Trains, without the GIL but in callbacks; returns the epochs so far.
  py::list fit(const Arrays& data, const std::optional<Arrays>& validation, const FitOptions& options);
  py::dict evaluate(const Arrays& data, int64_t batch);
  py::dict step(const Arrays& data);
  void save(const std::string& path);
  void load(const std::string& path, bool new_settings);

  int64_t steps() const { return trainer_ ? trainer_->steps() : 0; }
  const tools::TrainModel& prepared() const { return prepared_; }

 private:
  training::Dataset dataset(const Arrays& data);
  training::Batches batches(training::Dataset data, int64_t size, bool shuffle, uint64_t seed) const;
  int64_t batch_size(int64_t wish) const;
  /// Makes the trainer, if it is not there, and gives it the model's weights.
  void use(int64_t rows, std::optional<int64_t> steps);

  std::shared_ptr<Model> model_;
  tools::TrainArguments arguments_;
  Learning learning_;
  tools::TrainModel prepared_;
  tools::TrainExamples examples_;
  std::unique_ptr<training::Trainer> trainer_;
};

}  // namespace seqc::python
