/// Models that can be trained, as Python sees them: from an ONNX file or from layers.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ir/ir.h"
#include "runtime/training/trainer.h"
#include "tools/python/program.h"
#include "tools/seqc/train_arguments.h"

namespace seqc::python {

/// What a model is used by at a time: any number of readers on one thread, or one that trains it.
class InUse {
 public:
  /// Throws Error(BadInput) where another thread trains, or this one within its own callbacks.
  class Training {
   public:
    explicit Training(InUse& use);
    ~Training();
    Training(const Training&) = delete;
    Training& operator=(const Training&) = delete;

   private:
    InUse& use_;
  };
  /// Throws Error(BadInput) while another thread trains.
  void check_readable() const;

 private:
  std::atomic<std::thread::id> trainer_{};
};

class Model {
 public:
  /// `arguments` name file, output, weights that are trained, inputs that are zeros, axes and dims.
  explicit Model(tools::TrainArguments arguments);
  /// A function whose parameters are trained and whose only output (beside checks of the data) is the model's.
  Model(std::unique_ptr<ir::Function> function, std::string name);

  const tools::TrainArguments& arguments() const { return arguments_; }
  /// What is trained, with the values of now.
  std::map<std::string, ir::Tensor> weights() const;
  /// Throws Error(BadInput) for names and types that the model does not have.
  void set_weights(const std::map<std::string, ir::Tensor>& values);
  /// The model with the weights of now as parameters.
  std::unique_ptr<ir::Function> trainable() const;
  /// The output as a function of the inputs that it needs, all weights constants.
  std::unique_ptr<ir::Function> predictor() const;
  /// An ONNX file with the weights of now: that which it came from, or with `opset` a new one. Needs the GIL.
  void save(const std::string& path, int64_t opset) const;
  /// The predictor, compiled; the same one until weights change. Needs the GIL.
  std::shared_ptr<Program> program(int threads);

  /// From now on the weights are those of `trainer` (null: of none), which must outlive that.
  void follow(const training::Trainer* trainer);
  const training::Trainer* followed() const { return trainer_; }
  void weights_changed() { program_ = nullptr; }
  InUse& in_use() { return in_use_; }
  const std::string& output() const { return output_; }

 private:
  tools::TrainArguments arguments_;
  bool from_file_ = false;
  std::unique_ptr<ir::Function> function_;
  std::string output_;
  std::map<std::string, ir::Tensor> weights_;
  const training::Trainer* trainer_ = nullptr;
  std::shared_ptr<Program> program_;
  mutable InUse in_use_;
};

/// Layers one after the other, as seqc/layers.py describes them. Throws Error(BadInput) naming the layer.
std::unique_ptr<ir::Function> build_layers(const py::list& layers, const py::tuple& input, bool lengths, uint64_t seed);

void bind_models(py::module_& m);

}  // namespace seqc::python
