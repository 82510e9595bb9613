/// The log of an import that judges every node and goes on after one that is refused.
#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "frontend/onnx/graph.h"
#include "frontend/onnx/import.h"

namespace seqc::frontend {

/// A node needs a value of which not even the type is known.
class NotReached : public Error {
 public:
  explicit NotReached(const std::string& name)
      : Error(ErrorKind::Unsupported, fmt::format("depends on a refused node (through \"{}\")", name)) {}
};

class CoverageLog {
 public:
  /// Lists the nodes of `model`, which must outlive the log.
  explicit CoverageLog(const onnx::ModelProto& model);

  /// Infers the types of all values, the inputs being as given.
  void infer_types(const onnx::ModelProto& model, const std::vector<std::pair<std::string, Type>>& inputs);

  void add_fault(const std::string& message);
  void add_compiled(const onnx::NodeProto& proto, const std::map<std::string, int64_t>& opsets);
  /// A node failed with `error`; what needs a refused node may fail because of that.
  void add_failed(GraphImporter& graph, const onnx::NodeProto& proto, const std::map<std::string, int64_t>& opsets,
                  const Error& error);

  /// Throws NotReached if an input of the node is unknown and its operator is supported, as far as one can tell.
  void require_reachable(Node& node, const onnx::NodeProto& proto);
  /// An argument of `function` in the place of a refused node's output; null if its type is unknown.
  Value* placeholder(ir::Function& function, const std::string& name);

  Coverage take() { return std::move(coverage_); }

  /// Nodes that are met inside (of a function) are listed under this heading.
  class Scope {
   public:
    Scope(CoverageLog* log, std::string heading);
    ~Scope();

   private:
    CoverageLog* log_;
    std::string outside_;
  };
  /// Faults are not noted but thrown.
  class Pause {
   public:
    explicit Pause(ModelContext& model) : model_(model), log_(std::exchange(model.coverage, nullptr)) {}
    ~Pause() { model_.coverage = log_; }

   private:
    ModelContext& model_;
    CoverageLog* log_;
  };

 private:
  void list(const onnx::GraphProto& graph, const std::string& heading);
  void note(const onnx::NodeProto& proto, const std::map<std::string, int64_t>& opsets, NodeCoverage::State state,
            const std::string& message);
  void collect_types(const onnx::GraphProto& graph);
  /// True if an input of the node is computed from a placeholder.
  bool rests_on_placeholder(GraphImporter& graph, const onnx::NodeProto& proto) const;

  Coverage coverage_;
  std::unordered_map<const onnx::NodeProto*, size_t> listed_;     ///< nodes of the file itself
  std::map<std::pair<std::string, std::string>, size_t> inside_;  ///< nodes of functions, by heading and description
  std::string heading_;                                           ///< of the function that is being imported
  std::map<std::string, Type> types_;
  std::set<const Value*> placeholders_;
};

}  // namespace seqc::frontend
