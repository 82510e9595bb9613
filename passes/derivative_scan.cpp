// The derivative of a scan is a scan in the opposite direction: adjoints of the states are carried from the last step to the
// first, and each step is computed again from what was saved of it.
//
//   h' = f(h, x[t], w), y[t] = g(h, x[t], w)     gives     dh = f_h dh' + g_h dy[t],  dx[t] = f_x dh' + g_x dy[t],
//                                                          dw = sum over t of f_w dh' + g_w dy[t]
//
// Products in dw leave the scan as one product over all steps (sunk_sums.h); what is saved is chosen in saved_values.h.
#include <algorithm>

#include "ir/error.h"
#include "ir/named_dims.h"
#include "passes/checkpoints.h"
#include "passes/region_view.h"
#include "passes/reverse_sweep.h"
#include "passes/rewrite.h"
#include "passes/saved_values.h"
#include "passes/sunk_sums.h"

namespace seqc::passes {

using namespace ir;

namespace {

/// One scan and the scan back through it, whose body is written in a region of a draft first: which values it scans is
/// known only when its ops are.
class ScanGradient {
 public:
  ScanGradient(ReverseSweep& sweep, Op* op, const std::vector<Value*>& adjoints, bool whole_steps)
      : sweep_(sweep),
        b_(sweep.builder()),
        scan_(op),
        adjoints_(adjoints),
        whole_steps_(whole_steps),
        captures_(varying_captures(sweep, op)),
        draft_(b_.block().create(Opcode::Scan, {}, op->attr())),
        body_(draft_->add_region()),
        step_outputs_(body_, scan_.length(), sweep.policy()) {
    find_active_carries();
    clone_step();
    sweep_step();
    collect_outputs();
  }

  /// What would be kept of each step.
  SavedValues choose(Recompute how) const {
    Recomputed clones{.ops = clones_, .free = {}, .states = {}};
    for (int64_t i = 0; i < scan_.carries(); ++i) clones.states.insert(states_[i]);
    for (int64_t i = 0; i < scan_.outputs(); ++i)
      if (!whole_steps_ && !scan_.output(i)->unused() && yielded_->operand(scan_.carries() + i)->op())
        clones.free.insert(yielded_->operand(scan_.carries() + i));
    const ValueSet made = results_of(clones_);
    std::vector<Value*> needed;
    bool behind = false;
    for (const Op* op : body_.op_list()) {
      if (behind)
        for_each_operand(op, [&](Value* value) {
          if (made.contains(value) || clones.states.contains(value)) needed.push_back(value);
        });
      behind = behind || op == yielded_;
    }
    return choose_saved(clones, needed, how, sweep_.policy());
  }

  /// Bytes of a step that stay until the end: what is saved, and what the step back gives for sums outside.
  double step_bytes(const SavedValues& saved) const {
    double bytes = saved.bytes;
    for (const Value* value : step_outputs_.emitted())
      if (value->op() && std::find(saved.values.begin(), saved.values.end(), value) == saved.values.end())
        bytes += sweep_.policy().bytes(value);
    return bytes;
  }
  double state_bytes() const {
    double bytes = 0;
    for (int64_t i = 0; i < scan_.carries(); ++i) bytes += sweep_.policy().bytes(scan_.initial(i));
    return bytes;
  }

  void discard() { draft_->erase(); }

  /// Lets the scan give what is to be saved, and writes the scan back.
  void commit(const SavedValues& saved) {
    if (!whole_steps_) take_over_step();
    for (Value* value : saved.values) {
      Value* stacked = stack_of(value);
      Value* argument = body_.add_argument(value->type(), value->name());
      scanned_.emplace_back(argument, stacked);
      value->replace_all_uses_with(argument);
    }
    yielded_->erase();
    erase_unused(clones_);
    take_known_outputs();
    const Op* back = write_scan();
    give_adjoints(back);
  }

 private:
  struct Sunk {
    const Value* of;
    StepOutputs::Sum sum;
  };

  static ValueSet results_of(const std::vector<Op*>& ops) {
    ValueSet results;
    for (const Op* op : ops)
      for (size_t i = 0; i < op->result_count(); ++i) results.insert(op->result(i));
    return results;
  }

  // --- the draft -------------------------------------------------------------------------------------------------

