// The real-time contract of seqc.h and session.h: a run allocates nothing, locks nothing and, on one thread, makes no system
// call; on several threads those alone by which they wait, wake each other and leave the caller's processor.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "ir/error.h"
#include "ir/parser.h"
#include "runtime/compile.h"
#include "runtime/session.h"
#include "tests/runtime/allocation_counter.h"
#include "tests/runtime/lock_counter.h"
#include "tests/runtime/sample_models.h"
#include "tests/runtime/system_calls.h"
#include "tests/support/model_folders.h"
#include "tests/support/random_inputs.h"
#include "tests/support/text_test.h"

namespace {

namespace fs = std::filesystem;
using namespace seqc;
using ir::DType;
using ir::Tensor;
using runtime::Program;
using runtime::Session;
using Tensors = std::vector<Tensor>;

/// A session that is ready to run, with inputs and memory for outputs.
class Call {
 public:
  Call(const std::shared_ptr<const Program>& program, Tensors inputs, int threads)
      : session_(program, threads), inputs_(std::move(inputs)) {
    for (const Tensor& input : inputs_) in_.push_back(runtime::view(input));
    session_.prepare(in_);
    for (const seqc_tensor& type : session_.output_types())
      outputs_.emplace_back(static_cast<DType>(type.dtype), std::vector<int64_t>(type.shape, type.shape + type.rank));
    for (Tensor& output : outputs_) out_.push_back(runtime::mutable_view(output));
  }
  void run(int times) {
    for (int i = 0; i < times; ++i) status_ |= session_.run(in_, out_);
  }
  /// Whatever a caller does between runs of the same shapes.
  void prepare_again() { session_.prepare(in_); }
  bool ok() const { return status_ == SEQC_OK; }

 private:
  Session session_;
  Tensors inputs_, outputs_;
  std::vector<seqc_tensor> in_, out_;
  int32_t status_ = SEQC_OK;
};

/// By which threads wait for each other, wake each other, and part.
const std::vector<long> kOfThreads = {SYS_futex, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity};

const std::string& unwatched() {
  static const std::string why = test::unwatched_system_calls();
  return why;
}

/// "" or what runs do that they must not.
std::string breach(const std::shared_ptr<const Program>& program, const Tensors& inputs, int threads) {
  constexpr int kRuns = 5;
  std::string found;
  {
    Call call(program, inputs, threads);
    // On one thread the first run already; threads of a pool begin in their own time.
    if (threads > 1) call.run(1);
    int64_t allocations = 0, locks = 0;
    {
      const test::AllocationCounter allocated;
      const test::LockCounter locked;
      call.run(kRuns);
      call.prepare_again();
      allocations = allocated.count();
      locks = locked.count();
    }
    if (!call.ok()) found += " fails";
    if (allocations > 0) found += fmt::format(" {} allocations", allocations);
    if (locks > 0) found += fmt::format(" {} locks", locks);
  }
  if (!unwatched().empty()) return found;
  std::optional<Call> call;
  const auto calls = test::system_calls(
      [&] {
        call.emplace(program, inputs, threads);
        if (threads > 1) call->run(kRuns);
      },
      [&] {
        call->run(kRuns);
        call->prepare_again();
      },
      threads > 1 ? kOfThreads : std::vector<long>{});
  for (const long number : calls) found += fmt::format(" system call {}", number);
  return found;
}

void check(const std::string& name, const std::shared_ptr<const Program>& program, const Tensors& inputs,
           int most_threads = 2) {
  for (int threads = 1; threads <= most_threads; ++threads) {
    const std::string found = breach(program, inputs, threads);
    CHECK_MESSAGE(found.empty(), name << ", " << threads << " threads:" << found);
  }
}

/// Threads take part however small the work is.
runtime::CompileOptions shared_work() {
  runtime::CompileOptions options;
  options.target.worth_sharing = 0;
  return options;
}

}  // namespace

