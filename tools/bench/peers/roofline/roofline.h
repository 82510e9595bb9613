/// The least time that this machine needs for a recurrent network: the same weight loads and multiply-adds, nothing else.
///
/// No activation, no state, no result but a few floats that keep the compiler honest: weights are packed in the order in
/// which they are read, the input projections of all steps are one blocked product, each step sweeps its weights once
/// (forward on even steps, backward on odd ones), and of several tile shapes the fastest on this machine is taken. How two
/// threads share the work is for the caller to try: beside other engines it takes turns to see what is the fastest.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/bench/peers/engine.h"
#include "tools/bench/peers/roofline/team.h"

namespace seqc::peers::roofline {

struct Layer {
  int64_t inputs = 0, hidden = 0;
  int64_t projected = 0;        ///< columns of the product with the step's input: all gates
  std::vector<int64_t> phases;  ///< columns of the products with the state, one after the other within a step
  int directions = 1;
};

struct Workload {
  std::vector<Layer> layers;
  std::vector<int64_t> live;  ///< rows that are still in their sequence, for each step
};

/// {"layers": [{"inputs", "hidden", "projected", "phases", "directions"}...], "live": [rows of each step...]}
Workload read_workload(const nlohmann::json& json);

/// What the threads share.
enum class Split { kNone, kColumns, kRows, kDirections };
const char* to_string(Split split);
/// Those that a workload allows for.
std::vector<Split> splits(const Workload& workload, int threads);

struct Plan;

class Roofline : public Engine {
 public:
  /// Tries the tile shapes; takes some tenths of a second.
  Roofline(const Workload& workload, Split split);
  ~Roofline() override;

  void bind(const std::vector<Tensor>&) override {}
  void run() override;
  std::vector<Tensor> outputs() const override { return {}; }
  /// The shapes that were found to be the fastest, and multiply-adds a run.
  std::string description() const;
  double multiply_adds() const;

 private:
  std::unique_ptr<Plan> plan_;
};

}  // namespace seqc::peers::roofline
