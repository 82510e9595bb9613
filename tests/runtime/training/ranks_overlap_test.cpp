// Gradients that are added up while the backward pass goes on: mpirun runs this program again, with the case "ranks: a rank
// that overlaps" alone.
#include <doctest/doctest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "frontend/dsl/dsl.h"
#include "passes/differentiate.h"
#include "runtime/training/ranks_runner.h"
#include "tests/runtime/training/ranks_tasks.h"
#include "tests/runtime/training/tasks.h"
#include "tests/support/onnx_model.h"

namespace {

using namespace seqc;
using dsl::Var;
using ir::Dim;
using ir::DType;
using ir::Tensor;
using training::Ranks;
using training::RanksExchange;
using training::RanksRunner;
using training::Shared;

constexpr const char* kCase = "ranks: a rank that overlaps";
constexpr int64_t kSteps = 8, kHidden = 192;

/// Three layers of an LSTM behind an embedding: of the layers and the table, the first are the last to have their gradients.
std::unique_ptr<ir::Function> layers_model() {
  dsl::Model model("layers", 5);
  const Dim n = Dim::symbol("N");
  const Var ids = model.input("ids", DType::i64, {kSteps, n}), target = model.input("target", DType::f32, {n, 1});
  Var y = dsl::embedding_parameters(model, "table", 50, kHidden)(ids);
  for (const char* name : {"first", "second", "third"}) {
    const dsl::LstmCell cell = dsl::lstm_parameters(model, name, kHidden, kHidden);
    const Var zero = dsl::zeros_like_rows(y, kHidden);
    y = dsl::scan(cell, y, {zero, zero}).outputs[0];
  }
  model.output("loss",
               dsl::mean_squared_error(dsl::dense_parameters(model, "dense", kHidden, 1)(dsl::last_valid(y)), target));
  return std::move(model.finish(true)->functions[0]);
}

/// Rows of this rank, other ones at each step.
training::Batch batch(int64_t rows, int64_t step) {
  const int64_t rank = Ranks::world().rank();
  Tensor ids(DType::i64, {kSteps, rows}), target(DType::f32, {rows, 1});
  for (int64_t i = 0; i < ids.count(); ++i) ids.set_integer(i, (i * 7 + rank * 3 + step) % 50);
  for (int64_t i = 0; i < rows; ++i) target.set_real(i, std::sin(static_cast<double>(i + rank + step)));
  return {{"ids", ids}, {"target", target}};
}

/// Trains some steps and keeps what came of them.
struct Run {
  std::vector<Tensor> kept;
  std::vector<double> losses;
  size_t early = 0;  // buckets that started before the function had ended

  Run(const ir::Function& model, training::TrainerOptions options) {
    RanksRunner runner(training::ranks_training_step(model, options), options, Ranks::world());
    std::vector<Tensor> next;
    for (const auto* list : {&runner.step().parameters, &runner.step().states})
      for (const training::Kept& start : *list) {
        kept.push_back(start.start);
        next.emplace_back(start.start.dtype(), start.start.shape());
      }
    for (int64_t step = 0; step < 12; ++step) {
      // A rank may have no rows at all, and numbers of rows change.
      const int64_t rank = Ranks::world().rank(), rows = step == 3 && rank == 1 ? 0 : 5 + (step / 4 + rank) % 2;
      runner.run(batch(rows, step), step, kept, next);
      kept.swap(next);
      losses.push_back(runner.metric(0));
      const RanksExchange& exchange = runner.exchange();
      CHECK(exchange.arrived() == exchange.buckets());
      const size_t all = exchange.buckets() == 0 ? 0 : exchange.start_of(exchange.buckets() - 1).needs;
      for (size_t i = 0; i < exchange.buckets(); ++i) early += exchange.start_of(i).ready < all ? 1 : 0;
    }
  }
};

/// Overlapping or not, all bits are the same; and it does overlap.
void same_bits() {
  const auto model = layers_model();
  // Dense gradients of the table, and rows of it.
  for (const auto& optimizer : {training::sgd(0.1, {.momentum = 0.5}), training::sgd(0.1)}) {
    training::TrainerOptions options{.optimizer = optimizer, .clip = training::by_global_norm(1)};
    const Run on(*model, options);
    options.overlap = false;
    const Run off(*model, options);
    CHECK(off.early == 0);
    CHECK(on.early > 0);
    CHECK(on.losses == off.losses);
    REQUIRE(on.kept.size() == off.kept.size());
    for (size_t i = 0; i < on.kept.size(); ++i) CHECK(on.kept[i].identical(off.kept[i]));
  }
}

/// A backward pass that does not go on to the first layer before the sums of the others have arrived. Without overlap it would
/// wait forever.
struct Waiting {
  RanksExchange* exchange = nullptr;
  const std::vector<runtime::Port>* ports = nullptr;
  std::vector<std::string> order;
  size_t due = 0;        // buckets that were ready when the first layer had none of its gradients yet
  bool arrived = false;  // all of them did while the function ran

