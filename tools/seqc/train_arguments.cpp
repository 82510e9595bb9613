#include "tools/seqc/train_arguments.h"

#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <map>

#include "ir/error.h"
#include "tools/seqc/options.h"

namespace seqc::tools {
namespace {

const std::map<std::string, Loss> kLosses = {{"softmax-cross-entropy", Loss::SoftmaxCrossEntropy},
                                             {"softmax-cross-entropy-dense", Loss::SoftmaxCrossEntropyDense},
                                             {"sigmoid-cross-entropy", Loss::SigmoidCrossEntropy},
                                             {"mse", Loss::MeanSquaredError},
                                             {"huber", Loss::Huber},
                                             {"sequence-cross-entropy", Loss::Sequence}};

std::vector<double> numbers_of(const std::string& text) {
  std::vector<double> numbers;
  for (const std::string& part : CLI::detail::split(text, ',')) {
    double number = 0;
    const auto [end, code] = std::from_chars(part.data(), part.data() + part.size(), number);
    if (code != std::errc() || end != part.data() + part.size() || !std::isfinite(number)) return {};
    numbers.push_back(number);
  }
  return numbers;
}

bool is_count(double number) { return number >= 1 && number == std::floor(number) && number < 9e15; }

constexpr const char* kSchedules =
    "constant, cosine[:STEPS[,LAST]], step:EVERY,FACTOR, exponential:FACTOR or inverse-square-root:WARM_UP";

/// Throws Error(BadInput) for what is no schedule.
training::Rate schedule_of(const std::string& text, double rate, int64_t steps) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  const std::vector<double> numbers =
      colon == std::string::npos ? std::vector<double>{} : numbers_of(text.substr(colon + 1));
  const bool given = colon != std::string::npos;
  if (name == "constant" && !given) return rate;
  if (name == "cosine" && !given) return training::cosine_decay(rate, std::max<int64_t>(1, steps));
  if (name == "cosine" && !numbers.empty() && numbers.size() <= 2 && is_count(numbers[0]))
    return training::cosine_decay(rate, static_cast<int64_t>(numbers[0]), numbers.size() > 1 ? numbers[1] : 0);
  if (name == "step" && numbers.size() == 2 && is_count(numbers[0]))
    return training::step_decay(rate, static_cast<int64_t>(numbers[0]), numbers[1]);
  if (name == "exponential" && numbers.size() == 1) return training::exponential_decay(rate, numbers[0]);
  if (name == "inverse-square-root" && numbers.size() == 1 && is_count(numbers[0]))
    return training::inverse_square_root(rate, static_cast<int64_t>(numbers[0]));
  fail(ErrorKind::BadInput, "got \"{}\", expected {}", text, kSchedules);
}

std::string check_schedule(const std::string& text) {
  try {
    schedule_of(text, 1e-3, 1);
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

const CLI::Validator kPositive(
    [](const std::string& text) {
      const std::vector<double> numbers = numbers_of(text);
      return numbers.size() == 1 && numbers[0] > 0 ? "" : fmt::format("got \"{}\", expected a number above 0", text);
    },
    "NUMBER");

CLI::Option* add_named(CLI::App& app, const std::string& name, std::vector<std::string>& to, const std::string& help,
                       const std::string& type) {
  return app.add_option(name, to, help)->allow_extra_args(false)->type_name(type);
}

void add_data(CLI::App& app, TrainArguments& a) {
  constexpr const char* kGroup = "Data";
  constexpr const char* kFile = "[INPUT=]FILE[:PART]";
  add_named(app, "--data", a.data, "examples for an input; without INPUT, for all inputs that FILE names", kFile)
      ->required()
      ->group(kGroup);
  app.add_option("--target", a.target, "what the output should be for each example; OUTPUT= says which output")
      ->required()
      ->type_name("[OUTPUT=]FILE[:PART]")
      ->group(kGroup);
  app.add_option("--lengths", a.lengths, "steps of each example that count, for sequence-cross-entropy")
      ->type_name("FILE[:PART]")
      ->group(kGroup);
  add_named(app, "--validation-data", a.validation_data, "examples that are not trained on, measured after each epoch",
            kFile)
      ->group(kGroup);
  app.add_option("--validation-target", a.validation_target, "of those")->type_name("FILE[:PART]")->group(kGroup);
  app.add_option("--validation-lengths", a.validation_lengths, "of those")->type_name("FILE[:PART]")->group(kGroup);
  app.add_option("--validation-split", a.validation_split, "takes this share of the examples for validation instead")
      ->check(CLI::Range(0.0, 1.0))
      ->group(kGroup);
  add_named(app, "--zero", a.zeros, "feeds zeros to an input that the data do not give (initial states)", "INPUT")
      ->group(kGroup);
  add_named(app, "--axis", a.axes,
            "which axis of an input (or of the output) counts the examples, where no dim is named like a batch",
            "INPUT=AXIS")
      ->each([](const std::string& text) { split_assignment(text, "--axis"); })
      ->group(kGroup);
  add_named(app, "--scale", a.scales, "multiplies what the files hold, e.g. --scale x=0.00392157 for bytes of images",
            "INPUT=FACTOR[,SHIFT]")
      ->each([](const std::string& text) {
        const size_t count = numbers_of(split_assignment(text, "--scale").second).size();
        if (count < 1 || count > 2)
          throw CLI::ValidationError("--scale", fmt::format("got \"{}\", expected INPUT=FACTOR[,SHIFT]", text));
      })
      ->group(kGroup);
  app.add_flag("--examples-first", a.examples_first,
               "the first axis of every file counts the examples; otherwise files are laid out as the inputs are")
      ->group(kGroup);
}

void add_learning(CLI::App& app, TrainArguments& a) {
  constexpr const char* kGroup = "Learning";
  app.add_option("--output", a.output, "the output that is held against the target (the only one)")
      ->type_name("NAME")
      ->group(kGroup);
  app.add_option("--loss", a.loss_name, "what is made small; see below")
      ->required()
      ->check(CLI::IsMember(kLosses))
      ->type_name("LOSS")
      ->group(kGroup);
  app.add_option("--huber-delta", a.huber_delta, "where huber goes from squares to absolute values")
      ->check(kPositive)
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--optimizer", a.optimizer, "sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw")
      ->check(CLI::IsMember({"sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"}))
      ->capture_default_str()
      ->type_name("NAME")
      ->group(kGroup);
  app.add_option("--lr", a.rate, "learning rate")->check(kPositive)->capture_default_str()->group(kGroup);
  app.add_option("--momentum", a.momentum, "of momentum and nesterov")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--schedule", a.schedule, std::string("of the learning rate over steps: ") + kSchedules)
      ->check(check_schedule)
      ->capture_default_str()
      ->type_name("SCHEDULE")
      ->group(kGroup);
  app.add_option("--warm-up", a.warm_up, "steps in which the learning rate rises to what it is")
      ->check(CLI::NonNegativeNumber)
      ->group(kGroup);
  app.add_option("--weight-decay", a.weight_decay, "what weights lose (0; adamw: 0.01)")
      ->check(CLI::NonNegativeNumber)
      ->group(kGroup);
  auto* norm = app.add_option("--clip-norm", a.clip_norm, "largest norm of all gradients together")
                   ->check(kPositive)
                   ->group(kGroup);
  app.add_option("--clip-value", a.clip_value, "largest absolute value of a gradient")
      ->check(kPositive)
      ->excludes(norm)
      ->group(kGroup);
  add_named(app, "--train-only", a.train_only,
            "trains these initializers alone, e.g. --train-only 'head.*'; * and ? stand for anything", "PATTERN")
      ->group(kGroup);
}

void add_duration(CLI::App& app, TrainArguments& a) {
  constexpr const char* kGroup = "Length and order";
  app.add_option("--epochs", a.epochs, "how often all examples are seen, those of a resumed run included")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->capture_default_str()
      ->group(kGroup);
  app.add_option("--batch", a.batch, "examples a step (32, or what the model fixes)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->group(kGroup);
  auto* seed = app.add_option("--shuffle-seed", a.seed, "decides the order of the examples and the validation split")
                   ->capture_default_str()
                   ->group(kGroup);
  app.add_flag("--no-shuffle", a.in_order, "takes the examples in the order of the files")
      ->excludes(seed)
      ->group(kGroup);
  app.add_option(
         "--patience", a.patience,
         "stops after so many epochs without a better loss (of validation, if there is any), and takes the best "
         "epoch's weights")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->group(kGroup);
}

void add_files(CLI::App& app, TrainArguments& a) {
  constexpr const char* kGroup = "Files and reports";
  app.add_option("-o", a.tuned, "the ONNX file to write")->required()->type_name("OUT.onnx")->group(kGroup);
  auto* checkpoint =
      app.add_option("--checkpoint", a.checkpoint, "written after each epoch: all that goes on from there")
          ->type_name("FILE")
          ->group(kGroup);
  app.add_option("--checkpoint-steps", a.checkpoint_steps, "writes it after so many steps as well")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->needs(checkpoint)
      ->group(kGroup);
  auto* resume = app.add_flag("--resume", a.resume,
                              "goes on from the checkpoint, if it is there, to the same bits as without a stop")
                     ->needs(checkpoint)
                     ->group(kGroup);
  app.add_flag("--new-settings", a.new_settings,
               "resumes with this optimizer, schedule and clipping though the checkpoint was made with others")
      ->needs(resume)
      ->group(kGroup);
  app.add_option("--history", a.history, "loss of each step as JSON lines")->type_name("FILE.jsonl")->group(kGroup);
  app.add_option("--plot", a.plot, "loss over steps as a picture")->type_name("FILE.svg")->group(kGroup);
  app.add_option("--report", a.report, "a page with plots and tables")->type_name("FILE.html")->group(kGroup);
  app.add_flag("--json", a.json, "a summary as JSON on standard output")->group(kGroup);
  app.add_flag("--quiet", a.quiet, "shows no progress")->group(kGroup);
}

}  // namespace

Loss loss_of(const std::string& name) {
  if (const auto it = kLosses.find(name); it != kLosses.end()) return it->second;
  std::vector<std::string> names;
  for (const auto& [known, loss] : kLosses) names.push_back(known);
  fail(ErrorKind::BadInput, "--loss {}: expected one of {}", name, fmt::join(names, ", "));
}

bool takes_labels(Loss loss) { return loss == Loss::SoftmaxCrossEntropy || loss == Loss::Sequence; }

void add_train_arguments(CLI::App& app, TrainArguments& a) {
  app.add_option("MODEL", a.model, "the ONNX file to start from")->required()->check(CLI::ExistingFile);
  add_data(app, a);
  add_learning(app, a);
  add_duration(app, a);
  add_files(app, a);
  add_threads_option(app, a.threads);
  add_shape_options(app, a.compile);
  add_cache_option(app, a.compile.cache);
  app.final_callback([&a] {
    a.loss = loss_of(a.loss_name);
    const bool validates = !a.validation_data.empty();
    if (validates == a.validation_target.empty())
      throw CLI::ValidationError("--validation-data",
                                 "got one of --validation-data and --validation-target, expected both");
    if (validates && a.validation_split > 0)
      throw CLI::ValidationError("--validation-split", "got --validation-data as well, expected one of them");
    if (!a.lengths.empty() && a.loss != Loss::Sequence)
      throw CLI::ValidationError("--lengths",
                                 fmt::format("got --loss {}, expected sequence-cross-entropy", a.loss_name));
    if (!a.validation_lengths.empty() && (a.lengths.empty() || !validates))
      throw CLI::ValidationError("--validation-lengths", "expected --lengths and --validation-data as well");
    if (!a.lengths.empty() && validates && a.validation_lengths.empty())
      throw CLI::ValidationError("--lengths", "expected --validation-lengths as well");
  });
}

training::Optimizer optimizer_of(const TrainArguments& a, int64_t steps) {
  training::Rate rate = schedule_of(a.schedule, a.rate, steps);
  if (a.warm_up > 0) rate = rate.warm_up(a.warm_up);
  const double decay = std::max(0.0, a.weight_decay);
  if (a.optimizer == "sgd") return training::sgd(rate, {.weight_decay = decay});
  if (a.optimizer == "momentum") return training::sgd(rate, {.momentum = a.momentum, .weight_decay = decay});
  if (a.optimizer == "nesterov")
    return training::sgd(rate, {.momentum = a.momentum, .nesterov = true, .weight_decay = decay});
  if (a.optimizer == "adagrad") return training::adagrad(rate, {.weight_decay = decay});
  if (a.optimizer == "rmsprop") return training::rmsprop(rate, {.weight_decay = decay});
  if (a.optimizer == "adam") return training::adam(rate, {.weight_decay = decay});
  return training::adamw(rate, {.weight_decay = a.weight_decay < 0 ? 0.01 : decay});
}

training::Clip clip_of(const TrainArguments& a) {
  if (a.clip_norm > 0) return training::by_global_norm(a.clip_norm);
  if (a.clip_value > 0) return training::by_value(a.clip_value);
  return {};
}

}  // namespace seqc::tools
