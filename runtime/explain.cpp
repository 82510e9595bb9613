#include "runtime/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "codegen/memory_plan.h"
#include "ir/kept_states.h"
#include "runtime/profiled_op.h"

namespace seqc::runtime {
namespace {

using codegen::Sharing;
using ir::Dim;
using ir::Op;
using ir::Opcode;

/// What a reader of an explanation looks for, by the pass that decides it.
std::string topic_of(const std::string& pass) {
  static const std::map<std::string, std::string> kTopics = {
      {"batch-rows", "batch"},          {"canonicalize-scans", "direction"},
      {"chain-products", "fuse"},       {"emit-written-rows", "memory"},
      {"form-kernels", "fuse"},         {"fuse-gates", "fuse"},
      {"hoist-invariants", "hoist"},    {"hoist-projections", "hoist"},
      {"regroup-sums", "hoist"},        {"replace-counters", "memory"},
      {"scan-indexed-reads", "memory"}, {"skip-masked-rows", "masks"},
      {"split-gates", "fuse"},          {"split-joined-products", "hoist"},
      {"unroll-time", "unroll"},        {"centre-products", "hoist"}};
  const auto it = kTopics.find(pass);
  return it == kTopics.end() ? pass : it->second;
}

Reason reason_of(const passes::Remark& remark) {
  return {topic_of(remark.pass), remark.pass, remark.done, remark.op, remark.what, remark.why};
}

std::string bytes_text(const Dim& bytes) {
  return bytes.is_constant() ? fmt::format("{} bytes", bytes.constant()) : fmt::format("{} bytes", bytes.str());
}

class Explainer {
 public:
  Explainer(const ir::Function& function, const passes::Remarks& remarks, const CompileOptions& options)
      : function_(function),
        remarks_(remarks),
        plan_(codegen::plan_memory(function)),
        schedule_(codegen::schedule(function, options.target)) {
    const auto ops = codegen::profiled_ops(function);
    const auto named = profiled_ops(function);
    for (size_t i = 0; i < ops.size(); ++i) names_[ops[i]] = named[i].name;
    for (const codegen::KernelSchedule& note : schedule_.ops) notes_[note.op] = &note;
  }

  Explanation run() {
    result_.shared_from = schedule_.shared_from;
    block(function_.body());
    gone();
    for (const passes::Remark& remark : remarks_.all())
      if (remark.scan < 0) result_.elsewhere.push_back(reason_of(remark));
    threads_of_run();
    return std::move(result_);
  }

 private:
  void block(const ir::Block& block) {
    for (const auto& op : block.ops()) {
      if (op->code() == Opcode::Kernel && !block.parent_op()) result_.kernels.push_back(phase(*op));
      if (op->code() == Opcode::Kernel) continue;
      if (op->code() == Opcode::Scan) scan(*op);
      for (size_t i = 0; i < op->region_count(); ++i) this->block(op->region(i));
    }
  }

  PhaseExplanation phase(const Op& op) const {
    const codegen::KernelSchedule& note = *notes_.at(&op);
    return {names_.at(&op), note.loops, note.sharing, note.operations.str()};
  }

  void scan(const Op& op) {
    const auto& attr = op.as<ir::ScanAttr>();
    ScanExplanation scan;
    scan.name = "scan";
    scan.length = attr.length.str();
    scan.reverse = attr.reverse;
    const int number = remarks_.number(&op);
    if (number >= 0) scan.name = passes::scan_text(remarks_.scans()[static_cast<size_t>(number)]);
    const auto carries = static_cast<size_t>(attr.carries);
    for (size_t i = 0; i < op.region().argument_count(); ++i)
      (i < carries ? scan.carries : scan.inputs).push_back(passes::short_text(*op.region().argument(i)));
    for (size_t i = carries; i < op.result_count(); ++i) scan.outputs.push_back(passes::short_text(*op.result(i)));
    add_remarks(scan, number);
    for (const auto& inner : op.region().ops())
      if (inner->code() == Opcode::Kernel || inner->region_count() > 0) scan.phases.push_back(phase(*inner));
    threads(scan, op);
    memory(scan, op);
    result_.scans.push_back(std::move(scan));
  }

  void threads_of_run() {
    if (schedule_.run == Sharing::All) return;
    const bool done = schedule_.run == Sharing::BySize;
    result_.elsewhere.push_back(
        {"threads", "", done, "",
         done ? "other threads take part when the sizes of a run are worth it" : "the caller's thread runs everything",
         "what can be shared must be worth bringing the others in, and waking them where one thread works alone for "
         "long"});
  }

  void add_remarks(ScanExplanation& scan, int number) const {
    for (const passes::Remark& remark : remarks_.all())
      if (number >= 0 && remark.scan == number) scan.reasons.push_back(reason_of(remark));
  }

