// The real-time contract of seqc.h, session.h and stream.h: a run or step allocates nothing, locks nothing and, on one thread, makes no system
// call; on several threads those alone by which they wait, wake each other and leave the caller's processor.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "ir/error.h"
#include "ir/parser.h"
#include "passes/streaming/streaming.h"
#include "runtime/compile.h"
#include "runtime/session.h"
#include "runtime/stream.h"
#include "tests/runtime/allocation_counter.h"
#include "tests/runtime/lock_counter.h"
#include "tests/runtime/sample_models.h"
#include "tests/runtime/system_calls.h"
#include "tests/support/model_folders.h"
#include "tests/support/random_inputs.h"
#include "tests/support/shared_streams.h"
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

/// A stream that is ready to step, with frames and memory for outputs.
class Steps {
 public:
  /// `frames`: of the largest step; with time, others step over fewer, too.
  Steps(const std::shared_ptr<const runtime::StreamProgram>& program, Tensors frames, int threads, int64_t rows)
      : stream_(program, rows, threads), frames_(std::move(frames)) {
    for (const Tensor& tensor : frames_) in_.push_back(runtime::view(tensor));
    stream_.prepare(in_);
    for (const seqc_tensor& type : stream_.output_types())
      outputs_.emplace_back(static_cast<DType>(type.dtype), std::vector<int64_t>(type.shape, type.shape + type.rank));
    for (Tensor& output : outputs_) out_.push_back(runtime::mutable_view(output));
    fewer_ = in_;
    const auto& ports = program->inputs();
    for (size_t i = 0; i < ports.size(); ++i)
      if (ports[i].time_axis >= 0) fewer_[i].shape[ports[i].time_axis] /= 2;
  }
  void run(int times) {
    for (int i = 0; i < times; ++i) {
      status_ |= stream_.step(in_, out_);
      status_ |= stream_.step(fewer_, out_);
    }
  }
  /// Whatever a caller does between steps.
  void prepare_again() { stream_.reset(); }
  bool ok() const { return status_ == SEQC_OK; }

 private:
  runtime::Stream stream_;
  Tensors frames_, outputs_;
  std::vector<seqc_tensor> in_, fewer_, out_;
  int32_t status_ = SEQC_OK;
};

/// By which threads wait for each other, wake each other, and part.
const std::vector<long> kOfThreads = {SYS_futex, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity};

const std::string& unwatched() {
  static const std::string why = test::unwatched_system_calls();
  return why;
}

/// "" or what runs do that they must not. `begin` puts a Call or Steps there.
template <class Runs>
std::string breach(const std::function<void(std::optional<Runs>&)>& begin, int threads) {
  constexpr int kRuns = 5;
  std::string found;
  {
    std::optional<Runs> call;
    begin(call);
    // On one thread the first run already; threads of a pool begin in their own time.
    if (threads > 1) call->run(1);
    int64_t allocations = 0, locks = 0;
    {
      const test::AllocationCounter allocated;
      const test::LockCounter locked;
      call->run(kRuns);
      call->prepare_again();
      allocations = allocated.count();
      locks = locked.count();
    }
    if (!call->ok()) found += " fails";
    if (allocations > 0) found += fmt::format(" {} allocations", allocations);
    if (locks > 0) found += fmt::format(" {} locks", locks);
  }
  if (!unwatched().empty()) return found;
  std::optional<Runs> call;
  const auto calls = test::system_calls(
      [&] {
        begin(call);
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
    const std::string found =
        breach<Call>([&](std::optional<Call>& call) { call.emplace(program, inputs, threads); }, threads);
    CHECK_MESSAGE(found.empty(), name << ", " << threads << " threads:" << found);
  }
}

/// The same of the steps of a stream over as many hops.
void check_steps(const std::string& name, const std::shared_ptr<const runtime::StreamProgram>& program, int64_t hops,
                 int64_t rows) {
  const runtime::StreamPlan& plan = program->plan();
  test::Random random(1);
  Tensors frames;
  for (const runtime::StreamInput& input : plan.inputs) {
    std::vector<int64_t> shape;
    std::map<std::string, ir::Dim> others;  // named dims besides those of streams
    for (const ir::Dim& dim : input.type.shape)
      if (dim.is_symbol()) others[dim.symbol_name()] = ir::Dim(3);
    for (const ir::Dim& dim : input.type.shape)
      shape.push_back(dim.substitute({{plan.rows, rows}, {plan.time, hops * plan.hop}}).substitute(others).constant());
    frames.push_back(test::random_tensor(input.type.dtype, shape, random));
  }
  for (int threads = 1; threads <= 2; ++threads) {
    const std::string found =
        breach<Steps>([&](std::optional<Steps>& steps) { steps.emplace(program, frames, threads, rows); }, threads);
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

TEST_CASE("contract: streams of the shared models") {
  const auto shared = test::shared_folder("models");
  if (!shared) return;
  int causal = 0, bound = 0;
  for (const fs::path& folder : test::model_folders(*shared)) {
    const std::string name = folder.filename().string(), file = (folder / "model.onnx").string();
    runtime::CompileOptions options = shared_work();
    if (name == "prognosys_lstm_ae") options.dims = {{"batch_size", 1}};
    std::shared_ptr<const runtime::StreamProgram> program;
    try {
      program = runtime::StreamProgram::open(file, {.time = test::time_of_shared_model(name)}, options);
    } catch (const Error&) {  // looks ahead, or has its states as inputs; stream_models_test.cpp holds the reasons
      continue;
    }
    check_steps(name, program, 4, program->plan().rows.empty() ? 1 : 2);
    ++causal;
  }
  for (const test::BoundModel& model : test::bound_shared_models()) {
    const fs::path folder = *shared / model.model;
    if (!fs::exists(folder)) continue;
    runtime::CompileOptions options = model.compile;
    options.target.worth_sharing = 0;
    check_steps(model.model,
                runtime::StreamProgram::open((folder / "model.onnx").string(), {.states = model.states}, options), 1,
                1);
    ++bound;
  }
  if (!std::getenv("SEQC_CASE")) {
    CHECK(causal >= 13);
    CHECK(bound == 8);
  }
}

TEST_SUITE_END();