  /// Carries that depend on something that varies, at their start or by a step.
  void find_active_carries() {
    active_.resize(static_cast<size_t>(scan_.carries()));
    ValueSet roots(captures_.begin(), captures_.end());
    for (int64_t i = 0; i < scan_.inputs(); ++i)
      if (sweep_.varies(scan_.input(i))) roots.insert(scan_.step_input(i));
    for (bool changed = true; changed;) {
      changed = false;
      for (int64_t i = 0; i < scan_.carries(); ++i) {
        if (active_[i] || !is_float(scan_.initial(i)->dtype())) continue;
        const bool varies = sweep_.varies(scan_.initial(i)) || roots.contains(scan_.next(i));
        if (!varies) continue;
        active_[i] = changed = true;
        roots.insert(scan_.argument(i));
      }
      const size_t before = roots.size();
      roots = dependents(scan_.body().op_list(), std::move(roots));
      changed = changed || roots.size() != before;
    }
  }

  /// The step's ops once more, with its yield behind them.
  void clone_step() {
    for (int64_t i = 0; i < scan_.carries(); ++i) {
      states_.push_back(body_.add_argument(scan_.argument(i)->type(), scan_.argument(i)->name()));
      map_[scan_.argument(i)] = states_.back();
    }
    for (int64_t i = 0; i < scan_.inputs(); ++i) {
      inputs_.push_back(body_.add_argument(scan_.step_input(i)->type(), scan_.step_input(i)->name()));
      map_[scan_.step_input(i)] = inputs_.back();
      scanned_.emplace_back(inputs_.back(), scan_.input(i));
    }
    clone_ops(scan_.body(), body_, nullptr, map_, true);
    yielded_ = body_.terminator();
  }

  std::vector<Op*> ops_in_front() const {
    std::vector<Op*> ops = body_.op_list();
    ops.erase(std::find(ops.begin(), ops.end(), yielded_), ops.end());
    return ops;
  }

  void sweep_step() {
    ValueSet roots(captures_.begin(), captures_.end());
    for (int64_t i = 0; i < scan_.carries(); ++i)
      if (active_[i]) roots.insert(states_[i]);
    for (int64_t i = 0; i < scan_.inputs(); ++i)
      if (sweep_.varies(scan_.input(i))) roots.insert(inputs_[i]);
    SavePolicy policy = sweep_.policy();
    if (whole_steps_) {  // the length of a segment was chosen by what its steps take
      policy.max_saved_bytes = -1;
      policy.lean = true;
    }
    ReverseSweep step(Builder(b_.function(), body_), dependents(ops_in_front(), std::move(roots)), std::move(policy));
    step.builder().set_location(b_.location());
    for (int64_t i = 0; i < scan_.carries(); ++i) {
      carried_.push_back(active_[i] ? body_.add_argument(states_[i]->type()) : nullptr);
      if (active_[i]) step.add(yielded_->operand(i), carried_[i]);
    }
    for (int64_t i = 0; i < scan_.outputs(); ++i) {
      Value* adjoint = adjoints_[static_cast<size_t>(scan_.carries() + i)];
      if (!adjoint) continue;
      Value* argument = body_.add_argument(scan_.step_output(i)->type());
      scanned_.emplace_back(argument, adjoint);
      step.add(yielded_->operand(scan_.carries() + i), argument);
    }
    step.run(ops_in_front());
    clones_ = ops_in_front();  // some may have been rewritten
    collect_sums(step);
    for (int64_t i = 0; i < scan_.carries(); ++i)
      if (active_[i]) next_.push_back(step.adjoint_or_zeros(states_[i]));
    collect_input_adjoints(step);
  }

  /// Derivatives by what the step reads from outside: sums over all steps, outside where that is better, else carried.
  void collect_sums(ReverseSweep& step) {
    std::vector<std::pair<Value*, Value*>> left;
    for (Value* capture : captures_)
      for (Value* part : step.contributions(capture)) {
        auto sum = whole_steps_ ? std::nullopt : step_outputs_.sum(part, false);
        if (sum)
          sunk_.push_back({capture, *sum});
        else
          left.emplace_back(capture, part);
      }
    for (const auto& [capture, part] : left) {
      if (auto sum = whole_steps_ ? std::nullopt : step_outputs_.sum(part, true)) {
        sunk_.push_back({capture, *sum});
        continue;
      }
      const auto same = std::find_if(carried_sums_.begin(), carried_sums_.end(),
                                     [&, of = capture](const auto& entry) { return entry.first == of; });
      if (same == carried_sums_.end())
        carried_sums_.emplace_back(capture, part);
      else
        same->second = step.builder().add(same->second, part);
    }
  }