  void threads(ScanExplanation& scan, const Op& op) const {
    const codegen::KernelSchedule& note = *notes_.at(&op);
    const auto add = [&](bool done, std::string what, std::string why) {
      scan.reasons.push_back({"threads", "", done, "", std::move(what), std::move(why)});
    };
    std::string largest = fmt::format("its largest kernel has {} operations a step", note.operations.str());
    if (scan.phases.size() > 1)
      largest += fmt::format(", all {} together {}, which must be {} times as much as one alone", scan.phases.size(),
                             note.together.str(), scan.phases.size());
    const std::string worth = fmt::format(
        "from {} on, sharing saves more than the threads lose by waiting for each other", schedule_.shared_from);
    const auto count = [&](const auto& wanted) {
      return std::count_if(op.region().ops().begin(), op.region().ops().end(), [&](const auto& inner) {
        const auto it = notes_.find(inner.get());
        return it != notes_.end() && wanted(it->second->sharing);
      });
    };
    const auto repeated = count([](Sharing sharing) { return sharing == Sharing::Each; });
    const auto meetings = static_cast<int64_t>(scan.phases.size()) - repeated;
    const auto shared = meetings - count([](Sharing sharing) { return sharing == Sharing::One; });
    switch (note.sharing) {
      case Sharing::One: return add(false, "runs on one thread", largest + "; " + worth);
      case Sharing::BySize:
        return add(true, "runs on all threads when the sizes of a run are worth it", largest + "; " + worth);
      case Sharing::All:
      case Sharing::Each: break;
    }
    if (shared == 0) return add(false, "each kernel runs on one thread", largest + "; " + worth);
    add(true, fmt::format("{} of its {} phases run on all threads", shared, scan.phases.size()),
        fmt::format("{}; {}; threads meet {} time(s) a step{}", largest, worth, meetings,
                    repeated > 0 ? ", as each runs the others for itself" : ""));
  }

  void memory(ScanExplanation& scan, const Op& op) const {
    const auto carries = static_cast<size_t>(op.as<ir::ScanAttr>().carries);
    const auto& yielded = op.region().terminator()->operands();
    const auto add = [&](const ir::Value& value, std::string what, std::string why) {
      scan.reasons.push_back({"memory", "", true, passes::short_text(value), std::move(what), std::move(why)});
    };
    for (size_t i = 0; i < carries; ++i) {
      const auto storage = plan_.storage.find(ir::strip_reshapes(yielded[i]));
      if (storage == plan_.storage.end()) continue;
      const ir::Value& argument = *op.region().argument(i);
      if (storage->second.place == codegen::Place::Alternate)
        add(argument, "two places that the steps take in turn",
            fmt::format("{} in all; no step copies the state",
                        bytes_text(codegen::padded_bytes(argument.type()) * Dim(2))));
      else if (storage->second.place == codegen::Place::ScanEmit)
        add(argument, "is written where it is emitted", "the next step reads it there; nothing is copied");
    }
    for (size_t i = carries; i < op.result_count(); ++i) {
      const auto storage = plan_.storage.find(op.result(i));
      if (storage == plan_.storage.end()) continue;
      const bool output = storage->second.place == codegen::Place::Output;
      add(*op.result(i),
          output ? "is written straight into the caller's memory" : "is kept for all steps in the workspace",
          bytes_text(codegen::padded_bytes(op.result(i)->type())));
    }
  }

  /// Scans that are no loops any more.
  void gone() {
    std::map<int, bool> here;
    ir::walk(function_.body(), [&](const Op* op) {
      if (op->code() == Opcode::Scan) here[remarks_.number(op)] = true;
    });
    for (size_t i = 0; i < remarks_.scans().size(); ++i) {
      if (here.contains(static_cast<int>(i))) continue;
      const passes::Remarks::Scan& known = remarks_.scans()[i];
      ScanExplanation scan;
      scan.name = passes::scan_text(known);
      scan.length = known.length;
      add_remarks(scan, static_cast<int>(i));
      const bool unrolled = std::any_of(scan.reasons.begin(), scan.reasons.end(),
                                        [](const Reason& reason) { return reason.topic == "unroll" && reason.done; });
      scan.gone = known.steps_of >= 0 ? "its rows run in the " +
                                            passes::scan_text(remarks_.scans()[static_cast<size_t>(known.steps_of)])
                  : unrolled            ? "its steps are written out one after the other"
                  : known.length == "1" ? "its only step stands in its place"
                                        : "nothing is left to do step by step, or nobody needs its results";
      result_.scans.push_back(std::move(scan));
    }
  }

  const ir::Function& function_;
  const passes::Remarks& remarks_;
  const codegen::MemoryPlan plan_;
  const codegen::Schedule schedule_;
  std::map<const Op*, std::string> names_;
  std::map<const Op*, const codegen::KernelSchedule*> notes_;
  Explanation result_;
};

}  // namespace

Explanation explain(std::unique_ptr<ir::Function> function, const CompileOptions& options) {
  passes::Remarks remarks;
  const Lowered lowered = lower(std::move(function), options, &remarks);
  Explanation result = Explainer(*lowered.function, remarks, options).run();
  result.target = codegen::describe(options.target).description;
  return result;
}

}  // namespace seqc::runtime
