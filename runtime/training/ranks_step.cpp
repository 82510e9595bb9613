#include "runtime/training/ranks_step.h"

#include <algorithm>

#include "frontend/dsl/model.h"
#include "ir/builder.h"
#include "ir/clone.h"
#include "ir/error.h"
#include "ir/verifier.h"
#include "passes/pass.h"
#include "runtime/training/row_flow.h"
#include "runtime/training/update.h"

namespace seqc::training {

using ir::Dim;
using ir::Function;
using ir::Value;
using Values = std::vector<Value*>;

namespace {

Values part(const Values& values, size_t begin, size_t count) {
  return {values.begin() + static_cast<ptrdiff_t>(begin), values.begin() + static_cast<ptrdiff_t>(begin + count)};
}

/// A copy of the model's part of a step, cut at the sums over all rows.
class Cut {
 public:
  Cut(const StepFunction& forward, const std::string& rows) : function(ir::clone(*forward.function)) {
    take_outputs(forward);
    Values wanted = metrics;
    wanted.insert(wanted.end(), carried.begin(), carried.end());
    RowFlows flows(f(), wanted, rows);
    for (size_t i = 0; i < carried.size(); ++i)
      if (const auto kind = flows.of(carried[i]).kind; kind == RowFlow::Kind::Sum || kind == RowFlow::Kind::Total)
        fail(ErrorKind::Unsupported, "several ranks: carry \"{}\" is computed from a sum over all rows of a batch",
             forward.carried[i].first);
    sums = flows.sums();
    commons = flows.commons();
    std::erase_if(commons, [&](const Value* value) {
      return std::find(carried.begin(), carried.end(), value) != carried.end() && value->users().size() == 1;
    });
    const Values of_loss = flows.sums_of(metrics.front());
    for (size_t i = 0; i < sums.size(); ++i)
      if (std::find(of_loss.begin(), of_loss.end(), sums[i]) != of_loss.end() && flows.of(sums[i]).from_parameters &&
          is_float(sums[i]->dtype()))
        seeded.push_back(i);
    const Dim all = Dim::symbol("rows_of_all_ranks"), before = Dim::symbol("rows_of_ranks_before");
    f().body().add_argument({ir::DType::boolean, {all}}, kAllRows);
    f().body().add_argument({ir::DType::boolean, {before}}, kRowsBefore);
    flows.count_all_rows(all, before);
    take_outputs(forward);  // one may have been a counter, which is another value now
  }

  Function& f() { return *function; }

  void take_outputs(const StepFunction& forward) {
    const Values& all = outputs();
    metrics = part(all, 0, forward.metrics.size());
    checks = part(all, metrics.size(), forward.checks.size());
    carried = part(all, metrics.size() + checks.size(), forward.carried.size());
  }

  Value* argument(const std::string& name) {
    for (size_t i = 0; i < f().body().argument_count(); ++i)
      if (f().body().argument(i)->name() == name) return f().body().argument(i);
    return nullptr;
  }
  Value* add_argument(const std::string& name, const ir::Type& type) { return f().body().add_argument(type, name); }

  void set_outputs(const Values& values) { f().body().terminator()->set_operands(values); }
  const Values& outputs() { return f().body().terminator()->operands(); }

  /// Leaves of the model what is computed from sums and common values, which become inputs; metrics stay outputs.
  void keep_behind(const Values& outputs) {
    set_outputs(outputs);
    for (size_t i = 0; i < sums.size(); ++i) {
      Value* given = add_argument(fmt::format("sum:{}", i), sums[i]->type());
      sums[i]->replace_all_uses_with(given);
      sums[i] = given;
    }
    for (size_t i = 0; i < commons.size(); ++i)
      commons[i]->replace_all_uses_with(add_argument(fmt::format("common:{}", i), commons[i]->type()));
    remove_dead_code();
  }