  void collect_input_adjoints(ReverseSweep& step) {
    for (int64_t i = 0; i < scan_.inputs(); ++i) {
      Value* rest = nullptr;
      for (Value* part : step.contributions(inputs_[i])) {
        auto all = whole_steps_ ? std::nullopt : step_outputs_.all_steps(part);
        if (all)
          sunk_.push_back({scan_.input(i), *all});
        else
          rest = rest ? step.builder().add(rest, part) : part;
      }
      if (rest)
        sunk_.push_back({scan_.input(i), [place = step_outputs_.emit(rest)](
                                             Builder&, const std::vector<Value*>& stacked) { return stacked[place]; }});
    }
  }

  /// Ends the draft with what the step back gives.
  void collect_outputs() {
    std::vector<Value*> yields = next_;
    Builder b(b_.function(), body_);
    for (const auto& [capture, part] : carried_sums_) {
      sums_.push_back(body_.add_argument(capture->type()));
      yields.push_back(b.add(sums_.back(), part));
    }
    const auto& emitted = step_outputs_.emitted();
    yields.insert(yields.end(), emitted.begin(), emitted.end());
    body_.create(Opcode::Yield, std::move(yields), NoAttr{});
    std::vector<Op*> back = body_.op_list();
    back.erase(back.begin(), std::find(back.begin(), back.end(), yielded_));
    erase_unused(back);
  }

  // --- the result ------------------------------------------------------------------------------------------------

  /// Sweeping may have changed the draft's ops with regions so that they give more; the scan's own step becomes the same.
  void take_over_step() {
    if (std::none_of(clones_.begin(), clones_.end(), [](const Op* op) { return op->region_count() > 0; })) {
      for (const auto& [of, clone] : map_) origins_[clone] = const_cast<Value*>(of);
      return;
    }
    Op* end = scan_.body().terminator();
    std::vector<Op*> old = scan_.body().op_list();
    for (int64_t i = 0; i < scan_.carries(); ++i) origins_[states_[i]] = scan_.argument(i);
    for (int64_t i = 0; i < scan_.inputs(); ++i) origins_[inputs_[i]] = scan_.step_input(i);
    for (const Op* op : clones_) clone(*op, scan_.body(), end, origins_);
    std::vector<Value*> yields;
    for (Value* value : yielded_->operands()) {
      const auto it = origins_.find(value);
      yields.push_back(it == origins_.end() ? value : it->second);
    }
    end->set_operands(std::move(yields));
    old.pop_back();
    for (auto op = old.rbegin(); op != old.rend(); ++op) (*op)->erase();
  }

  /// All steps of a value of the step, from the scan.
  Value* stack_of(const Value* value) {
    if (whole_steps_)
      for (const auto& [of, clone] : map_)
        if (clone == value) origins_[clone] = const_cast<Value*>(of);
    const auto it = origins_.find(value);
    SEQC_CHECK(it != origins_.end(), "a value to be saved is not one of the scan's step");
    Op* end = scan_.body().terminator();
    for (int64_t i = 0; i < scan_.outputs(); ++i)
      if (scan_.step_output(i) == it->second) return scan_.output(i);
    std::vector<Value*> yields = end->operands();
    yields.push_back(it->second);
    end->set_operands(std::move(yields));
    Shape shape = value->shape();
    shape.insert(shape.begin(), scan_.length());
    return scan_.op()->add_result({value->dtype(), std::move(shape)}, value->name());
  }

  /// What the draft emits as it scans it is there already.
  void take_known_outputs() {
    Op* end = body_.terminator();
    const size_t first = next_.size() + carried_sums_.size();
    std::vector<Value*> kept(end->operands().begin(), end->operands().begin() + static_cast<ptrdiff_t>(first));
    for (size_t i = first; i < end->operands().size(); ++i) {
      const auto known = std::find_if(scanned_.begin(), scanned_.end(),
                                      [&](const auto& entry) { return entry.first == end->operand(i); });
      stacked_.push_back(known == scanned_.end() ? nullptr : known->second);
      if (known == scanned_.end()) kept.push_back(end->operand(i));
    }
    end->set_operands(std::move(kept));
  }

  const Op* write_scan() {
    std::vector<Value*> initial, scanned;
    std::vector<Value*> arguments;  // of the draft, in the order of the scan's
    for (int64_t i = 0; i < scan_.carries(); ++i) {
      if (!active_[i]) continue;
      Value* given = adjoints_[static_cast<size_t>(i)];
      initial.push_back(given ? given : zeros_like(b_, scan_.initial(i)));
      arguments.push_back(carried_[i]);
    }
    for (size_t i = 0; i < sums_.size(); ++i) {
      initial.push_back(zeros_like(b_, carried_sums_[i].first));
      arguments.push_back(sums_[i]);
    }
    for (const auto& [argument, outer] : scanned_) {
      if (argument->unused()) continue;
      scanned.push_back(outer);
      arguments.push_back(argument);
    }
    const auto move = [&](Builder& inner, const std::vector<Value*>& actual) {
      for (size_t i = 0; i < actual.size(); ++i) {
        actual[i]->set_name(arguments[i]->name());
        if (!arguments[i]->unused()) arguments[i]->replace_all_uses_with(actual[i]);
      }
      Op* end = body_.terminator();
      std::vector<Value*> yields = end->operands();
      end->erase();
      for (Op* op : body_.op_list()) op->move_to_end(inner.block());
      return yields;
    };
    const Op* back = b_.scan(scan_.length(), std::move(initial), std::move(scanned), move, !scan_.reverse());
    draft_->erase();
    return back;
  }

