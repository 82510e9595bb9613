// How fast cells written step by step in Loop and Scan run, against the ONNX operator that computes the same: both
// compiled just in time and run in turns. Prints a Markdown table; exits with 1 if a ratio is above the limit.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "frontend/onnx/import.h"
#include "runtime/ports.h"
#include "runtime/program.h"
#include "runtime/session.h"
#include "tests/support/decomposed_cells.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Clock = std::chrono::steady_clock;

constexpr const char* kUsage =
    "usage: bench_decomposed [--rounds 200] [--limit 1.2] [--steps 100] [--batch 1] [--input 64] [--hidden 64] "
    "[names...]\n"
    "In each round both models run for about 0.3 ms. Ratios are of the least time and of the median over all rounds; "
    "the\n"
    "limit holds for the former, since a busy machine may disturb most rounds of one model and few of the other.\n";

struct Options {
  int64_t rounds = 200;
  double limit = 1.2;
  StepSizes sizes{.steps = 100, .batch = 1, .input = 64, .hidden = 64};
  std::vector<std::string> names;
};

Options parse(int argc, char** argv) {
  Options options;
  const auto number_of = [&](int& i) {
    if (++i == argc) throw std::invalid_argument(std::string(argv[i - 1]) + " needs a number");
    return std::strtod(argv[i], nullptr);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--rounds")
      options.rounds = std::max<int64_t>(1, static_cast<int64_t>(number_of(i)));
    else if (flag == "--limit")
      options.limit = number_of(i);
    else if (flag == "--steps")
      options.sizes.steps = static_cast<int64_t>(number_of(i));
    else if (flag == "--batch")
      options.sizes.batch = static_cast<int64_t>(number_of(i));
    else if (flag == "--input")
      options.sizes.input = static_cast<int64_t>(number_of(i));
    else if (flag == "--hidden")
      options.sizes.hidden = static_cast<int64_t>(number_of(i));
    else if (flag.starts_with("-"))
      throw std::invalid_argument("unknown option " + flag);
    else
      options.names.push_back(flag);
  }
  return options;
}

/// One compiled model with its inputs, ready to be timed.
class Runner {
 public:
  Runner(const ModelBuilder& model, const std::vector<Tensor>& inputs) : inputs_(inputs) {
    const std::string bytes = model.bytes();
    session_ = std::make_unique<runtime::Session>(
        runtime::Program::compile(frontend::import_model_bytes(std::as_bytes(std::span(bytes)), "steps.onnx")));
    outputs_ = session_->run(inputs_);
    for (const Tensor& input : inputs_) input_views_.push_back(runtime::view(input));
    for (Tensor& output : outputs_) output_views_.push_back(runtime::mutable_view(output));
    while (time(1) * static_cast<double>(count_) < 300 && count_ < 10000) count_ *= 2;
  }

  /// Microseconds of one run, over about 0.3 ms.
  double round() { return time(count_); }

 private:
  double time(int64_t count) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < count; ++i)
      if (session_->run(input_views_, output_views_) != SEQC_OK) throw std::runtime_error("a run failed");
    return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / static_cast<double>(count);
  }

  std::vector<Tensor> inputs_, outputs_;
  std::unique_ptr<runtime::Session> session_;
  std::vector<seqc_tensor> input_views_, output_views_;
  int64_t count_ = 1;
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

/// The ratio of one form's least times; prints its row.
double measure(const StepForm& form, const Options& options) {
  const StepModels models = step_models(form, options.sizes);
  const auto inputs = step_inputs(form, options.sizes, 1);
  Runner stepwise(models.stepwise, inputs), op(models.op, inputs);
  std::vector<double> of_stepwise, of_op;
  for (int64_t i = 0; i < options.rounds; ++i) {
    of_op.push_back(op.round());
    of_stepwise.push_back(stepwise.round());
  }
  const double ratio = median(of_stepwise) / median(of_op);
  const double least =
      *std::min_element(of_stepwise.begin(), of_stepwise.end()) / *std::min_element(of_op.begin(), of_op.end());
  fmt::print("| {} | {:.1f} | {:.1f} | {:.3f} | {:.3f} |{}\n", form.name, median(of_op), median(of_stepwise), ratio,
             least, least > options.limit ? " too slow" : "");
  std::fflush(stdout);
  return least;
}

int run(const Options& options) {
  const auto& s = options.sizes;
  fmt::print("T={}, N={}, I={}, H={}; {} rounds in turns, one thread\n\n", s.steps, s.batch, s.input, s.hidden,
             options.rounds);
  fmt::print(
      "| form | operator, us | step by step, us | ratio of medians | ratio of minima |\n|---|---|---|---|---|\n");
  double worst = 0;
  for (const StepForm& form : known_step_forms()) {
    const bool wanted = options.names.empty() ||
                        std::any_of(options.names.begin(), options.names.end(),
                                    [&](const auto& part) { return form.name.find(part) != std::string::npos; });
    if (wanted) worst = std::max(worst, measure(form, options));
  }
  fmt::print("\nworst ratio {:.3f}, limit {}\n", worst, options.limit);
  return worst > options.limit ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(parse(argc, argv));
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_decomposed: {}\n{}", error.what(), kUsage);
    return 2;
  }
}