  void remove_dead_code() {
    // Until names are set, the return has as many as it has operands.
    f().output_names.assign(outputs().size(), "");
    for (size_t i = 0; i < outputs().size(); ++i) f().output_names[i] = fmt::format("output:{}", i);
    passes::PassContext context;
    passes::eliminate_dead_code(f(), context);
  }

  /// The function with these outputs; of its inputs those that it needs, and (`with_batch`) those that tell sizes.
  std::unique_ptr<Function> finish(const std::vector<std::string>& names, const std::vector<std::string>& batch) {
    remove_dead_code();
    if (!names.empty()) f().output_names = names;
    for (size_t i = f().body().argument_count(); i-- > 0;) {
      const Value* value = f().body().argument(i);
      const bool tells = !batch.empty() && (value->name() == kAllRows || value->name() == kRowsBefore ||
                                            std::find(batch.begin(), batch.end(), value->name()) != batch.end());
      if (value->unused() && !tells) f().body().erase_argument(i);
    }
    if (const auto faults = ir::verify(f()); !faults.empty())
      fail(ErrorKind::BadInput, "model \"{}\": {}", f().name, faults[0].message);
    return std::move(function);
  }

  std::unique_ptr<Function> function;
  Values metrics, checks, carried, sums, commons;
  std::vector<size_t> seeded;
};

Value* sum_of_all(ir::Builder& b, Value* x) {
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < x->rank(); ++i) axes.push_back(i);
  return axes.empty() ? x : b.reduce(ir::ReduceKind::Sum, x, axes);
}

/// Those of the function's own parameters that are used.
Values used_parameters(const Function& f) {
  Values result = f.parameters();
  std::erase_if(result, [](const Value* parameter) { return parameter->unused(); });
  return result;
}

class RanksConstruction {
 public:
  RanksConstruction(StepFunction forward, const TrainerOptions& options) : options_(options) {
    result_.step = std::move(forward);
    Cut cut(result_.step, options.rows);
    for (const Value* sum : cut.sums) result_.sums.push_back(sum->type());
    result_.seeded = cut.seeded;
    result_.commons = cut.commons.size();
  }

  RanksStep training() {
    build_seeds();
    build_totals(result_.early, false);
    build_gradients();
    build_update();
    return std::move(result_);
  }

