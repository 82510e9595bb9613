// Eight threads run one Program at the same time, each through a Session of its own, and all get the same bits.
// SEQC_SHARED_PROGRAM_SECONDS: how long they do, for a build with -fsanitize=thread (half a second for each program).
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "runtime/compile.h"
#include "runtime/session.h"
#include "tests/runtime/sample_models.h"
#include "tests/support/onnx_model.h"

namespace {

using namespace seqc;
using ir::DType;
using ir::Tensor;
using runtime::Program;
using runtime::Session;
using Tensors = std::vector<Tensor>;

constexpr size_t kThreads = 8;

double seconds() {
  const char* given = std::getenv("SEQC_SHARED_PROGRAM_SECONDS");
  return given ? std::atof(given) : 0.5;
}

bool identical(const Tensors& a, const Tensors& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!a[i].identical(b[i])) return false;
  return true;
}

/// Words that a mask picks, their number as a shape, and how they are ordered by a second input.
std::filesystem::path save_picker(const std::filesystem::path& file) {
  test::ModelBuilder model(13);
  model.input("words", DType::string, {"N"}).input("keys", DType::f32, {"N"});
  model.output("picked", DType::string, {"K"}).output("count", DType::i64, {1}).output("sorted", DType::string, {"N"});
  model.initializer("half", Tensor::f32({}, {0.5F})).initializer("n_axis", Tensor::i64({1}, {0}));
  model.node("Greater", {"keys", "half"}, {"mask"});
  model.node("Compress", {"words", "mask"}, {"picked"}).attr("axis", 0);
  model.node("Shape", {"picked"}, {"count"});
  model.node("Shape", {"keys"}, {"size"});
  model.node("TopK", {"keys", "size"}, {"", "order"}).attr("axis", 0);
  model.node("Gather", {"words", "order"}, {"sorted"}).attr("axis", 0);
  return model.save(file);
}

Tensors words(int64_t count) {
  std::vector<std::string> texts;
  std::vector<float> keys;
  for (int64_t i = 0; i < count; ++i) {
    texts.push_back(fmt::format("word {}", i * 7 % count));
    keys.push_back(static_cast<float>(i * 13 % 11) / 10);
  }
  return {Tensor::strings({count}, texts), Tensor::f32({count}, keys)};
}

/// Each thread takes the sets of inputs in turn, so that shapes change from run to run, on one thread or two.
void run_together(const std::shared_ptr<const Program>& program, const std::vector<Tensors>& sets) {
  std::vector<Tensors> expected;
  for (const Tensors& inputs : sets) expected.push_back(Session(program).run(inputs));
  std::vector<int64_t> runs(kThreads, 0), wrong(kThreads, 0);
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      Session session(program, i % 4 == 3 ? 2 : 1);
      for (size_t at = i; !done || runs[i] == 0; ++at) {
        wrong[i] += !identical(session.run(sets[at % sets.size()]), expected[at % sets.size()]);
        ++runs[i];
      }
    });
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds()));
  done = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int64_t>(kThreads, 0));
  int64_t total = 0;
  for (const int64_t count : runs) total += count;
  if (std::getenv("SEQC_SHARED_PROGRAM_SECONDS"))
    MESSAGE(total << " runs on " << kThreads << " threads in " << seconds() << " s");
}

}  // namespace

TEST_SUITE_BEGIN("runtime");

TEST_CASE("shared program: an LSTM on eight threads") {
  const test::TempDir folder;
  runtime::CompileOptions options;
  options.target.worth_sharing = 0;  // small as it is
  const auto program = Program::compile_file(test::save_lstm(folder / "lstm.onnx"), options);
  std::vector<Tensors> sets;
  for (const auto& [steps, batch] : {std::pair<int64_t, int64_t>{20, 1}, {7, 9}, {0, 2}, {20, 3}})
    sets.push_back({test::lstm_x(steps, batch), test::lstm_h0(batch)});
  run_together(program, sets);
}

TEST_CASE("shared program: strings, and sizes that data decide, on eight threads") {
  const test::TempDir folder;
  const auto program = Program::compile_file(save_picker(folder / "picker.onnx"));
  run_together(program, {words(5), words(0), words(33), words(100)});
}

TEST_SUITE_END();