  void give_adjoints(const Op* back) {
    size_t result = 0;
    for (int64_t i = 0; i < scan_.carries(); ++i)
      if (active_[i]) sweep_.add(scan_.initial(i), back->result(result++));
    for (const auto& [capture, part] : carried_sums_) sweep_.add(capture, back->result(result++));
    for (Value*& stacked : stacked_)
      if (!stacked) stacked = back->result(result++);
    for (const Sunk& sunk : sunk_) sweep_.add(sunk.of, sunk.sum(b_, stacked_));
  }

  ReverseSweep& sweep_;
  Builder& b_;
  ScanView scan_;
  const std::vector<Value*>& adjoints_;
  const bool whole_steps_;  ///< nothing is saved but states, and nothing leaves: a step is a whole segment
  const std::vector<Value*> captures_;
  std::vector<char> active_;
  Op* draft_;
  Block& body_;
  Op* yielded_ = nullptr;  ///< the draft's clone of the step's yield
  std::vector<Op*> clones_;
  ValueMap map_, origins_;                          ///< from the scan's step to the draft, and back
  std::vector<Value*> states_, inputs_;             ///< the draft's arguments for the step's
  std::vector<Value*> carried_, sums_;              ///< for adjoints of carries (null: not active), and for sums
  std::vector<std::pair<Value*, Value*>> scanned_;  ///< an argument of the draft, and what it is a step of
  std::vector<Value*> next_;                        ///< adjoints of the active states before the step
  std::vector<std::pair<Value*, Value*>> carried_sums_;
  StepOutputs step_outputs_;
  std::vector<Sunk> sunk_;
  std::vector<Value*> stacked_;  ///< what step_outputs_ emits, of all steps
};

/// Cuts the scan into segments that keep within the limit, and differentiates those.
void differentiate_segments(ReverseSweep& sweep, Op* op, int64_t steps) {
  const Rewritten segments = scan_in_segments(op, steps);
  for (size_t i = 0; i < segments.results.size(); ++i) sweep.replace(op->result(i), segments.results[i]);
  put_in_place(op, segments);
  sweep.extend(segments.ops);
  for (auto it = segments.ops.rbegin(); it != segments.ops.rend(); ++it) {
    if (*it != segments.outer) {
      sweep.run({*it});
      continue;
    }
    std::vector<Value*> adjoints;
    for (size_t i = 0; i < segments.outer->result_count(); ++i)
      adjoints.push_back(sweep.adjoint(segments.outer->result(i)));
    if (std::none_of(adjoints.begin(), adjoints.end(), [](const Value* value) { return value; })) continue;
    ScanGradient gradient(sweep, segments.outer, adjoints, true);
    gradient.commit(gradient.choose(Recompute::Everything));
  }
}

}  // namespace

void differentiate_scan(ReverseSweep& sweep, Op* op, const std::vector<Value*>& adjoints) {
  if (binds_dims(op->region()))
    fail(ErrorKind::Unsupported, "{}: the derivative of a scan in which sizes are decided by data is not supported",
         op->location());
  ScanGradient gradient(sweep, op, adjoints, false);
  const SavePolicy& policy = sweep.policy();
  const double limit = static_cast<double>(policy.max_saved_bytes), steps = policy.size(op->as<ScanAttr>().length);
  SavedValues saved = gradient.choose(policy.lean ? Recompute::All : Recompute::Cheap);
  const auto fits = [&] { return limit < 0 || gradient.step_bytes(saved) * steps <= limit; };
  if (!fits()) saved = gradient.choose(Recompute::All);
  bool asked_for = false;
  for (size_t i = 0; i < op->result_count(); ++i) asked_for = asked_for || sweep.stops(op->result(i));
  if (fits() || asked_for || steps < 4) return gradient.commit(saved);
  const double step = gradient.step_bytes(saved), state = gradient.state_bytes();
  gradient.discard();
  differentiate_segments(sweep, op, segment_steps(steps, state, step, limit));
}

}  // namespace seqc::passes