  RanksStep evaluation() {
    std::vector<size_t> all(result_.sums.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = i;
    build_totals(all, true);
    Cut cut = new_cut();
    cut.keep_behind(cut.metrics);
    result_.update = cut.finish(result_.step.metrics, {});
    return std::move(result_);
  }

 private:
  Cut new_cut() { return Cut(result_.step, options_.rows); }

  void build_seeds() {
    Cut cut = new_cut();
    cut.keep_behind({cut.metrics.front()});
    direct_ = !used_parameters(cut.f()).empty();
    Values by;
    for (const size_t i : cut.seeded) by.push_back(cut.sums[i]);
    if (by.empty())
      fail(ErrorKind::Unsupported, "several ranks: the loss is no function of sums over the rows of a batch");
    Values seeds;
    for (const auto& gradient : passes::gradients(cut.f(), cut.outputs().front(), by)) seeds.push_back(gradient.dense);
    cut.set_outputs(seeds);
    result_.seeds = cut.finish({}, {});
    for (size_t i = 0; i < result_.sums.size(); ++i)
      for (size_t k = 0; k < result_.seeds->body().argument_count(); ++k)
        if (result_.seeds->body().argument(k)->name() == fmt::format("sum:{}", i)) result_.early.push_back(i);
  }

  void build_totals(const std::vector<size_t>& sums, bool with_rest) {
    Cut cut = new_cut();
    Values outputs;
    for (const size_t i : sums) outputs.push_back(cut.sums[i]);
    outputs.insert(outputs.end(), cut.commons.begin(), cut.commons.end());
    if (with_rest) outputs.insert(outputs.end(), cut.checks.begin(), cut.checks.end());
    if (with_rest) outputs.insert(outputs.end(), cut.carried.begin(), cut.carried.end());
    if (outputs.empty()) return;
    cut.set_outputs(outputs);
    result_.totals = cut.finish({}, inputs_of_batch());
  }

  void build_gradients() {
    Cut cut = new_cut();
    ir::Builder b = ir::Builder::before(cut.f().body().terminator());
    b.set_location("training step");
    Value* y = nullptr;
    for (const size_t i : cut.seeded) {
      Value* seed = cut.add_argument(fmt::format("seed:{}", i), cut.sums[i]->type());
      Value* part = b.cast(sum_of_all(b, b.mul(seed, cut.sums[i])), cut.metrics.front()->dtype());
      y = y ? b.add(y, part) : part;
    }
    Values outputs = cut.sums;
    outputs.insert(outputs.end(), cut.checks.begin(), cut.checks.end());
    outputs.insert(outputs.end(), cut.carried.begin(), cut.carried.end());
    cut.set_outputs(outputs);  // so that they are followed where gradients write ops anew
    const bool sparse = options_.optimizer.keeps_rows_without_gradient && !direct_;
    const auto gradients = passes::gradients(
        cut.f(), y, cut.f().parameters(),
        {.max_saved_bytes = options_.max_saved_bytes, .expected_dims = options_.expected_dims, .sparse_rows = sparse});
    outputs = cut.outputs();
    for (const passes::Gradient& gradient : gradients) {
      result_.sparse.push_back(!gradient.dense);
      if (gradient.dense) outputs.push_back(gradient.dense);
      if (!gradient.dense) outputs.insert(outputs.end(), {gradient.indices, gradient.rows});
    }
    cut.set_outputs(outputs);
    result_.gradients = cut.finish({}, inputs_of_batch());
  }

  void build_update() {
    Cut cut = new_cut();
    cut.keep_behind(cut.metrics);
    Function& f = cut.f();
    const Values parameters = f.parameters(), direct = used_parameters(f);
    const auto own = passes::gradients(f, cut.outputs().front(), direct);
    ir::Builder b = ir::Builder::before(f.body().terminator());
    std::vector<passes::Gradient> gradients;
    for (size_t i = 0; i < parameters.size(); ++i) {
      const std::string name = "gradient:" + parameters[i]->name();
      ir::Type type = parameters[i]->type();
      if (result_.sparse[i]) {
        type.shape[0] = Dim::symbol(fmt::format("rows_of_gradient_{}", i));
        Value* indices = cut.add_argument(name + ".indices", {ir::DType::i64, {type.shape[0]}});
        gradients.push_back({.indices = indices, .rows = cut.add_argument(name + ".rows", type)});
        continue;
      }
      Value* sum = cut.add_argument(name, type);
      const auto at = std::find(direct.begin(), direct.end(), parameters[i]);
      gradients.push_back({.dense = at == direct.end() ? sum : b.add(sum, own[size_t(at - direct.begin())].dense)});
    }
    Value* step = cut.argument(dsl::kTrainingStep);
    Values outputs = cut.outputs();
    std::vector<std::string> names = result_.step.metrics;
    append_update(f, step, parameters, gradients, options_, result_.step.states, names, outputs);
    cut.set_outputs(outputs);
    result_.update = cut.finish(names, {});
  }

  /// What tells the sizes of a batch.
  std::vector<std::string> inputs_of_batch() const {
    std::vector<std::string> result = result_.step.data;
    for (const auto& [from, to] : result_.step.carried) result.push_back(to);
    return result;
  }

  const TrainerOptions& options_;
  RanksStep result_;
  bool direct_ = false;  // parameters decide the loss beside the sums, as L2 lets them
};

}  // namespace

RanksStep ranks_training_step(const Function& model, const TrainerOptions& options) {
  return RanksConstruction(forward_step(model, options), options).training();
}

RanksStep ranks_evaluation_step(const Function& model, const TrainerOptions& options) {
  return RanksConstruction(evaluation_step(model, options), options).evaluation();
}

}  // namespace seqc::training
