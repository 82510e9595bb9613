#include "tools/seqc/dot.h"

#include <fmt/format.h>

#include <map>

#include "ir/text.h"

namespace seqc::tools {
namespace {

using ir::Opcode;

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string constant_text(const ir::Value& value) {
  if (value.constant().count() == 1 && value.dtype() == ir::DType::string) return ir::quoted(value.constant().text(0));
  if (value.constant().count() == 1)
    return ir::is_float(value.dtype()) ? fmt::format("{:g}", value.constant().real(0))
                                       : fmt::format("{}", value.constant().integer(0));
  return (value.name().empty() ? "" : "@" + value.name() + " ") + value.type().str();
}

class DotWriter {
 public:
  std::string write(const ir::Function& function) {
    line("digraph \"{}\" {{", escaped(function.name));
    line("  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f4f6fa\", fontname=\"sans-serif\", fontsize=11];");
    line("  edge [fontname=\"sans-serif\", fontsize=9, color=\"#556677\"];");
    arguments(function.body(), "input");
    block(function.body());
    for (const std::string& edge : edges_) text_ += edge;
    line("}}");
    return std::move(text_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }

  std::string node(const void* of) {
    return fmt::format("n{}", numbers_.try_emplace(of, numbers_.size()).first->second);
  }

  void arguments(const ir::Block& block, const char* what) {
    for (size_t i = 0; i < block.argument_count(); ++i) {
      const ir::Value* value = block.argument(i);
      const std::string name = value->name().empty() ? fmt::format("{} {}", what, i) : value->name();
      line("  {} [label=\"{}\", shape=ellipse, fillcolor=\"#e2efe2\"];", node(value), escaped(name));
    }
  }

  void block(const ir::Block& block) {
    for (const auto& op : block.ops()) {
      operation(*op);
      for (size_t i = 0; i < op->region_count(); ++i) {
        line("  subgraph cluster_{} {{ label=\"{} {}\"; style=rounded; color=\"#8899aa\";", node(&op->region(i)),
             op->info().mnemonic, escaped(op->location()));
        arguments(op->region(i), "step");
        this->block(op->region(i));
        line("  }}");
      }
    }
  }

  void operation(const ir::Op& op) {
    std::string label(op.info().mnemonic);
    for (const ir::Value* operand : op.operands())
      if (operand->is_constant()) label += "\n" + constant_text(*operand);
    const bool ends = op.code() == Opcode::Return || op.code() == Opcode::Yield;
    line("  {} [label=\"{}\"{}];", node(&op), escaped(label), ends ? ", fillcolor=\"#f4e6d8\"" : "");
    for (const ir::Value* operand : op.operands()) {
      if (operand->is_constant()) continue;
      const void* from = operand->op() ? static_cast<const void*>(operand->op()) : operand;
      edges_.push_back(
          fmt::format("  {} -> {} [label=\"{}\"];\n", node(from), node(&op), escaped(operand->type().str())));
    }
    // What a region takes from outside reaches the op in it; a step's results reach the op around it.
    for (size_t i = 0; i < op.region_count(); ++i)
      if (const ir::Op* end = op.region(i).terminator())
        edges_.push_back(fmt::format("  {} -> {} [style=dashed];\n", node(end), node(&op)));
  }

  std::string text_;
  std::vector<std::string> edges_;
  std::map<const void*, size_t> numbers_;
};

}  // namespace

std::string dot(const ir::Function& function) { return DotWriter().write(function); }

}  // namespace seqc::tools
