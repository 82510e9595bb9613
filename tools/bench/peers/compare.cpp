/// Runs one model in ONNX Runtime, the library that seqc built of it, other peers and the roofline, in turns, and prints one
/// JSON object. Its argument is a file:
///   {"ort": libonnxruntime.so.1, "model": M.onnx, "threads": n,
///    "seqc": library that `seqc build` made                                       (optional, like all that follows)
///    "plugins": {"name": shared object...}, "network": see read_network,
///    "roofline": see read_workload,
///    "dims": {"T": 100...}, "fix_dims": flag: tell them to ONNX Runtime when it loads the model, "seed": n,
///    "inputs": [{"dtype": position in seqc_dtype, "shape": [...], "file": raw data}...] where they are not random (null),
///    "seconds": n, "turn_us": n, "rounds": n, "cpu_time": flag, "patience": n, "probe_us": x (see turns.h), "atol": x, "rtol": x}
#include <dlfcn.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

#include "tools/bench/peers/agreement.h"
#include "tools/bench/peers/ort_engine.h"
#include "tools/bench/peers/plugin.h"
#include "tools/bench/peers/roofline/roofline.h"
#include "tools/bench/peers/seqc_engine.h"
#include "tools/bench/peers/turns.h"

namespace {

using namespace seqc::peers;
using nlohmann::json;

Tensor read(const json& input) {
  Tensor tensor(static_cast<seqc_dtype>(input.at("dtype").get<int>()), input.at("shape").get<std::vector<int64_t>>());
  std::ifstream file(input.at("file").get<std::string>(), std::ios::binary);
  if (!file.read(static_cast<char*>(tensor.data()), static_cast<std::streamsize>(tensor.bytes())))
    throw std::runtime_error(input.at("file").get<std::string>() + " is too short");
  return tensor;
}

/// The inputs that the job gives, and random ones for those that it does not.
std::vector<Tensor> make_inputs(const json& job, const OrtEngine& ort) {
  const json given = job.value("inputs", json::array());
  std::vector<Tensor> inputs;
  if (!given.empty() && std::none_of(given.begin(), given.end(), [](const json& input) { return input.is_null(); })) {
    for (const json& input : given) inputs.push_back(read(input));
    return inputs;
  }
  std::vector<Tensor> made = ort.make_inputs();
  for (size_t i = 0; i < made.size(); ++i) {
    made[i].fill(job.value("seed", uint64_t{1}) + i, 1);
    inputs.push_back(i < given.size() && !given[i].is_null() ? read(given[i]) : std::move(made[i]));
  }
  return inputs;
}

std::unique_ptr<Engine> load_plugin(const std::string& path, const Network& network, int threads) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) throw std::runtime_error(dlerror());
  auto* make = reinterpret_cast<MakeEngine*>(dlsym(handle, "seqc_peers_make_engine"));
  if (!make) throw std::runtime_error(path + " is no peer's plugin");
  return std::unique_ptr<Engine>(make(network, threads));
}

/// The engines of a job and what became of each.
class Comparison {
 public:
  explicit Comparison(const json& job) : job_(job), threads_(job.at("threads")) {}
  json run();

 private:
  template <class Make>
  void add(const std::string& name, const Make& make);
  void add_others();
  void check_outputs();
  json report() const;

  const json& job_;
  int threads_;
  std::optional<Network> network_;
  std::vector<Tensor> inputs_;
  std::vector<Contestant> contestants_;
  json engines_;
};

/// An engine that cannot do it is left out, and the report tells why.
template <class Make>
void Comparison::add(const std::string& name, const Make& make) {
  try {
    std::unique_ptr<Engine> engine = make();
    engine->bind(inputs_);
    engine->run();
    contestants_.push_back({name, std::move(engine)});
  } catch (const std::exception& error) {
    engines_[name]["problem"] = error.what();
  }
}

void Comparison::add_others() {
  if (job_.contains("seqc"))
    add("seqc", [&] { return std::make_unique<SeqcEngine>(job_["seqc"].get<std::string>(), threads_); });
  if (job_.contains("network")) network_ = read_network(job_["network"]);
  if (network_ && job_.contains("plugins"))
    for (const auto& [name, path] : job_["plugins"].items())
      add(name, [&, &path = path] { return load_plugin(path.get<std::string>(), *network_, threads_); });
  if (job_.contains("roofline")) {
    const roofline::Workload workload = roofline::read_workload(job_["roofline"]);
    for (const roofline::Split split : roofline::splits(workload, threads_)) {
      const std::string name = "lim_" + std::to_string(static_cast<int>(split));  // a variant: the fastest one counts
      add(name, [&] {
        auto lim = std::make_unique<roofline::Roofline>(workload, split);
        engines_[name]["shape"] = lim->description();
        engines_[name]["multiply_adds"] = lim->multiply_adds();
        return lim;
      });
    }
  }
}

/// Compares all outputs with ONNX Runtime's.
void Comparison::check_outputs() {
  const std::vector<Tensor> want = contestants_.front().engine->outputs();
  for (const Contestant& c : contestants_) {
    const std::vector<Tensor> got = c.engine->outputs();
    if (c.name == "ort" || got.empty()) continue;
    try {
      const Agreement agreement = compare(got, want, job_.value("atol", 1e-5), job_.value("rtol", 1e-3));
      engines_[c.name]["largest_difference"] = agreement.largest;
      engines_[c.name]["excess"] = agreement.excess;
    } catch (const std::exception& error) {
      engines_[c.name]["problem"] = error.what();
    }
  }
}

json Comparison::report() const {
  json report{{"threads", threads_}, {"engines", engines_}};
  for (const Contestant& c : contestants_) report["engines"][c.name].update(describe(c));
  return report;
}

json Comparison::run() {
  auto ort = std::make_unique<OrtEngine>(job_.at("ort").get<std::string>(), job_.at("model").get<std::string>(),
                                         threads_, job_.value("dims", DimValues()));
  const std::string version = ort->version();
  inputs_ = make_inputs(job_, *ort);
  ort->bind(inputs_);
  ort->run();
  contestants_.push_back({"ort", std::move(ort)});
  add_others();
  TurnOptions options;
  options.threads = threads_;
  options.seconds = job_.value("seconds", options.seconds);
  options.turn_us = job_.value("turn_us", options.turn_us);
  options.rounds = job_.value("rounds", options.rounds);
  options.cpu_time = threads_ == 1 && job_.value("cpu_time", false);
  options.patience = job_.value("patience", options.patience);
  options.probe_us = job_.value("probe_us", options.probe_us);
  const double probe_us = measure(contestants_, options);
  check_outputs();
  json result = report();
  result["probe_us"] = probe_us;
  result["ort_version"] = version;
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: peers_compare JOB.json\n";
    return 2;
  }
  try {
    std::ifstream file(argv[1]);
    std::cout << Comparison(json::parse(file)).run().dump() << std::endl;
    std::quick_exit(0);  // peers' own threads and libraries are not taken apart in any order
  } catch (const std::exception& error) {
    std::cerr << "compare: " << error.what() << std::endl;
    std::quick_exit(1);
  }
}
