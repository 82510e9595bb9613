#include "tools/seqc/graph_boxes.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "runtime/training/report/text.h"

namespace seqc::tools {
namespace {

using ir::Op;
using ir::Opcode;

constexpr size_t kMostSingle = 150;  // more boxes than that, and chains of them become one

std::string shortened(const std::string& text, size_t most) {
  if (text.size() <= most) return text;
  return "…" + text.substr(text.size() - most + 1);
}

/// What the ops of a box do, the most telling first.
std::string detail_of(const std::vector<const Op*>& ops) {
  const auto has = [&](Opcode code) {
    return std::any_of(ops.begin(), ops.end(), [&](const Op* op) { return op->code() == code; });
  };
  for (const Op* op : ops)
    if (op->code() == Opcode::Scan) return "scan, " + op->as<ir::ScanAttr>().length.str() + " steps";
  for (const Opcode code : {Opcode::Loop, Opcode::If, Opcode::Conv, Opcode::Contract, Opcode::Gather, Opcode::Reduce})
    if (has(code)) return std::string(ir::info(code).mnemonic);
  return std::string(ops.back()->info().mnemonic);
}

class Boxes {
 public:
  explicit Boxes(const ir::Function& function) {
    const ir::Block& body = function.body();
    for (size_t i = 0; i < body.argument_count(); ++i) {
      const ir::Value* argument = body.argument(i);
      of_[argument] =
          add({.title = argument->name(), .detail = argument->type().str(), .tooltip = "input", .kind = "in"});
    }
    std::vector<const Op*> run;  // ops of one place of the source
    for (const auto& op : body.ops()) {
      if (op->code() == Opcode::Return) continue;
      if (!run.empty() && (run.back()->location() != op->location() || op->location().empty())) finish(run);
      run.push_back(op.get());
    }
    finish(run);
    const auto& returned = body.terminator()->operands();
    for (size_t i = 0; i < returned.size(); ++i) {
      const size_t box = add(
          {.title = function.output_names[i], .detail = returned[i]->type().str(), .tooltip = "output", .kind = "out"});
      connect(returned[i], box);
    }
  }

  std::vector<GraphBox> take() {
    drop_unread();
    if (boxes_.size() > kMostSingle) {
      join_tables();
      join_chains();
      for (GraphBox& box : boxes_) {
        if (box.more == 0) continue;
        box.detail += fmt::format(" and {} more", box.more);
        box.width = std::max(box.width, training::pixel_width(box.detail, kGraphSmallFont) + 20);
      }
    }
    return std::move(boxes_);
  }

 private:
  size_t add(GraphBox box) {
    box.title = shortened(box.title, 30);
    box.detail = shortened(box.detail, 34);
    box.width = std::max({70.0, training::pixel_width(box.title, kGraphFont) + 20,
                          training::pixel_width(box.detail, kGraphSmallFont) + 20});
    boxes_.push_back(std::move(box));
    return boxes_.size() - 1;
  }

  void finish(std::vector<const Op*>& run) {
    if (run.empty()) return;
    const std::string name = run[0]->location();
    GraphBox box{.title = name.empty() ? std::string(run[0]->info().mnemonic) : name};
    box.detail = name.empty() ? run[0]->result()->type().str() : detail_of(run);
    box.tooltip = name;
    for (const Op* op : run) box.tooltip += fmt::format("\n{} {}", op->info().mnemonic, op->result()->type().str());
    box.kind = box.detail.starts_with("scan") || box.detail == "loop" ? "scan"
               : box.detail == "contract" || box.detail == "conv"     ? "product"
                                                                      : "op";
    const size_t number = add(std::move(box));
    for (const Op* op : run) {
      read(*op, number);
      for (size_t i = 0; i < op->result_count(); ++i) of_[op->result(i)] = number;
    }
    run.clear();
  }

  void read(const Op& op, size_t box) {
    for (const ir::Value* operand : op.operands()) connect(operand, box);
    for (size_t i = 0; i < op.region_count(); ++i)
      ir::walk(op.region(i), [&](const Op* inner) {
        for (const ir::Value* operand : inner->operands()) connect(operand, box);
      });
  }

