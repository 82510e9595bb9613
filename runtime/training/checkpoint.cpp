#include "runtime/training/checkpoint.h"

#include <fmt/ranges.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "ir/error.h"
#include "runtime/npy.h"
#include "runtime/training/archive.h"

namespace seqc::training {
namespace {

using ir::Tensor;
using nlohmann::json;

constexpr int kVersion = 1;
constexpr const char *kStates = "optimizer states", *kMetrics = "metrics", *kCarried = "carried states";

/// JSON has no infinities and no NaN.
json number(double value) { return std::isfinite(value) ? json(value) : json(fmt::format("{}", value)); }
double number(const json& value) {
  return value.is_string() ? std::stod(value.get<std::string>()) : value.get<double>();
}

json to_json(const Metrics& metrics) {
  json result = json::object();
  for (const auto& [name, value] : metrics) result[name] = number(value);
  return result;
}

Metrics metrics_of(const json& object) {
  Metrics result;
  for (const auto& [name, value] : object.items()) result[name] = number(value);
  return result;
}

/// What tells a model from another: names and types of what is trained, values of what is not.
json model_of(const StepFunction& step) {
  json trained = json::array(), states = json::array(), frozen = json::array();
  for (const Kept& kept : step.parameters) trained.push_back({kept.name, kept.start.type_str()});
  for (const Kept& kept : step.states) states.push_back({kept.name, kept.start.type_str()});
  for (const Kept& kept : step.frozen)
    frozen.push_back({kept.name, fmt::format("{} of hash {:016x}", kept.start.type_str(), kept.start.hash())});
  return {{"parameters", trained}, {kStates, states}, {"frozen parameters", frozen}};
}

std::string entry_text(const json& list, size_t i) {
  if (i >= list.size()) return "none";
  return fmt::format("\"{}\" {}", list[i][0].get<std::string>(), list[i][1].get<std::string>());
}

/// The first entry that differs; -1 if none does.
int64_t first_difference(const json& got, const json& want) {
  for (size_t i = 0; i < std::max(got.size(), want.size()); ++i)
    if (entry_text(got, i) != entry_text(want, i)) return static_cast<int64_t>(i);
  return -1;
}

void check_model(const std::string& path, const json& saved, const StepFunction& step) {
  const json expected = model_of(step);
  for (const char* kind : {"parameters", "frozen parameters"}) {
    const json &got = saved.at(kind), &want = expected.at(kind);
    const int64_t at = first_difference(got, want);
    if (at >= 0)
      fail(ErrorKind::BadInput,
           "{}: is a checkpoint of another model: number {} of its {} is {}, expected {}; "
           "train the model that it was made with, or choose another file",
           path, at, kind, entry_text(got, static_cast<size_t>(at)), entry_text(want, static_cast<size_t>(at)));
  }
}

void check_settings(const std::string& path, const json& saved, const TrainerOptions& options) {
  const std::string optimizer = saved.at("optimizer").get<std::string>(), clip = saved.at("clip").get<std::string>();
  std::vector<std::string> got, want;
  if (optimizer != options.optimizer.text) {
    got.push_back(fmt::format("the optimizer \"{}\"", optimizer));
    want.push_back(fmt::format("\"{}\"", options.optimizer.text));
  }
  if (clip != options.clip.str()) {
    got.push_back(fmt::format("the clipping \"{}\"", clip));
    want.push_back(fmt::format("\"{}\"", options.clip.str()));
  }
  if (!got.empty())
    fail(ErrorKind::BadInput,
         "{}: was made with {}, expected {}; go on with the settings that it was made with, or say that new ones are "
         "meant (TrainOptions::new_settings, seqc train --new-settings)",
         path, fmt::join(got, " and "), fmt::join(want, " and "));
}

/// Whether the optimiser's states go on; otherwise they begin anew.
bool keeps_states(const std::string& path, const json& state, const StepFunction& step, const Optimizer& optimizer,
                  bool new_settings) {
  const json &got = state.at("model").at(kStates), want = model_of(step).at(kStates);
  const int64_t at = first_difference(got, want);
  if (at < 0) return true;
  if (!new_settings)  // an optimiser of somebody's own, whose text does not say it
    fail(ErrorKind::BadInput, "{}: was made with another optimizer: number {} of its states is {}, expected {}", path,
         at, entry_text(got, static_cast<size_t>(at)), entry_text(want, static_cast<size_t>(at)));
  if (optimizer.counts_steps)
    fail(ErrorKind::BadInput,
         "{}: was made with the optimizer \"{}\", whose states \"{}\" cannot take over, nor can it begin anew at step "
         "{}; begin a new training with these parameters, or choose an optimizer that does not count steps",
         path, state.at("optimizer").get<std::string>(), optimizer.text, state.at("step").get<int64_t>());
  return false;
}

json names_of_carried(const StepFunction& step) {
  json names = json::array();
  for (const auto& [from, to] : step.carried) names.push_back(to);
  return names;
}

/// Within an epoch the sums of its metrics and its carried states go on: they must be those that the model has. (Files that
/// older versions wrote do not name them.)
void check_unfinished_epoch(const std::string& path, const json& state, const StepFunction& step) {
  if (state.at("batch").get<int64_t>() == 0) return;
  const auto check = [&](const char* kind, const json& want) {
    if (!state.contains(kind) || state[kind] == want) return;
    const auto text = [](const json& names) { return names.empty() ? "none" : names.dump(); };
    fail(ErrorKind::BadInput,
         "{}: was made within an epoch, whose {} are {}, expected {}; go on with the same ones, or from a checkpoint "
         "that was "
         "made at the end of an epoch",
         path, kind, text(state[kind]), text(want));
  };
  check(kMetrics, step.metrics);
  check(kCarried, names_of_carried(step));
  const size_t sums = state.at("sums").size();
  if (sums != 0 && sums != step.metrics.size())
    fail(ErrorKind::BadInput,
         "{}: was made within an epoch with {} metrics, expected {}; go on with the same ones, or from a checkpoint "
         "that was "
         "made at the end of an epoch",
         path, sums, step.metrics.size());
}

json state_json(const ProgressState& progress, const StepFunction& step, const TrainerOptions& options) {
  json history = json::array(), sums = json::array();
  for (const EpochReport& report : progress.history)
    history.push_back({{"epoch", report.epoch},
                       {"step", report.step},
                       {"training", to_json(report.training)},
                       {"validation", to_json(report.validation)}});
  for (const double sum : progress.sums) sums.push_back(number(sum));
  return {{"seqc checkpoint", kVersion},
          {"model", model_of(step)},
          {"optimizer", options.optimizer.text},
          {"clip", options.clip.str()},
          {"step", progress.step},
          {"epoch", progress.epoch},
          {"batch", progress.batch},
          {"rows", number(progress.rows)},
          {kMetrics, step.metrics},
          {"sums", sums},
          {kCarried, names_of_carried(step)},
          {"history", history}};
}

/// Reads the members of an archive, each one once.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path), archive_(path) {}

