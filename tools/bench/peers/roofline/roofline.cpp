#include "tools/bench/peers/roofline/roofline.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "tools/bench/peers/roofline/product.h"

namespace seqc::peers::roofline {

namespace {

enum class Split { kNone, kColumns, kRows, kDirections };

const char* to_string(Split split) {
  switch (split) {
    case Split::kNone: return "one thread";
    case Split::kColumns: return "columns split, a barrier a phase";
    case Split::kRows: return "rows split";
    case Split::kDirections: return "a thread a direction";
  }
  return "";
}

/// One direction of one layer.
struct Recurrence {
  std::optional<Product> project;  // all steps' inputs at once; nothing where a single row makes it part of `phases`
  std::vector<Product> phases;
};

/// What one thread does for a recurrence.
struct Program {
  Sweep project;
  std::vector<std::vector<Sweep>> steps;  // by live rows, then by phase
};

}  // namespace

struct Plan {
  Plan(const Workload& workload, int threads);

  void run() { split == Split::kNone ? work(0) : team.run(whole_work); }
  void work(int thread);
  void recur(const Program& program, int thread);
  Program program_of(const Recurrence& recurrence, int thread) const;
  void use(Split split);
  void choose_split();

  std::vector<int64_t> live;
  int64_t rows;  // of all steps together
  std::vector<std::vector<Recurrence>> layers;
  Team team;
  Split split = Split::kNone;
  std::vector<std::vector<Program>> programs[2];  // of each thread, by layer and direction
  std::function<void(int)> whole_work = [this](int thread) { work(thread); };
};

Plan::Plan(const Workload& workload, int threads)
    : live(workload.live), rows(std::accumulate(live.begin(), live.end(), int64_t{0})), team(threads) {
  for (const Layer& layer : workload.layers) {
    // A single row has one pass over the weights of input and state together.
    const bool joined = rows == 1 && !layer.phases.empty();
    Recurrence recurrence;
    if (!joined) {
      recurrence.project.emplace(rows, layer.inputs, layer.projected);
      recurrence.project->tune(rows);
    }
    for (int64_t columns : layer.phases) {
      recurrence.phases.emplace_back(live.front(), layer.hidden + (joined ? layer.inputs : 0), columns);
      recurrence.phases.back().tune(live.front());
    }
    // Directions are alike, but each has weights of its own.
    std::vector<Recurrence>& directions = layers.emplace_back();
    for (int i = 1; i < layer.directions; ++i) directions.push_back(recurrence);
    directions.push_back(std::move(recurrence));
  }
  choose_split();
}

void Plan::work(int thread) {
  for (const std::vector<Program>& directions : programs[thread]) {
    for (const Program& program : directions) recur(program, thread);
    if (split == Split::kDirections) team.meet(thread);
  }
}

void Plan::recur(const Program& program, int thread) {
  program.project.run(false);
  bool backward = false;
  for (int64_t rows_now : live) {
    for (const Sweep& phase : program.steps[static_cast<size_t>(rows_now)]) {
      phase.run(backward);
      if (split == Split::kColumns) team.meet(thread);
    }
    backward = !backward;
  }
}

Program Plan::program_of(const Recurrence& recurrence, int thread) const {
  const bool shared = split == Split::kColumns || split == Split::kRows;
  const Share share{shared ? thread : 0, shared ? team.threads() : 1, split == Split::kRows};
  Program program;
  if (recurrence.project) program.project = recurrence.project->sweep(rows, share);
  program.steps.resize(static_cast<size_t>(live.front()) + 1);
  for (int64_t now : live) {
    std::vector<Sweep>& step = program.steps[static_cast<size_t>(now)];
    if (!step.empty()) continue;
    for (const Product& phase : recurrence.phases) step.push_back(phase.sweep(now, share));
  }
  return program;
}

/// Lays out each thread's work.
void Plan::use(Split wanted) {
  split = wanted;
  for (int thread = 0; thread < (split == Split::kNone ? 1 : 2); ++thread) {
    programs[thread].clear();
    for (const std::vector<Recurrence>& directions : layers) {
      std::vector<Program>& here = programs[thread].emplace_back();
      for (size_t i = 0; i < directions.size(); ++i)
        if (split != Split::kDirections || static_cast<int>(i % 2) == thread)
          here.push_back(program_of(directions[i], thread));
    }
  }
}

void Plan::choose_split() {
  std::vector<Split> choices{Split::kNone};
  if (team.threads() == 2) {
    choices.push_back(Split::kColumns);
    if (live.front() > 1) choices.push_back(Split::kRows);
    if (layers.front().size() == 2) choices.push_back(Split::kDirections);
  }
  std::vector<double> best(choices.size(), std::numeric_limits<double>::infinity());
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(choices.size() > 1 ? 300 : 0);
  for (int round = 0; round < 20 && (round < 2 || std::chrono::steady_clock::now() < end); ++round) {
    for (size_t i = 0; i < choices.size() && choices.size() > 1; ++i) {
      use(choices[i]);
      run();
      const auto start = std::chrono::steady_clock::now();
      for (int run_of_ten = 0; run_of_ten < (rows == 1 ? 10 : 1); ++run_of_ten) run();
      best[i] = std::min(best[i], std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
  }
  use(choices[static_cast<size_t>(std::min_element(best.begin(), best.end()) - best.begin())]);
}

Workload read_workload(const nlohmann::json& json) {
  Workload workload;
  for (const nlohmann::json& layer : json.at("layers"))
    workload.layers.push_back({layer.at("inputs"), layer.at("hidden"), layer.at("projected"),
                               layer.at("phases").get<std::vector<int64_t>>(), layer.at("directions")});
  workload.live = json.at("live").get<std::vector<int64_t>>();
  return workload;
}

Roofline::Roofline(const Workload& workload, int threads) : plan_(std::make_unique<Plan>(workload, threads)) {}
Roofline::~Roofline() = default;

void Roofline::run() { plan_->run(); }

std::string Roofline::description() const {
  std::string text = to_string(plan_->split);
  for (const std::vector<Recurrence>& directions : plan_->layers) {
    text += "; ";
    if (directions[0].project) text += "inputs " + to_string(directions[0].project->shape()) + ", ";
    text += "steps";
    for (const Product& phase : directions[0].phases) text += " " + to_string(phase.shape());
  }
  return text;
}

double Roofline::multiply_adds() const {
  double total = 0;
  for (const std::vector<Recurrence>& directions : plan_->layers)
    for (const Recurrence& recurrence : directions) {
      if (recurrence.project) total += recurrence.project->multiply_adds() * static_cast<double>(plan_->rows);
      for (const Product& phase : recurrence.phases) total += phase.multiply_adds() * static_cast<double>(plan_->rows);
    }
  return total;
}

}  // namespace seqc::peers::roofline
