#include "tools/examples/support/curves.h"

#include "runtime/training/input_gradients.h"

namespace seqc::examples {

training::Series history_curve(const std::string& name, const Run& run, const std::string& part,
                               const std::string& lines, const std::string& value) {
  training::Series curve{.name = name, .smooth = lines == "train" ? 20 : 0};
  for (const training::Record& record : training::History::load(run.file(part + "/history.jsonl"))) {
    if (record.part != lines) continue;
    curve.x.push_back(static_cast<double>(record.step));
    curve.y.push_back(record.values.at(value));
  }
  return curve;
}

training::Series gradient_curve(const std::string& name, const training::Trainer& trainer,
                                const training::Batch& batch) {
  training::Series curve{.name = name};
  curve.y = training::norms_by_step(training::input_gradients(trainer.model({"loss"}), batch, {"x"}).at("x"));
  for (size_t t = 0; t < curve.y.size(); ++t) curve.x.push_back(static_cast<double>(t));
  return curve;
}

}  // namespace seqc::examples
