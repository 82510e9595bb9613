#include "tools/examples/support/step_time.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <string>

#include "runtime/cost.h"

namespace seqc::examples {

double work_nanoseconds(training::Trainer& trainer, const training::Batch& batch, int steps) {
  double best = 0;
  for (int i = 0; i < steps; ++i) {
    const auto start = std::chrono::steady_clock::now();
    trainer.step(batch);
    const double taken = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
    best = i == 0 ? taken : std::min(best, taken);
  }
  const ir::Block& body = trainer.step_function().body();
  std::map<std::string, int64_t> dims;
  for (size_t i = 0; i < body.argument_count(); ++i)
    if (const auto given = batch.find(body.argument(i)->name()); given != batch.end())
      for (size_t axis = 0; axis < given->second.shape().size(); ++axis)
        if (const ir::Dim& dim = body.argument(i)->shape()[axis]; dim.is_symbol())
          dims[dim.symbol_name()] = given->second.shape()[axis];
  return best / static_cast<double>(runtime::cost(trainer.step_function()).multiply_adds.evaluate(dims));
}

}  // namespace seqc::examples