  static void ready(void* context, int32_t output) {
    auto& waiting = *static_cast<Waiting*>(context);
    const std::string& name = (*waiting.ports)[static_cast<size_t>(output)].name;
    if (waiting.due == 0 && name.starts_with("grad_first")) waiting.wait();
    waiting.order.push_back(name);
    waiting.exchange->ready(static_cast<size_t>(output));
  }
  void wait() {
    while (due < exchange->buckets() && exchange->start_of(due).needs <= order.size()) ++due;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (exchange->arrived() < due && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    arrived = exchange->arrived() >= due;
  }
};

void waits_for_sums() {
  Ranks& ranks = Ranks::world();
  auto function = layers_model();
  passes::add_gradients(*function, "loss");
  std::map<std::string, Tensor> given;
  for (const ir::Value* parameter : function->parameters()) given[parameter->name()] = parameter->initial();
  for (const auto& [name, tensor] : batch(4 + ranks.rank(), 0)) given[name] = tensor;
  runtime::CompileOptions options;
  options.announces_outputs = true;
  runtime::Session session(runtime::Program::compile(std::move(function), options));
  std::vector<seqc_tensor> in;
  for (const runtime::Port& port : session.program().inputs()) in.push_back(runtime::view(given.at(port.name)));
  session.prepare(in);
  const std::vector<runtime::Port>& ports = session.program().outputs();

  RanksExchange exchange(ranks, std::vector(ports.size(), Shared::Sum), session.program().announced_order(), true);
  for (int round = 0; round < 3; ++round) {
    exchange.begin(session.output_types());
    std::vector<seqc_tensor> out = session.output_types();
    for (size_t i = 0; i < out.size(); ++i) out[i].data = exchange.own(i);
    Waiting waiting{.exchange = &exchange, .ports = &ports, .order = {}};
    const runtime::OutputListener listener = {&Waiting::ready, &waiting};
    REQUIRE(session.run(in, out, &listener) == SEQC_OK);
    CHECK(waiting.due >= 2);
    CHECK(waiting.due < exchange.buckets());
    CHECK(waiting.arrived);
    exchange.finish();
    for (size_t i = 0; i < waiting.due; ++i) CHECK(exchange.start_of(i).ready < waiting.order.size());
    // All the last layer's gradients come before any of the second one's, and those before any of the first one's.
    std::string layers;
    for (const std::string& name : waiting.order)
      for (const char* layer : {"first", "second", "third"})
        if (name.starts_with(std::string("grad_") + layer) && !layers.ends_with(layer[0])) layers += layer[0];
    CHECK(layers == "tsf");
    // The sums in the order of ranks, to the bit.
    for (size_t i = 0; i < out.size(); ++i) {
      CAPTURE(ports[i].name);
      if (ports[i].type.dtype != DType::f32) continue;  // what is checked of the batch
      Tensor mine(DType::f32, {1, 1});
      for (int64_t d = 0; d < out[i].rank; ++d) mine = Tensor(DType::f32, {1, mine.count() * out[i].shape[d]});
      std::memcpy(mine.mutable_bytes(), out[i].data, mine.byte_size());
      const Tensor all = ranks.joined(mine, 0);
      const auto* result = static_cast<const float*>(exchange.result(i).data);
      int64_t wrong = 0;
      for (int64_t k = 0; k < mine.count(); ++k) {
        float sum = all.data<float>()[static_cast<size_t>(k)];
        for (int64_t rank = 1; rank < ranks.count(); ++rank)
          sum += all.data<float>()[static_cast<size_t>(rank * mine.count() + k)];
        wrong += sum == result[k] ? 0 : 1;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_SUITE_BEGIN("runtime");

TEST_CASE("ranks: a rank that overlaps" * doctest::skip()) {
  const auto [work, folder] = test::work_of_rank();
  if (work == "same bits") same_bits();
  if (work == "waits for sums") waits_for_sums();
}

TEST_CASE("ranks: sums of later layers arrive while the function computes the first one's gradients") {
  if (!test::has_mpirun()) return;
  for (const int count : {2, 3}) {
    const auto result = test::run_ranks(count, kCase, "waits for sums", "nowhere");
    CAPTURE(result.out);
    CAPTURE(result.err);
    CHECK(result.exit_code == 0);
  }
}

TEST_CASE("ranks: overlapping changes no bit") {
  if (!test::has_mpirun()) return;
  const auto result = test::run_ranks(2, kCase, "same bits", "nowhere");
  CAPTURE(result.out);
  CAPTURE(result.err);
  CHECK(result.exit_code == 0);
}

TEST_CASE("ranks: one alone shares with nobody, and what it shares is its own") {
  RanksExchange exchange(Ranks::world(), {Shared::Sum, Shared::No, Shared::Joined, Shared::Sum}, {}, true);
  seqc_tensor sum{nullptr, SEQC_F32, 2, {2, 3}}, local{nullptr, SEQC_I8, 1, {4}}, rows{nullptr, SEQC_F32, 2, {5, 2}},
      count{nullptr, SEQC_I64, 0, {}};
  const std::vector<seqc_tensor> types = {sum, local, rows, count};
  for (int round = 0; round < 2; ++round) {
    exchange.begin(types);
    CHECK(exchange.own(1) == nullptr);
    *static_cast<float*>(exchange.own(0)) = 1.5f;
    *static_cast<float*>(exchange.own(2)) = 2.5f;
    *static_cast<int64_t*>(exchange.own(3)) = 7;
    for (const size_t output : {3, 1, 0, 2}) exchange.ready(output);
    exchange.finish();
    CHECK(*static_cast<const float*>(exchange.result(0).data) == 1.5f);
    CHECK(*static_cast<const float*>(exchange.result(2).data) == 2.5f);
    CHECK(*static_cast<const int64_t*>(exchange.result(3).data) == 7);
    CHECK(exchange.result(2).shape[0] == 5);
    CHECK(exchange.buckets() == 0);
  }
}

TEST_SUITE_END();

}  // namespace
