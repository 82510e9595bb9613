// Named dims: their values from the shapes of a function's inputs.
#include <optional>
#include <set>

#include "ir/interpret_ops.h"

namespace seqc::ir {
namespace {

std::string input_name(const Function& function, size_t i) {
  const std::string& name = function.body().argument(i)->name();
  return name.empty() ? fmt::format("input {}", i) : fmt::format("input \"{}\"", name);
}

/// Where a name got its value, for messages.
struct Binding {
  int64_t value;
  size_t input;
};
using Bindings = std::map<std::string, Binding>;

class Binder {
 public:
  Binder(const Function& function, const std::vector<Tensor>& inputs) : function_(function), inputs_(inputs) {}

  DimBindings run() {
    check_types();
    // Bare names first; then expressions with one unknown, each of which may settle the next.
    for_each_dim([&](size_t input, const Dim& dim, int64_t size) {
      if (dim.is_symbol()) bound_.try_emplace(dim.symbol_name(), Binding{size, input});
    });
    for (size_t before = bound_.size() + 1; before != bound_.size();) {
      before = bound_.size();
      for_each_dim([&](size_t input, const Dim& dim, int64_t size) { solve(input, dim, size); });
    }
    for_each_dim([&](size_t input, const Dim& dim, int64_t size) { check(input, dim, size); });
    return values();
  }

 private:
  template <class F>
  void for_each_dim(F f) {
    for (size_t i = 0; i < inputs_.size(); ++i)
      for (size_t d = 0; d < inputs_[i].shape().size(); ++d) f(i, type(i).shape[d], inputs_[i].shape()[d]);
  }

  const Type& type(size_t input) const { return function_.body().argument(input)->type(); }

  DimBindings values() const {
    DimBindings result;
    for (const auto& [name, binding] : bound_) result.emplace(name, binding.value);
    return result;
  }

  void check_types() const {
    const size_t expected = function_.body().argument_count();
    if (inputs_.size() != expected)
      fail(ErrorKind::BadInput, "function \"{}\": got {} inputs, expected {}", function_.name, inputs_.size(),
           expected);
    for (size_t i = 0; i < expected; ++i) {
      if (inputs_[i].dtype() != type(i).dtype) mismatch(i, "element type");
      if (inputs_[i].rank() != type(i).rank()) mismatch(i, "rank");
    }
  }

  [[noreturn]] void mismatch(size_t input, const std::string& remedy) const {
    fail(ErrorKind::BadInput, "{}: got {}, expected {}; check {}", input_name(function_, input),
         inputs_[input].type_str(), type(input).str(), remedy);
  }

  /// Binds the name in a*name + b = size, where a and b are numbers once the known names are replaced.
  void solve(size_t input, const Dim& dim, int64_t size) {
    std::map<std::string, Dim> known;
    for (const auto& [name, binding] : bound_) known.emplace(name, Dim(binding.value));
    int64_t factor = 0, constant = 0;
    std::string unknown;
    for (const Dim::Term& term : dim.substitute(known).terms()) {
      if (term.atoms.empty()) {
        constant = term.coefficient;
      } else if (term.atoms.size() == 1 && term.atoms[0]->kind == AtomKind::Symbol && unknown.empty()) {
        unknown = term.atoms[0]->name;
        factor = term.coefficient;
      } else {
        return;
      }
    }
    if (unknown.empty() || (size - constant) % factor != 0 || (size - constant) / factor < 0) return;
    bound_.emplace(unknown, Binding{(size - constant) / factor, input});
  }

  void check(size_t input, const Dim& dim, int64_t size) const {
    std::set<std::string> names;
    dim.collect_symbols(names);
    std::string known;
    for (const std::string& name : names) {
      const auto it = bound_.find(name);
      if (it == bound_.end()) mismatch(input, fmt::format("{}: no size of {} fits", dim.str(), name));
      known += fmt::format("{}{} = {} from {}", known.empty() ? "" : ", ", name, it->second.value,
                           input_name(function_, it->second.input));
    }
    const int64_t expected = dim.evaluate(values());
    if (expected == size) return;
    mismatch(input, dim.is_constant()
                        ? fmt::format("the size {}, expected {}", size, expected)
                        : fmt::format("the size {}, expected {} = {} ({})", size, dim.str(), expected, known));
  }

  const Function& function_;
  const std::vector<Tensor>& inputs_;
  Bindings bound_;
};

}  // namespace

DimBindings bind_dims(const Function& function, const std::vector<Tensor>& inputs) {
  return Binder(function, inputs).run();
}

}  // namespace seqc::ir
