// A server in small: threads that share one Program take requests from a queue, clients wait for answers, and in the end there
// are throughput and latencies. Each thread has a Session of its own, which is all that a thread needs.
//   server model.so [--threads 4] [--clients 8] [--seconds 2] [NAME=NUMBER ...]      e.g. server lstm.so T=100 N=1
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <random>
#include <seqc/runtime.hpp>
#include <set>
#include <string>
#include <thread>

namespace {

using seqc::ir::Tensor;
using Clock = std::chrono::steady_clock;
using Tensors = std::vector<Tensor>;

struct Request {
  Tensors inputs;
  std::promise<Tensors> answer;
};

/// Requests in the order in which they came, for any number of threads.
class Queue {
 public:
  void put(Request request) {
    {
      const std::scoped_lock lock(mutex_);
      requests_.push_back(std::move(request));
    }
    changed_.notify_one();
  }
  /// Waits for one; false after close().
  bool take(Request& request) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !requests_.empty(); });
    if (requests_.empty()) return false;
    request = std::move(requests_.front());
    requests_.pop_front();
    return true;
  }
  void close() {
    {
      const std::scoped_lock lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request> requests_;
  bool closed_ = false;
};

void serve(Queue& queue, const std::shared_ptr<const seqc::runtime::Program>& program) {
  seqc::runtime::Session session(program);  // checks inputs, holds the memory that a run works in
  for (Request request; queue.take(request);) {
    try {
      request.answer.set_value(session.run(request.inputs));
    } catch (const seqc::Error&) {  // a request at fault is that client's affair
      request.answer.set_exception(std::current_exception());
    }
  }
}

/// Inputs like those of a client: noise, in shapes with the given dims.
Tensors some_inputs(const seqc::runtime::Program& program, std::map<std::string, int64_t> dims, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Tensors inputs;
  for (const seqc::runtime::Port& port : program.inputs()) {
    std::vector<int64_t> shape;
    for (const seqc::ir::Dim& dim : port.type.shape) {
      std::set<std::string> names;
      dim.collect_symbols(names);
      for (const std::string& name : names) dims.try_emplace(name, 1);
      shape.push_back(dim.evaluate(dims));
    }
    Tensor& input = inputs.emplace_back(port.type.dtype, shape);
    if (const auto fixed = program.fixed_values().find(port.name); fixed != program.fixed_values().end())
      input = fixed->second;
    else if (seqc::ir::is_float(port.type.dtype))
      for (int64_t i = 0; i < input.count(); ++i) input.set_real(i, normal(random));
  }
  return inputs;
}

struct Options {
  std::string model;
  int threads = 4, clients = 8;
  double seconds = 2;
  std::map<std::string, int64_t> dims;
};

/// A client asks for the same thing again and again; how long each answer took, in microseconds.
std::vector<double> ask(Queue& queue, const Tensors& inputs, const Tensors& expected, Clock::time_point end) {
  std::vector<double> latencies;
  while (Clock::now() < end) {
    const auto start = Clock::now();
    Request request{inputs, {}};
    std::future<Tensors> answer = request.answer.get_future();
    queue.put(std::move(request));
    const Tensors outputs = answer.get();
    latencies.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    for (size_t i = 0; i < outputs.size(); ++i)
      if (!outputs[i].identical(expected[i]))
        throw std::runtime_error("an answer differs from what one thread computes");
  }
  return latencies;
}

int run(const Options& options) {
  const auto program = seqc::runtime::Program::open(options.model);
  Queue queue;
  std::vector<std::thread> threads;
  for (int i = 0; i < options.threads; ++i) threads.emplace_back([&] { serve(queue, program); });

  seqc::runtime::Session alone(program);
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds));
  std::vector<std::future<std::vector<double>>> clients;
  for (int i = 0; i < options.clients; ++i) {
    Tensors inputs = some_inputs(*program, options.dims, static_cast<unsigned>(i));
    Tensors expected = alone.run(inputs);
    clients.push_back(
        std::async(std::launch::async, [&queue, end, inputs = std::move(inputs), expected = std::move(expected)] {
          return ask(queue, inputs, expected, end);
        }));
  }
  std::vector<double> latencies;
  std::exception_ptr failure;
  for (auto& client : clients) {
    try {
      const std::vector<double> own = client.get();
      latencies.insert(latencies.end(), own.begin(), own.end());
    } catch (...) {
      failure = std::current_exception();
    }
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  queue.close();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);

  std::sort(latencies.begin(), latencies.end());
  const auto percentile = [&](double share) {
    return latencies.empty() ? 0 : latencies[static_cast<size_t>(share * static_cast<double>(latencies.size() - 1))];
  };
  std::printf("%zu answers by %d threads to %d clients: %.0f a second\n", latencies.size(), options.threads,
              options.clients, static_cast<double>(latencies.size()) / seconds);
  std::printf("latency: median %.1f us, 90%% %.1f us, 99%% %.1f us, largest %.1f us\n", percentile(0.5),
              percentile(0.9), percentile(0.99), percentile(1));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    if (argument == "--threads" && i + 1 < argc)
      options.threads = std::max(1, std::atoi(argv[++i]));
    else if (argument == "--clients" && i + 1 < argc)
      options.clients = std::max(1, std::atoi(argv[++i]));
    else if (argument == "--seconds" && i + 1 < argc)
      options.seconds = std::atof(argv[++i]);
    else if (equals != std::string::npos)
      options.dims[argument.substr(0, equals)] = std::atoll(argument.c_str() + equals + 1);
    else
      options.model = argument;
  }
  if (options.model.empty()) {
    std::fprintf(stderr, "usage: server model.so [--threads N] [--clients N] [--seconds S] [NAME=NUMBER ...]\n");
    return 2;
  }
  try {
    return run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
