/// Compiled programs as Python sees them.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/session.h"
#include "tools/python/arrays.h"
#include "tools/python/ports.h"

namespace seqc::python {

/// Sessions for as many calls as run at the same time; each is used by one of them at a time.
class SessionPool {
 public:
  SessionPool(std::shared_ptr<const runtime::Program> program, int threads);

  /// Gives its session back at its end.
  class Lease {
   public:
    explicit Lease(SessionPool& pool) : pool_(pool), session_(pool.take()) {}
    ~Lease() { pool_.give(std::move(session_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    runtime::Session* operator->() const { return session_.get(); }

   private:
    SessionPool& pool_;
    std::unique_ptr<runtime::Session> session_;
  };

 private:
  std::unique_ptr<runtime::Session> take();
  void give(std::unique_ptr<runtime::Session> session);

  std::shared_ptr<const runtime::Program> program_;
  int threads_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<runtime::Session>> free_;
};

/// Immutable; any number of Python's threads may run it at the same time.
class Program {
 public:
  /// `declared`: what the model's file says of its inputs and outputs; empty for programs without one.
  Program(std::shared_ptr<const runtime::Program> program, std::string name, int threads,
          const std::vector<frontend::ModelSummary::Port>& declared_inputs = {},
          const std::vector<frontend::ModelSummary::Port>& declared_outputs = {});

  /// Outputs as a dict or a list, like the inputs; without the GIL while it computes.
  py::object run(const py::object& inputs, const py::object& out);

  const runtime::Program& program() const { return *program_; }
  const std::string& name() const { return name_; }
  int threads() const { return threads_; }
  const std::vector<Port>& inputs() const { return inputs_; }
  const std::vector<Port>& outputs() const { return outputs_; }
  std::string str() const;

 private:
  struct Given;  // an array of `out`
  struct Call;
  std::vector<Argument> take_inputs(const py::object& inputs) const;
  std::vector<Given> take_out(const py::object& out) const;
  void compute(Call& call);
  py::object result(Call& call, bool as_dict) const;

  std::shared_ptr<const runtime::Program> program_;
  std::string name_;
  int threads_;
  std::vector<Port> inputs_, outputs_;
  std::vector<py::dtype> dtypes_;  ///< of the program's outputs
  SessionPool sessions_;
};

}  // namespace seqc::python
