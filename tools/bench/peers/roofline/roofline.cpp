#include "tools/bench/peers/roofline/roofline.h"

#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "tools/bench/peers/roofline/product.h"

namespace seqc::peers::roofline {

const char* to_string(Split split) {
  switch (split) {
    case Split::kNone: return "one thread";
    case Split::kColumns: return "columns split, a barrier a phase";
    case Split::kRows: return "rows split";
    case Split::kDirections: return "a thread a direction";
  }
  return "";
}

std::vector<Split> splits(const Workload& workload, int threads) {
  if (threads != 1 && threads != 2) throw std::runtime_error("the roofline is known for one and two threads");
  if (threads == 1) return {Split::kNone};
  std::vector<Split> found{Split::kNone, Split::kColumns};
  if (workload.live.front() > 1) found.push_back(Split::kRows);
  if (workload.layers.front().directions == 2) found.push_back(Split::kDirections);
  return found;
}

namespace {

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
  Plan(const Workload& workload, Split split);

  void run() { team.run(whole_work); }
  void work(int thread);
  void recur(const Program& program, int thread);
  Share share_of(int thread) const;
  Program program_of(const Recurrence& recurrence, int thread) const;
  void write_programs();

  std::vector<int64_t> live;
  int64_t rows;  // of all steps together
  std::vector<std::vector<Recurrence>> layers;
  Split split;
  Team team;
  std::vector<std::vector<Program>> programs[2];  // of each thread, by layer and direction
  std::function<void(int)> whole_work = [this](int thread) { work(thread); };
};

Plan::Plan(const Workload& workload, Split split)
    : live(workload.live),
      rows(std::accumulate(live.begin(), live.end(), int64_t{0})),
      split(split),
      team(split == Split::kNone ? 1 : 2) {
  for (const Layer& layer : workload.layers) {
    // A single row has one pass over the weights of input and state together.
    const bool joined = rows == 1 && !layer.phases.empty();
    Recurrence recurrence;
    if (!joined) {
      recurrence.project.emplace(rows, layer.inputs, layer.projected);
      recurrence.project->tune(rows, share_of(0));
    }
    for (int64_t columns : layer.phases) {
      recurrence.phases.emplace_back(live.front(), layer.hidden + (joined ? layer.inputs : 0), columns);
      recurrence.phases.back().tune(live.front(), share_of(0));
    }
    // Directions are alike, but each has weights of its own.
    std::vector<Recurrence>& directions = layers.emplace_back();
    for (int i = 1; i < layer.directions; ++i) directions.push_back(recurrence);
    directions.push_back(std::move(recurrence));
  }
  write_programs();
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

/// Of each product.
Share Plan::share_of(int thread) const {
  if (split != Split::kColumns && split != Split::kRows) return {};
  return {thread, team.threads(), split == Split::kRows};
}

Program Plan::program_of(const Recurrence& recurrence, int thread) const {
  const Share share = share_of(thread);
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
void Plan::write_programs() {
  for (int thread = 0; thread < team.threads(); ++thread) {
    for (const std::vector<Recurrence>& directions : layers) {
      std::vector<Program>& here = programs[thread].emplace_back();
      for (size_t i = 0; i < directions.size(); ++i)
        if (split != Split::kDirections || static_cast<int>(i % 2) == thread)
          here.push_back(program_of(directions[i], thread));
    }
  }
}

Workload read_workload(const nlohmann::json& json) {
  Workload workload;
  for (const nlohmann::json& layer : json.at("layers"))
    workload.layers.push_back({layer.at("inputs"), layer.at("hidden"), layer.at("projected"),
                               layer.at("phases").get<std::vector<int64_t>>(), layer.at("directions")});
  workload.live = json.at("live").get<std::vector<int64_t>>();
  return workload;
}

Roofline::Roofline(const Workload& workload, Split split) : plan_(std::make_unique<Plan>(workload, split)) {}
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
