// Topological order of a graph's nodes, and which names subgraphs capture.
#include <onnx/onnx_pb.h>

#include <unordered_map>

#include "frontend/onnx/graph.h"
#include "ir/error.h"

namespace seqc::frontend {
namespace {

/// Adds to `used` the names that `graph` uses and does not define itself.
void collect_captures(const onnx::GraphProto& graph, std::set<std::string>& used) {
  std::set<std::string> defined;
  for (const auto& input : graph.input()) defined.insert(input.name());
  for (const auto& initializer : graph.initializer()) defined.insert(initializer.name());
  for (const auto& initializer : graph.sparse_initializer()) defined.insert(initializer.values().name());
  for (const auto& node : graph.node()) defined.insert(node.output().begin(), node.output().end());
  for (const auto& node : graph.node())
    for (const std::string& name : names_used(node))
      if (!defined.count(name)) used.insert(name);
  for (const auto& output : graph.output())
    if (!defined.count(output.name())) used.insert(output.name());
}

using Producers = std::unordered_map<std::string, int>;

Producers find_producers(const onnx::GraphProto& graph) {
  Producers producers;
  for (int i = 0; i < graph.node_size(); ++i) {
    for (const std::string& name : graph.node(i).output()) {
      if (name.empty()) continue;
      const auto [it, inserted] = producers.emplace(name, i);
      if (!inserted)
        fail(ErrorKind::BadInput, "{}: output \"{}\" is also an output of {}; names must be defined once",
             describe(graph.node(i)), name, describe(graph.node(it->second)));
    }
  }
  return producers;
}

[[noreturn]] void report_cycle(const onnx::GraphProto& graph, const std::vector<int>& path, int again) {
  std::string text;
  bool inside = false;
  for (const int node : path) {
    inside = inside || node == again;
    if (inside && text.size() < 400) text += describe(graph.node(node)) + " needs ";
  }
  fail(ErrorKind::BadInput, "graph \"{}\" has a cycle: {}{}", graph.name(), text, describe(graph.node(again)));
}

}  // namespace

std::set<std::string> names_used(const onnx::NodeProto& node) {
  std::set<std::string> used(node.input().begin(), node.input().end());
  used.erase("");
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) collect_captures(attribute.g(), used);
    for (const auto& graph : attribute.graphs()) collect_captures(graph, used);
    // Gradient names tensors in attributes.
    const bool names = node.domain() == "ai.onnx.preview.training" && node.op_type() == "Gradient";
    if (names) used.insert(attribute.strings().begin(), attribute.strings().end());
    if (names && attribute.name() == "y") used.insert(attribute.s());
  }
  return used;
}

std::vector<const onnx::NodeProto*> order_nodes(const onnx::GraphProto& graph) {
  const Producers producers = find_producers(graph);
  const int count = graph.node_size();
  std::vector<std::vector<int>> needs(count);
  for (int i = 0; i < count; ++i)
    for (const std::string& name : names_used(graph.node(i)))
      if (const auto it = producers.find(name); it != producers.end()) needs[i].push_back(it->second);

  // Depth first, with a stack of our own: graphs from files may be deeper than the machine's.
  enum class State : char { New, Open, Done };
  std::vector<State> state(count, State::New);
  std::vector<size_t> next(count, 0);
  std::vector<int> order, path;
  for (int root = 0; root < count; ++root) {
    if (state[root] != State::New) continue;
    path.push_back(root);
    state[root] = State::Open;
    while (!path.empty()) {
      const int node = path.back();
      if (next[node] == needs[node].size()) {
        state[node] = State::Done;
        order.push_back(node);
        path.pop_back();
        continue;
      }
      const int need = needs[node][next[node]++];
      if (state[need] == State::Open) report_cycle(graph, path, need);
      if (state[need] == State::New) {
        state[need] = State::Open;
        path.push_back(need);
      }
    }
  }

  std::vector<bool> needed(count, false);
  for (const auto& output : graph.output())
    if (const auto it = producers.find(output.name()); it != producers.end()) needed[it->second] = true;
  for (auto it = order.rbegin(); it != order.rend(); ++it)
    if (needed[*it])
      for (const int need : needs[*it]) needed[need] = true;
  std::vector<const onnx::NodeProto*> result;
  for (const int node : order)
    if (needed[node]) result.push_back(&graph.node(node));
  return result;
}

}  // namespace seqc::frontend
