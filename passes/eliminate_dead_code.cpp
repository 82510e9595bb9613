#include <algorithm>
#include <unordered_set>
#include <vector>

#include "ir/named_dims.h"
#include "passes/pass.h"
#include "passes/region_view.h"
#include "passes/rewrite.h"

namespace seqc::passes {
namespace {

using namespace ir;

/// Which values are needed for the function's outputs. Marking runs from the outputs backwards, through regions: a carry
/// is needed when its result or its argument is, so a carry that feeds only itself is not.
class Liveness {
 public:
  explicit Liveness(const Function& f) : binders_(dim_binders(f)) {
    for (const Value* value : f.body().terminator()->operands()) mark_binders(value->shape());
    mark_all(f.body().terminator()->operands());
    while (!pending_.empty()) {
      const Value* value = pending_.back();
      pending_.pop_back();
      if (const Op* op = value->op()) {
        mark_sources_of_result(op, static_cast<size_t>(value->index()));
        mark_binders(*op);
      } else {
        mark_sources_of_argument(value);
      }
    }
  }

  bool operator()(const Value* value) const { return live_.contains(value); }
  bool any_result(const Op* op) const {
    for (size_t i = 0; i < op->result_count(); ++i)
      if (live_.contains(op->result(i))) return true;
    return false;
  }

 private:
  void mark(const Value* value) {
    if (!value->is_constant() && live_.insert(value).second) pending_.push_back(value);
  }
  void mark_all(const std::vector<Value*>& values) {
    for (const Value* value : values) mark(value);
  }

  /// What gives the named dims that `op` uses their values.
  void mark_binders(const Op& op) {
    if (binders_.empty()) return;
    for (const std::string& name : symbols_of(op))
      if (const auto it = binders_.find(name); it != binders_.end()) mark(it->second->result());
  }
  void mark_binders(const Shape& shape) {
    std::set<std::string> names;
    for (const Dim& dim : shape) dim.collect_symbols(names);
    for (const std::string& name : names)
      if (const auto it = binders_.find(name); it != binders_.end()) mark(it->second->result());
  }

  void mark_sources_of_result(const Op* op, size_t i) {
    const auto yielded = [&](size_t region, size_t k) { return op->region(region).terminator()->operand(k); };
    switch (op->code()) {
      case Opcode::Scan: {
        mark(yielded(0, i));
        if (static_cast<int64_t>(i) < op->as<ScanAttr>().carries) mark(op->operand(i));
        break;
      }
      case Opcode::Loop:
        mark(op->operand(0));
        mark(op->operand(1));
        if (i + 2 < op->operands().size()) mark(op->operand(i + 2));
        mark(yielded(0, 0));
        mark(yielded(0, i + 1));
        break;
      case Opcode::If:
        mark(op->operand(0));
        mark(yielded(0, i));
        mark(yielded(1, i));
        break;
      case Opcode::Kernel: mark(yielded(0, i)); break;
      case Opcode::Contract:
        mark(op->operand(0));
        if (op->as<ContractAttr>().lanes == 0) {
          mark(op->operand(i + 1));
        } else {  // packed weights and the sums to begin with stay together
          mark_all(op->operands());
        }
        break;
      default: mark_all(op->operands());
    }
  }

  void mark_sources_of_argument(const Value* argument) {
    const Op* op = argument->block()->parent_op();
    const auto i = static_cast<size_t>(argument->index());
    if (!op) return;  // an input of the function
    if (op->code() == Opcode::Scan) {
      mark(op->operand(i));
      if (static_cast<int64_t>(i) < op->as<ScanAttr>().carries) mark(op->region().terminator()->operand(i));
    } else if (op->code() == Opcode::Loop && i > 0) {
      mark(op->operand(i + 1));
      mark(op->region().terminator()->operand(i));
    }
  }

  const std::map<std::string, Op*> binders_;
  std::unordered_set<const Value*> live_;
  std::vector<const Value*> pending_;
};

/// Keeps those operands i for which keep(i) holds.
template <class F>
bool keep_operands(Op* op, F&& keep) {
  std::vector<Value*> kept;
  for (size_t i = 0; i < op->operands().size(); ++i)
    if (keep(i)) kept.push_back(op->operand(i));
  if (kept.size() == op->operands().size()) return false;
  op->set_operands(std::move(kept));
  return true;
}

class Sweep {
 public:
  explicit Sweep(const Liveness& live) : live_(live) {}
  bool changed() const { return changed_; }

