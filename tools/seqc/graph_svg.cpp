// Layers by the longest way from the inputs; long edges get a place in each layer that they pass; the order within a layer
// follows the mean of the neighbours' places, in some sweeps up and down (Sugiyama, Tagawa and Toda, 1981).
#include "tools/seqc/graph_svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "runtime/training/report/text.h"
#include "tools/seqc/graph_boxes.h"

namespace seqc::tools {
namespace {

using training::escaped;

constexpr size_t kMostBoxes = 2000, kMostPlaces = 20'000;
constexpr double kHeight = 40, kLayerGap = 34, kGap = 18, kMargin = 12;

using Box = GraphBox;

class Graph {
 public:
  explicit Graph(std::vector<Box> boxes) : boxes_(std::move(boxes)) {}

  std::string svg() {
    if (boxes_.size() > kMostBoxes) return "";
    assign_layers();
    if (!add_places()) return "";
    order();
    place();
    return draw();
  }

 private:
  /// Boxes stand in program order, in which edges go forward. What reads nothing comes down to its first reader, outputs stand
  /// right below what computes them: no edge is longer than it must be.
  void assign_layers() {
    std::vector<size_t> sources(boxes_.size(), 0);
    for (Box& box : boxes_)
      for (const size_t to : box.to) {
        boxes_[to].layer = std::max(boxes_[to].layer, box.layer + 1);
        ++sources[to];
      }
    for (size_t i = boxes_.size(); i-- > 0;) {
      Box& box = boxes_[i];
      if (sources[i] > 0 || box.to.empty()) continue;
      size_t first = SIZE_MAX;
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
    for (const auto& layer : layers_) {  // in the middle
      for (size_t i = 0; i < layer.size(); ++i)
        boxes_[layer[i]].x = i == 0 ? 0 : boxes_[layer[i - 1]].x + gap(layer[i - 1], layer[i]);
      const double middle = layer.empty() ? 0 : boxes_[layer.back()].x / 2;
      for (const size_t box : layer) boxes_[box].x -= middle;
    }
    for (int sweep = 0; sweep < 40; ++sweep) {
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
        "<svg class=\"graph\" style=\"--w:{0:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} "
        "{1:.0f}\" role=\"img\">",
        width, height);
    for (const Box& box : boxes_)
      if (!box.kind.empty())
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

  /// From a box to one that reads it, straight down through the layers on the way.
  void edge(std::string& text, const Box& from, const Box& to) const {
    text += fmt::format("<path d=\"M{:.0f} {:.0f}", from.x, top(from) + kHeight);
    const Box* at = &from;
    for (const Box* next = &to;; next = &boxes_[*next->to.begin()]) {
      const double start = top(*at) + kHeight, end = top(*next), middle = (start + end) / 2;
      if (std::abs(at->x - next->x) < 0.5)
        text += fmt::format("V{:.0f}", end);
      else
        text += fmt::format("C{0:.0f} {1:.0f} {2:.0f} {1:.0f} {2:.0f} {3:.0f}", at->x, middle, next->x, end);
      if (!next->kind.empty()) break;
      text += fmt::format("v{}", kHeight);
      at = next;
    }
    text += "\"/>";
  }

  std::vector<Box> boxes_;
  std::vector<std::vector<size_t>> layers_, from_;
};

}  // namespace

std::string graph_svg(const ir::Function& function) { return Graph(graph_boxes(function)).svg(); }

}  // namespace seqc::tools
