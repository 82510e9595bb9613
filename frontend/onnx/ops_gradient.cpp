// ai.onnx.preview.training.Gradient: derivatives of what other nodes compute.
#include "frontend/onnx/graph.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// Computes values again from other inputs: ops that depend on what `map` replaces are cloned.
class Recomputation {
 public:
  Recomputation(Builder& b, ir::ValueMap& map) : b_(b), map_(map) {}

  Value* operator()(Value* value) {
    if (depends(value)) clone(value->op());
    return map_.contains(value) ? map_.at(value) : value;
  }

 private:
  static std::vector<Value*> reads(const ir::Op& op) {
    std::vector<Value*> values = op.operands();
    for (size_t i = 0; i < op.region_count(); ++i)
      walk(op.region(i), [&](const ir::Op* inner) {
        values.insert(values.end(), inner->operands().begin(), inner->operands().end());
      });
    return values;
  }

  bool depends(const Value* value) {
    if (map_.contains(value)) return true;
    if (!value->op()) return false;
    const auto [it, fresh] = depends_.try_emplace(value->op(), false);
    if (!fresh) return it->second;
    bool any = false;
    for (const Value* read : reads(*value->op())) any = depends(read) || any;
    return depends_[value->op()] = any;
  }

  void clone(ir::Op* op) {
    if (!op || !cloned_.insert(op).second) return;
    for (const Value* read : reads(*op))
      if (!map_.contains(read) && depends(read)) clone(read->op());
    ir::Op* copy = ir::clone(*op, b_.block(), nullptr, map_);
    for (size_t i = 0; i < op->result_count(); ++i) map_[op->result(i)] = copy->result(i);
  }

  Builder& b_;
  ir::ValueMap& map_;
  std::map<const ir::Op*, bool> depends_;
  std::set<const ir::Op*> cloned_;
};

/// `y` as a function of the tensors named in xs and zs, at the values fed; the outputs are its derivatives by xs.
void import_gradient(Node& node) {
  Builder& b = node.builder();
  const auto xs = node.texts("xs"), zs = node.texts("zs");
  const std::string y = node.text("y", "");
  if (node.input_count() != xs.size() + zs.size())
    node.bad("got {} inputs, expected {} for its {} xs and {} zs", node.input_count(), xs.size() + zs.size(), xs.size(),
             zs.size());
  const auto tensor = [&](const std::string& name, const char* role) {
    Item* item = node.graph().find(name);
    if (!item || !item->is_tensor()) node.bad("{} names \"{}\", expected a tensor of the graph", role, name);
    return node.graph().model().materialize(*item, b.location());
  };
  ir::ValueMap map;
  std::vector<Value*> operands;
  for (size_t i = 0; i < xs.size() + zs.size(); ++i) {
    const bool differentiated = i < xs.size();
    const std::string& name = differentiated ? xs[i] : zs[i - xs.size()];
    Value *named = tensor(name, differentiated ? "xs" : "zs"), *fed = node.input(i, "an input");
    if (named->is_constant() && (differentiated || named != fed))
      node.unsupported("\"{}\" is a constant; only graph inputs and computed tensors can be varied", name);
    if (!(named->type() == fed->type()))
      node.bad("input {} is {}, expected {} like \"{}\"", i, fed->type().str(), named->type().str(), name);
    if (!differentiated && named == fed) continue;
    if (differentiated) operands.push_back(fed = b.copy(fed));  // apart from all other uses
    map[named] = fed;
  }
  Value* result = Recomputation(b, map)(tensor(y, "y"));
  operands.insert(operands.begin(), result);
  const ir::Op* gradient = b.create(Opcode::Gradient, operands);
  for (size_t i = 0; i < xs.size(); ++i) node.set_output(i, gradient->result(i));
}

constexpr OperatorEntry kOperators[] = {
    {"Gradient", import_gradient, 1, "ai.onnx.preview.training"},
};

}  // namespace

std::span<const OperatorEntry> gradient_operators() { return kOperators; }

}  // namespace seqc::frontend
