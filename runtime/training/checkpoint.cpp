#include "runtime/training/checkpoint.h"

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
  return {{"parameters", trained}, {"optimizer states", states}, {"frozen parameters", frozen}};
}

std::string entry_text(const json& list, size_t i) {
  if (i >= list.size()) return "none";
  return fmt::format("\"{}\" {}", list[i][0].get<std::string>(), list[i][1].get<std::string>());
}

void check_model(const std::string& path, const json& saved, const StepFunction& step) {
  const json expected = model_of(step);
  for (const char* kind : {"parameters", "optimizer states", "frozen parameters"}) {
    const json &got = saved.at(kind), &want = expected.at(kind);
    for (size_t i = 0; i < std::max(got.size(), want.size()); ++i)
      if (entry_text(got, i) != entry_text(want, i))
        fail(ErrorKind::BadInput,
             "{}: is a checkpoint of another model: number {} of its {} is {}, expected {}; "
             "train the model that it was made with, or choose another file",
             path, i, kind, entry_text(got, i), entry_text(want, i));
  }
}

json state_json(const ProgressState& progress, const StepFunction& step, const TrainerOptions& options) {
  json history = json::array(), sums = json::array();
  for (const EpochReport& report : progress.history)
    history.push_back({{"epoch", report.epoch},
                       {"step", report.step},
                       {"training", to_json(report.training)},
                       {"validation", to_json(report.validation)}});
  for (const double sum : progress.sums) sums.push_back(number(sum));
  return {{"seqc checkpoint", kVersion}, {"model", model_of(step)},       {"optimizer", options.optimizer.text},
          {"clip", options.clip.str()},  {"step", progress.step},         {"epoch", progress.epoch},
          {"batch", progress.batch},     {"rows", number(progress.rows)}, {"sums", sums},
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

ProgressState load_checkpoint(const std::string& path, const StepFunction& step) {
  Reader reader(path);
  const json state = reader.state();
  ProgressState progress;
  try {
    check_model(path, state.at("model"), step);
    read_state(state, progress);
  } catch (const json::exception& error) {
    reader.bad(fmt::format("its state.json: {}", error.what()));
  }
  for (const Kept& kept : step.parameters) progress.kept.push_back(reader.tensor("parameters", kept.name, &kept.start));
  for (const Kept& kept : step.states) progress.kept.push_back(reader.tensor("optimizer", kept.name, &kept.start));
  if (!step.carried.empty() && reader.has(fmt::format("carried/{}.npy", step.carried[0].second)))
    for (const auto& [from, to] : step.carried) progress.carried.push_back(reader.tensor("carried", to, nullptr));
  if (!step.parameters.empty() && reader.has(fmt::format("best/{}.npy", step.parameters[0].name)))
    for (const Kept& kept : step.parameters) progress.best.push_back(reader.tensor("best", kept.name, &kept.start));
  return progress;
}

}  // namespace seqc::training