TEST_SUITE_BEGIN("runtime");

TEST_CASE("contract: what watches the runs finds what they must not do") {
  if (test::AllocationCounter::works()) {
    const test::AllocationCounter counter;
    const auto memory = std::make_unique<int>(1);
    CHECK(counter.count() > 0);
  }
  if (test::LockCounter::works()) {
    std::mutex mutex;
    const test::LockCounter counter;
    const std::lock_guard lock(mutex);
    CHECK(counter.count() == 1);
  }
  if (!unwatched().empty()) {
    MESSAGE("system calls are not watched: " << unwatched());
    return;
  }
  const auto nothing = [] {};
  CHECK(test::system_calls(nothing, nothing).empty());
  CHECK(test::system_calls(nothing, [] { ::getppid(); }) == std::vector<long>{SYS_getppid});
  CHECK(test::system_calls(nothing, [] { ::getppid(); }, {SYS_getppid}).empty());
  CHECK(test::system_calls([] { ::getppid(); }, nothing).empty());
  const auto print = [] { CHECK(::write(1, "x", 1) == -1); };
  CHECK(test::system_calls(nothing, print) == std::vector<long>{SYS_write});
  // A thread that was there before the filter was.
  std::atomic<int> stage{0};
  std::thread other;
  const auto begin = [&] {
    other = std::thread([&] {
      stage = 1;
      while (stage != 2) continue;
      ::getppid();
      stage = 3;
      while (stage == 3) continue;  // its end would take system calls
    });
    while (stage != 1) continue;  // as its beginning does
  };
  const auto wait = [&] {
    stage = 2;
    while (stage != 3) continue;
  };
  CHECK(test::system_calls(begin, wait) == std::vector<long>{SYS_getppid});
}

TEST_CASE("contract: sample models") {
  const test::TempDir folder;
  const auto lstm = Program::compile_file(test::save_lstm(folder / "lstm.onnx"), shared_work());
  for (const auto& [steps, batch] : {std::pair<int64_t, int64_t>{50, 1}, {3, 17}, {0, 2}})
    check(fmt::format("LSTM T={} N={}", steps, batch), lstm, {test::lstm_x(steps, batch), test::lstm_h0(batch)});
  const auto doubler = Program::compile_file(test::save_doubler(folder / "doubler.onnx"), shared_work());
  check("doubler", doubler, {Tensor(DType::f32, {5, 3})});
}

// Every op, with sizes that data decide, sorting and strings among them.
TEST_CASE("contract: the functions of codegen's tests") {
  size_t count = 0;
  for (const auto& path : test::seq_files(test::tests_folder("codegen/run"))) {
    const test::TextCase text = test::read_text_case(path);
    const auto module = ir::parse_module(text.input, path.string());
    for (auto& function : module->functions) {
      const std::string name = path.stem().string() + " @" + function->name;
      const ir::DimBindings dims = text.dims.empty() ? test::trial_dims(*function, 1) : text.dims;
      const Tensors inputs = test::random_inputs(*function, dims, 1);
      const auto program = Program::compile(std::move(function));
      try {
        Session(program).run(inputs);
      } catch (const Error& error) {  // sizes that do not fit this one
        continue;
      }
      check(name, program, inputs, 1);
      ++count;
    }
  }
  CHECK(count > 60);
}

TEST_CASE("contract: the shared models") {
  const auto shared = test::shared_folder("models");
  if (!shared) return;
  for (const fs::path& folder : test::model_folders(*shared)) {
    const auto named = test::read_inputs(folder);
    REQUIRE_MESSAGE(named, folder.string());
    runtime::CompileOptions options;
    Tensors inputs;
    for (const test::NamedTensor& input : *named) {
      options.known_inputs[input.name] = input.value;
      inputs.push_back(input.value);
    }
    check(folder.filename().string(), Program::compile_file((folder / "model.onnx").string(), options), inputs);
  }
}

TEST_SUITE_END();
