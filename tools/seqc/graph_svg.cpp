// Layers by the longest way from the inputs; long edges get a place in each layer that they pass; the order within a layer
// follows the mean of the neighbours' places, in some sweeps up and down (Sugiyama, Tagawa and Toda, 1981).
#include "tools/seqc/graph_svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include "runtime/training/report/text.h"

namespace seqc::tools {
namespace {

using ir::Op;
using ir::Opcode;
using training::escaped;

constexpr size_t kMostBoxes = 2000, kMostPlaces = 20'000;
constexpr double kHeight = 40, kLayerGap = 34, kGap = 18, kMargin = 12, kFont = 12, kSmall = 10.5;

struct Box {
  std::string title = {}, detail = {}, tooltip = {}, kind = {};
  std::set<size_t> to = {};  // boxes that read its results
  size_t layer = 0;
  double width = 8, x = 0;  // x of its middle
};

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

class Graph {
 public:
  explicit Graph(const ir::Function& function) {
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

  std::string svg() {
    if (boxes_.size() > kMostBoxes) return "";
    assign_layers();
    if (!add_places()) return "";
    order();
    place();
    return draw();
  }

 private:
  size_t add(Box box) {
    box.title = shortened(box.title, 30);
    box.detail = shortened(box.detail, 34);
    box.width =
        std::max({70.0, training::pixel_width(box.title, kFont) + 20, training::pixel_width(box.detail, kSmall) + 20});
    boxes_.push_back(std::move(box));
    return boxes_.size() - 1;
  }

  void finish(std::vector<const Op*>& run) {
    if (run.empty()) return;
    const std::string name = run[0]->location();
    Box box{.title = name.empty() ? std::string(run[0]->info().mnemonic) : name};
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

  /// Boxes stand in program order, in which edges go forward. Inputs come down to their first reader.
  void assign_layers() {
    for (Box& box : boxes_)
      for (const size_t to : box.to) boxes_[to].layer = std::max(boxes_[to].layer, box.layer + 1);
    size_t last = 0;
    for (const Box& box : boxes_) last = std::max(last, box.layer);
    for (Box& box : boxes_) {
      if (box.kind == "out") box.layer = last;
      if (box.kind != "in" || box.to.empty()) continue;
      size_t first = last;
      for (const size_t to : box.to) first = std::min(first, boxes_[to].layer);
      box.layer = first - 1;
    }
  }

  /// Cuts edges over several layers into pieces.
  bool add_places() {
    for (size_t i = 0, count = boxes_.size(); i < count; ++i) {
      const std::set<size_t> targets = boxes_[i].to;
      for (const size_t to : targets) {
        size_t from = i;
        for (size_t layer = boxes_[i].layer + 1; layer < boxes_[to].layer; ++layer) {
          if (boxes_.size() > kMostPlaces) return false;
          boxes_.push_back({.kind = "", .layer = layer});
          const size_t place = boxes_.size() - 1;
          if (from == i) boxes_[i].to.erase(to);
          boxes_[from].to.insert(place);
          boxes_[place].to = {to};
          if (from != i) boxes_[from].to.erase(to);
          from = place;
        }
      }
    }
    for (size_t i = 0; i < boxes_.size(); ++i) {
      layers_.resize(std::max(layers_.size(), boxes_[i].layer + 1));
      layers_[boxes_[i].layer].push_back(i);
    }
    from_.resize(boxes_.size());
    for (size_t i = 0; i < boxes_.size(); ++i)
      for (const size_t to : boxes_[i].to) from_[to].push_back(i);
    return true;
  }

  void order() {
    std::vector<double> place(boxes_.size());
    const auto number = [&](const std::vector<size_t>& layer) {
      for (size_t i = 0; i < layer.size(); ++i) place[layer[i]] = static_cast<double>(i);
    };
    for (const auto& layer : layers_) number(layer);
    const auto sort = [&](std::vector<size_t>& layer, bool by_upper) {
      std::map<size_t, double> mean;
      for (const size_t box : layer) {
        double sum = 0, count = 0;
        if (by_upper)
          for (const size_t other : from_[box]) sum += place[other], ++count;
        else
          for (const size_t other : boxes_[box].to) sum += place[other], ++count;
        mean[box] = count > 0 ? sum / count : place[box];
      }
      std::sort(layer.begin(), layer.end(),
                [&](size_t a, size_t b) { return std::pair(mean[a], place[a]) < std::pair(mean[b], place[b]); });
      number(layer);
    };
    for (int sweep = 0; sweep < 8; ++sweep) {
      for (size_t i = 1; i < layers_.size(); ++i) sort(layers_[i], true);
      for (size_t i = layers_.size() - 1; i-- > 0;) sort(layers_[i], false);
    }
  }

  double gap(size_t left, size_t right) const { return (boxes_[left].width + boxes_[right].width) / 2 + kGap; }

  /// Towards the mean of the neighbours, as far as there is room.
  void place() {
    for (const auto& layer : layers_)
      for (size_t i = 0; i < layer.size(); ++i)
        boxes_[layer[i]].x = i == 0 ? 0 : boxes_[layer[i - 1]].x + gap(layer[i - 1], layer[i]);
    for (int sweep = 0; sweep < 12; ++sweep) {
      for (size_t n = 0; n < layers_.size(); ++n) {
        const auto& layer = layers_[sweep % 2 == 0 ? n : layers_.size() - 1 - n];
        std::vector<double> wanted;
        for (const size_t box : layer) {
          double sum = 0, count = 0;
          for (const size_t other : from_[box]) sum += boxes_[other].x, ++count;
          for (const size_t other : boxes_[box].to) sum += boxes_[other].x, ++count;
          wanted.push_back(count > 0 ? sum / count : boxes_[box].x);
        }
        // From both sides, and the mean of both: no box jumps over another.
        std::vector<double> left(wanted), right(wanted);
        for (size_t i = 1; i < layer.size(); ++i)
          left[i] = std::max(left[i], left[i - 1] + gap(layer[i - 1], layer[i]));
        for (size_t i = layer.size() - 1; i-- > 0;)
          right[i] = std::min(right[i], right[i + 1] - gap(layer[i], layer[i + 1]));
        for (size_t i = 0; i < layer.size(); ++i) boxes_[layer[i]].x = (left[i] + right[i]) / 2;
      }
    }
  }

  double top(const Box& box) const { return kMargin + static_cast<double>(box.layer) * (kHeight + kLayerGap); }

  std::string draw() {
    double low = 1e300, high = -1e300;
    for (const Box& box : boxes_) {
      low = std::min(low, box.x - box.width / 2);
      high = std::max(high, box.x + box.width / 2);
    }
    const double width = high - low + 2 * kMargin,
                 height = static_cast<double>(layers_.size()) * (kHeight + kLayerGap) - kLayerGap + 2 * kMargin;
    for (Box& box : boxes_) box.x += kMargin - low;
    std::string text = fmt::format(
        "<svg class=\"graph\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" role=\"img\">",
        width, height);
    for (const Box& box : boxes_)
      for (const size_t to : box.to) edge(text, box, boxes_[to]);
    for (const Box& box : boxes_) {
      if (box.kind.empty()) continue;
      text += fmt::format(
          "<g class=\"{}\"><title>{}</title><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" rx=\"7\"/>"
          "<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text><text class=\"d\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text></g>\n",
          box.kind, escaped(box.tooltip), box.x - box.width / 2, top(box), box.width, kHeight, box.x, top(box) + 17,
          escaped(box.title), box.x, top(box) + 32, escaped(box.detail));
    }
    return text + "</svg>";
  }

  void edge(std::string& text, const Box& from, const Box& to) const {
    const double y0 = top(from) + (from.kind.empty() ? 0 : kHeight), y1 = top(to);
    if (from.kind.empty())  // straight down through the layer of a place, then on
      text += fmt::format("<path d=\"M{:.1f} {:.1f}v{}\"/>", from.x, y0, kHeight);
    const double start = top(from) + kHeight, middle = (start + y1) / 2;
    text += fmt::format("<path d=\"M{0:.1f} {1:.1f}C{0:.1f} {2:.1f} {3:.1f} {2:.1f} {3:.1f} {4:.1f}\"/>", from.x, start,
                        middle, to.x, y1);
  }

  std::vector<Box> boxes_;
  std::map<const ir::Value*, size_t> of_;
  std::vector<std::vector<size_t>> layers_, from_;
};

}  // namespace

std::string graph_svg(const ir::Function& function) { return Graph(function).svg(); }

}  // namespace seqc::tools
