#include "tools/examples/support/processor_time.h"

#include <ctime>
#include <utility>

namespace seqc::examples {

namespace {

double now() {
  timespec time = {};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

ProcessorTime::ProcessorTime(training::TrainOptions& options) {
  options.on_batch = [this, before = std::move(options.on_batch)](const training::BatchReport& report) {
    if (report.batch == 0)
      first_batch_ = now();
    else if (first_batch_ >= 0 && report.batch + 1 == report.batches)
      epoch_seconds_.push_back((now() - first_batch_) * static_cast<double>(report.batches) /
                               static_cast<double>(report.batches - 1));
    return !before || before(report);
  };
}

}  // namespace seqc::examples