  json state() {
    const json result = json::parse(member("state.json"), nullptr, false);
    if (!result.is_object() || !result.contains("seqc checkpoint")) bad("its state.json is none of a checkpoint");
    if (result["seqc checkpoint"] != kVersion)
      bad(fmt::format("it has version {}, expected {}", result["seqc checkpoint"].dump(), kVersion));
    return result;
  }

  Tensor tensor(const std::string& folder, const std::string& name, const Tensor* like) {
    const std::string file = fmt::format("{}/{}.npy", folder, name);
    Tensor result = runtime::parse_npy(member(file), path_ + ": " + file);
    if (like && (result.dtype() != like->dtype() || result.shape() != like->shape()))
      bad(fmt::format("\"{}\" is {}, expected {}", file, result.type_str(), like->type_str()));
    return result;
  }

  bool has(const std::string& name) const { return archive_.members().contains(name); }
  [[noreturn]] void bad(const std::string& what) const {
    fail(ErrorKind::BadInput, "{}: is no checkpoint: {}", path_, what);
  }

 private:
  std::string_view member(const std::string& name) {
    const auto it = archive_.members().find(name);
    if (it == archive_.members().end()) bad(fmt::format("it has no \"{}\"", name));
    return it->second;
  }

  std::string path_;
  Archive archive_;
};

void read_state(const json& state, ProgressState& progress) {
  progress.step = state.at("step").get<int64_t>();
  progress.epoch = state.at("epoch").get<int64_t>();
  progress.batch = state.at("batch").get<int64_t>();
  progress.rows = number(state.at("rows"));
  for (const json& sum : state.at("sums")) progress.sums.push_back(number(sum));
  for (const json& report : state.at("history"))
    progress.history.push_back({report.at("epoch").get<int64_t>(), report.at("step").get<int64_t>(),
                                metrics_of(report.at("training")), metrics_of(report.at("validation"))});
}

}  // namespace

void save_checkpoint(const std::string& path, const ProgressState& progress, const StepFunction& step,
                     const TrainerOptions& options) {
  ArchiveWriter writer(path);
  writer.add("state.json", state_json(progress, step, options).dump(1));
  const auto add = [&](const char* folder, const std::string& name, const Tensor& tensor) {
    writer.add(fmt::format("{}/{}.npy", folder, name), runtime::npy_bytes(tensor));
  };
  size_t at = 0;
  for (const Kept& kept : step.parameters) add("parameters", kept.name, progress.kept[at++]);
  for (const Kept& kept : step.states) add("optimizer", kept.name, progress.kept[at++]);
  for (size_t i = 0; i < progress.carried.size(); ++i) add("carried", step.carried[i].second, progress.carried[i]);
  for (size_t i = 0; i < progress.best.size(); ++i) add("best", step.parameters[i].name, progress.best[i]);
  writer.finish();
}

ProgressState load_checkpoint(const std::string& path, const StepFunction& step, const TrainerOptions& options,
                              bool new_settings) {
  Reader reader(path);
  const json state = reader.state();
  ProgressState progress;
  bool same_states = true;
  try {
    check_model(path, state.at("model"), step);
    if (!new_settings) check_settings(path, state, options);
    same_states = keeps_states(path, state, step, options.optimizer, new_settings);
    check_unfinished_epoch(path, state, step);
    read_state(state, progress);
  } catch (const json::exception& error) {
    reader.bad(fmt::format("its state.json: {}", error.what()));
  }
  for (const Kept& kept : step.parameters) progress.kept.push_back(reader.tensor("parameters", kept.name, &kept.start));
  for (const Kept& kept : step.states)
    progress.kept.push_back(same_states ? reader.tensor("optimizer", kept.name, &kept.start) : kept.start);
  if (!step.carried.empty() && reader.has(fmt::format("carried/{}.npy", step.carried[0].second)))
    for (const auto& [from, to] : step.carried) progress.carried.push_back(reader.tensor("carried", to, nullptr));
  if (!step.parameters.empty() && reader.has(fmt::format("best/{}.npy", step.parameters[0].name)))
    for (const Kept& kept : step.parameters) progress.best.push_back(reader.tensor("best", kept.name, &kept.start));
  return progress;
}

}  // namespace seqc::training