  /// From the last op to the first, so that users go before what they use.
  void block(Block& block) {
    const auto ops = block.op_list();
    for (auto it = ops.rbegin(); it != ops.rend(); ++it) {
      Op* op = *it;
      if (is_terminator(op)) continue;
      if (!live_.any_result(op)) {
        op->erase();
        changed_ = true;
      } else {
        shrink(op);
      }
    }
  }

 private:
  void shrink(Op* op) {
    switch (op->code()) {
      case Opcode::Scan:
      case Opcode::Loop: shrink_steps(op); break;
      case Opcode::If:
      case Opcode::Kernel:
        for (size_t r = 0; r < op->region_count(); ++r) {
          changed_ |= keep_operands(op->region(r).terminator(), [&](size_t i) { return live_(op->result(i)); });
          block(op->region(r));
        }
        erase_results(op);
        if (op->code() == Opcode::Kernel) settle_kind(op);
        break;
      case Opcode::Contract:
        if (op->as<ContractAttr>().lanes == 0) {
          changed_ |= keep_operands(op, [&](size_t i) { return i == 0 || live_(op->result(i - 1)); });
          erase_results(op);
        }
        break;
      default: break;
    }
  }

  /// A kernel that lost the contraction or reduction which gave it its kind is a map of what is left.
  static void settle_kind(Op* kernel) {
    const auto has_root = [&](KernelKind kind) {
      for (const Op* op : kernel->region().op_list()) {
        if (kind == KernelKind::Contract && op->code() == Opcode::Contract) return true;
        if (kind == KernelKind::Reduce && op->code() == Opcode::Reduce) return true;
        if (kind == KernelKind::Window && (op->code() == Opcode::Conv || op->code() == Opcode::ReduceWindow))
          return true;
      }
      return false;
    };
    const KernelKind kind = kernel->as<KernelAttr>().kind;
    if (kind != KernelKind::Map && kind != KernelKind::Move && !has_root(kind))
      kernel->set_attr(KernelAttr{KernelKind::Map});
  }

  void shrink_steps(Op* op) {
    Block& body = op->region();
    const bool scan = op->code() == Opcode::Scan;
    const size_t first = scan ? 0 : 1;  // a loop's step and condition stay
    const auto carries = static_cast<size_t>(CarryView(op).carries());
    // Carries are needed by their argument or their result, which marking keeps equal by marking both sources.
    std::vector<bool> carry(carries);
    for (size_t i = 0; i < carries; ++i) carry[i] = live_(body.argument(first + i)) || live_(op->result(i));
    const auto keep_yielded = [&](size_t i) {
      return i < first || (i < first + carries ? carry[i - first] : live_(op->result(i - first)));
    };
    const auto keep_argument = [&](size_t i) {
      return i < first || (i < first + carries ? carry[i - first] : live_(body.argument(i)));
    };
    changed_ |= keep_operands(body.terminator(), keep_yielded);
    block(body);
    const size_t arguments = body.argument_count();
    std::vector<bool> keep(arguments);
    for (size_t i = 0; i < arguments; ++i) keep[i] = keep_argument(i);
    changed_ |= keep_operands(op, [&](size_t i) { return scan ? keep[i] : i < 2 || keep[i - 1]; });
    for (size_t i = arguments; i-- > 0;)
      if (!keep[i]) body.erase_argument(i);
    for (size_t i = op->result_count(); i-- > 0;)
      if (i < carries ? !carry[i] : !live_(op->result(i))) op->erase_result(i);
    if (scan) {
      auto attr = op->as<ScanAttr>();
      attr.carries = static_cast<int64_t>(std::count(carry.begin(), carry.end(), true));
      op->set_attr(attr);
    }
  }

  void erase_results(Op* op) {
    for (size_t i = op->result_count(); i-- > 0;)
      if (!live_(op->result(i))) op->erase_result(i);
  }

  const Liveness& live_;
  bool changed_ = false;
};

}  // namespace

/// Removes what no output of the function needs: ops, carries that feed only themselves, scanned inputs, emitted
/// outputs, results of loops, ifs, kernels and contractions of several results. Constants without users go as well.
/// Exact. Does not fire on: inputs of the function, packed contractions (their weights lie interleaved).
bool eliminate_dead_code(Function& f, PassContext&) {
  const Liveness live(f);
  Sweep sweep(live);
  sweep.block(f.body());
  f.erase_unused_constants();
  return sweep.changed();
}

}  // namespace seqc::passes