  void connect(const ir::Value* value, size_t box) {
    if (const auto from = of_.find(value); from != of_.end() && from->second != box)
      boxes_[from->second].to.insert(box);
  }

  /// Importers leave behind what they read sizes from.
  void drop_unread() {
    for (size_t i = boxes_.size(); i-- > 0;) {
      if (!boxes_[i].to.empty() || boxes_[i].kind == "in" || boxes_[i].kind == "out") continue;
      erase(i);
    }
  }

  void erase(size_t i) {
    boxes_.erase(boxes_.begin() + static_cast<ptrdiff_t>(i));
    for (GraphBox& box : boxes_) {
      std::set<size_t> to;
      for (const size_t other : box.to)
        if (other != i) to.insert(other > i ? other - 1 : other);
      box.to = std::move(to);
    }
  }

  /// Boxes that read nothing compute tables from constants: they become one with the only box that reads them.
  void join_tables() {
    std::vector<size_t> sources(boxes_.size(), 0);
    for (const GraphBox& box : boxes_)
      for (const size_t to : box.to) ++sources[to];
    for (size_t i = 0; i < boxes_.size();) {
      const GraphBox& box = boxes_[i];
      if (box.kind != "op" || sources[i] > 0 || box.to.size() != 1 || boxes_[*box.to.begin()].kind == "out") {
        ++i;
        continue;
      }
      const size_t reader = *box.to.begin();
      boxes_[reader].more += 1 + box.more;
      boxes_[reader].tooltip += "\n" + box.tooltip;
      --sources[reader];
      sources.erase(sources.begin() + static_cast<ptrdiff_t>(i));
      erase(i);
    }
  }

  /// How much a box says of a model.
  static int weight(const GraphBox& box) {
    return box.kind == "scan"                                 ? 3
           : box.kind == "product"                            ? 2
           : box.detail == "reduce" || box.detail == "gather" ? 1
                                                              : 0;
  }

  /// A box whose result one other reads, which reads nothing else, becomes one with it: the most telling one names them.
  void join_chains() {
    std::vector<std::vector<size_t>> from(boxes_.size());
    for (size_t i = 0; i < boxes_.size(); ++i)
      for (const size_t to : boxes_[i].to) from[to].push_back(i);
    std::vector<size_t> head(boxes_.size());  // first of the chain
    std::iota(head.begin(), head.end(), size_t{0});
    for (size_t i = 0; i < boxes_.size(); ++i) {
      GraphBox& box = boxes_[i];
      if (box.kind == "in" || box.kind == "out" || from[i].size() != 1) continue;
      const size_t before = from[i][0];
      GraphBox& chain = boxes_[head[before]];
      if (chain.kind == "in" || boxes_[before].to.size() != 1) continue;
      // Two layers stay two boxes.
      if (weight(chain) >= 2 && weight(box) >= 2) continue;
      head[i] = head[before];
      chain.more += 1 + box.more;
      const bool names = weight(box) > weight(chain);
      const std::string tooltip = chain.tooltip + "\n" + box.tooltip;
      if (names) {
        chain.title = box.title;
        chain.detail = box.detail;
        chain.kind = box.kind;
        chain.width = box.width;
      }
      chain.tooltip = tooltip;
    }
    // Readers of a chain are those of its last box.
    std::vector<size_t> number(boxes_.size());
    std::vector<GraphBox> joined;
    for (size_t i = 0; i < boxes_.size(); ++i) {
      if (head[i] != i) continue;
      number[i] = joined.size();
      joined.push_back(std::move(boxes_[i]));
    }
    std::vector<std::set<size_t>> to(joined.size());
    for (size_t i = 0; i < boxes_.size(); ++i)
      for (const size_t source : from[i])
        if (head[source] != head[i]) to[number[head[source]]].insert(number[head[i]]);
    for (size_t i = 0; i < joined.size(); ++i) joined[i].to = std::move(to[i]);
    boxes_ = std::move(joined);
  }

  std::vector<GraphBox> boxes_;
  std::map<const ir::Value*, size_t> of_;
};

}  // namespace

std::vector<GraphBox> graph_boxes(const ir::Function& function) { return Boxes(function).take(); }

}  // namespace seqc::tools
