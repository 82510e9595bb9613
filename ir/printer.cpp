#include "ir/printer.h"

#include <algorithm>
#include <map>
#include <set>
#include <type_traits>

#include "ir/error.h"
#include "ir/text.h"

namespace seqc::ir {
namespace {

/// Gives each value of a function a unique text: arguments of the function keep their names exactly, other values
/// that share a hint get a suffix (.1, .2, ...), values without a hint are numbered; all in the order of the text.
class Names {
 public:
  explicit Names(const Function* function) {
    if (!function) return;
    for (size_t i = 0; i < function->body().argument_count(); ++i) (*this)[function->body().argument(i)];
    assign(function->body());
  }

  const std::string& operator[](const Value* value) {
    auto [it, inserted] = texts_.try_emplace(value);
    if (inserted)
      it->second = value->is_constant() ? "@" + globals_.unique(value->name()) : "%" + locals_.unique(value->name());
    return it->second;
  }

  /// Constants of rank >= 1 in order of first use.
  const std::vector<const Value*>& constants() const { return constants_; }

 private:
  struct Space {
    std::string unique(const std::string& hint) {
      if (hint.empty()) return std::to_string(count_++);
      std::string name = hint;
      while (!used_.insert(name).second) name = fmt::format("{}.{}", hint, ++suffixes_[hint]);
      return name_text(name);
    }

   private:
    int count_ = 0;
    std::set<std::string> used_;
    std::map<std::string, int> suffixes_;
  };

  void assign(const Block& block) {
    for (const auto& op : block.ops()) {
      for (const Value* operand : op->operands()) {
        if (!operand->is_constant() || operand->rank() == 0 || texts_.contains(operand)) continue;
        (*this)[operand];
        constants_.push_back(operand);
      }
      for (size_t i = 0; i < op->result_count(); ++i) (*this)[op->result(i)];
      for (size_t r = 0; r < op->region_count(); ++r) {
        for (size_t i = 0; i < op->region(r).argument_count(); ++i) (*this)[op->region(r).argument(i)];
        assign(op->region(r));
      }
    }
  }

  Space locals_, globals_;
  std::map<const Value*, std::string> texts_;
  std::vector<const Value*> constants_;
};

// --- attributes --------------------------------------------------------------------------------------------------

std::string field_text(bool value) { return value ? "true" : "false"; }
std::string field_text(int64_t value) { return std::to_string(value); }
[[maybe_unused]] std::string field_text(double value) { return element_text(Tensor::scalar(DType::f64, value), 0); }
std::string field_text(const std::string& value) { return quoted(value); }
std::string field_text(DType value) { return std::string(name(value)); }
std::string field_text(const Dim& value) { return value.str(); }
std::string field_text(const Shape& value) { return str(value); }
std::string field_text(const std::vector<int64_t>& value) { return fmt::format("[{}]", fmt::join(value, ",")); }
template <class E>
  requires std::is_enum_v<E>
std::string field_text(E value) {
  const auto i = static_cast<size_t>(value);
  return i < kNames<E>.size() ? std::string(kNames<E>[i]) : "?";
}

/// ` {name=value, ...}`, or nothing when every field has its default. The carries of a scan show in its syntax.
std::string attributes_text(const Op& op) {
  std::string text;
  const auto field = [&](std::string_view name, const auto& value, const auto& default_value) {
    if (value == default_value || (op.code() == Opcode::Scan && name == "carries")) return;
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, field_text(value));
  };
  Attr attr = op.attr();
  std::visit([&](auto& alternative) { alternative.visit(field); }, attr);
  return text.empty() ? "" : " {" + text + "}";
}

// --- constants ---------------------------------------------------------------------------------------------------

void append_list(std::string& out, const Tensor& tensor, size_t axis, int64_t& at) {
  out += '[';
  for (int64_t i = 0; i < tensor.shape()[axis]; ++i) {
    if (i > 0) out += ", ";
    if (axis + 1 == tensor.shape().size())
      out += element_text(tensor, at++);
    else
      append_list(out, tensor, axis + 1, at);
  }
  out += ']';
}

std::string constant_text(const Tensor& tensor, const PrintOptions& options) {
  if (!options.constant_values) return "?";
  if (tensor.count() == 0) return "[]";
  if (is_splat(tensor) || tensor.rank() == 0) return "splat(" + element_text(tensor, 0) + ")";
  if (!is_inline(tensor, options.max_inline_elements)) return fmt::format("#{:016x}", tensor.hash());
  std::string out;
  int64_t at = 0;
  append_list(out, tensor, 0, at);
  return out;
}

// --- ops ---------------------------------------------------------------------------------------------------------

class Printer {
 public:
  Printer(const Function* function, const PrintOptions& options) : options_(options), names_(function) {}

  std::string function(const Function& function) {
    const Block& body = function.body();
    const Op* end = body.terminator();
    out_ = fmt::format("func @{}(", name_text(function.name));
    for (size_t i = 0; i < body.argument_count(); ++i) out_ += (i ? ", " : "") + argument(body.argument(i));
    out_ += ") -> (";
    const size_t results = std::max(function.output_names.size(), end ? end->operands().size() : 0);
    for (size_t i = 0; i < results; ++i)
      out_ += fmt::format("{}{}: {}", i ? ", " : "",
                          i < function.output_names.size() ? name_text(function.output_names[i]) : "?",
                          end && i < end->operands().size() ? end->operand(i)->type().str() : "?");
    out_ += ") {\n";
    indent_ = 2;
    for (const Value* value : names_.constants())
      out_ += fmt::format("  const {}: {} = {}\n", names_[value], value->type().str(),
                          constant_text(value->constant(), options_));
    for (const auto& child : body.ops()) line(*child);
    return std::move(out_ += "}\n");
  }

  std::string op_text(const Op& op) {
    op_head(op);
    return std::move(out_);
  }

 private:
  /// `%x: f32[N,5]`, or `param %w: f32[3,5] = splat(0.5)`.
  std::string argument(const Value* value) {
    const std::string text = fmt::format("{}: {}", names_[value], value->type().str());
    if (!value->is_parameter()) return text;
    return fmt::format("param {} = {}", text, constant_text(value->initial(), options_));
  }

  std::string value(const Value* value) {
    if (value->is_constant() && value->rank() == 0)
      return fmt::format("{}({})", name(value->dtype()), element_text(value->constant(), 0));
    return names_[value];
  }

  std::string list(const std::vector<Value*>& values, size_t begin, size_t end) {
    std::string text;
    for (size_t i = begin; i < std::min(end, values.size()); ++i) text += (i > begin ? ", " : "") + value(values[i]);
    return text;
  }
  std::string list(const std::vector<Value*>& values) { return list(values, 0, values.size()); }

  void line(const Op& op) {
    out_.append(indent_, ' ');
    op_head(op);
    out_ += '\n';
  }

  void region(const Block& block) {
    out_ += " {\n";
    indent_ += 2;
    for (const auto& op : block.ops()) line(*op);
    indent_ -= 2;
    out_.append(indent_, ' ');
    out_ += '}';
  }

  /// `results = mnemonic operands {attributes} regions : types loc`.
  void op_head(const Op& op) {
    for (size_t i = 0; i < op.result_count(); ++i) out_ += (i ? ", " : "") + names_[op.result(i)];
    if (op.result_count() > 0) out_ += " = ";
    out_ += op.info().mnemonic;
    operands(op);
    for (size_t i = 0; i < op.region_count(); ++i) {
      if (i > 0) out_ += " else";
      region(op.region(i));
    }
    for (size_t i = 0; i < op.result_count(); ++i) out_ += (i ? ", " : " : ") + op.result(i)->type().str();
    if (options_.locations && !op.location().empty()) out_ += " loc(" + quoted(op.location()) + ")";
  }

  void operands(const Op& op) {
    switch (op.code()) {
      case Opcode::Scan: return scan_operands(op);
      case Opcode::Loop: return loop_operands(op);
      case Opcode::Yield: return yield_operands(op);
      default: break;
    }
    if (!op.operands().empty()) out_ += " " + list(op.operands());
    out_ += attributes_text(op);
  }

  /// `keyword(%argument = %operand, ...)` for the operands [begin, end); nothing when there are none.
  void bindings(const char* keyword, const Op& op, size_t begin, size_t end, size_t first_argument) {
    if (begin >= end) return;
    out_ += fmt::format(" {}(", keyword);
    for (size_t i = begin; i < end; ++i) {
      const size_t argument = first_argument + i - begin;
      const bool known = op.region_count() > 0 && argument < op.region().argument_count();
      out_ += fmt::format("{}{} = {}", i > begin ? ", " : "", known ? names_[op.region().argument(argument)] : "?",
                          value(op.operand(i)));
    }
    out_ += ')';
  }

  static size_t carries(const Op& op, size_t available) {
    const auto* attr = std::get_if<ScanAttr>(&op.attr());
    return attr ? std::min(static_cast<size_t>(std::max<int64_t>(attr->carries, 0)), available) : 0;
  }

  /// `scan {length=T} carry(%h = %h0) in(%x = %xs)`.
  void scan_operands(const Op& op) {
    const size_t count = op.operands().size(), split = carries(op, count);
    out_ += attributes_text(op);
    bindings("carry", op, 0, split, 0);
    bindings("in", op, split, count, split);
  }

  /// `loop {at_most=T} %i < %count while %go carry(%a = %a0)`.
  void loop_operands(const Op& op) {
    const bool has_step = op.region_count() > 0 && op.region().argument_count() > 0;
    out_ += attributes_text(op);
    out_ += fmt::format(" {} < {} while {}", has_step ? names_[op.region().argument(0)] : "?",
                        list(op.operands(), 0, 1), list(op.operands(), 1, 2));
    bindings("carry", op, 2, op.operands().size(), 1);
  }

  /// In a scan `yield %carry emit %y`, in a loop `yield %carry emit %y while %go`, elsewhere `yield %a`.
  void yield_operands(const Op& op) {
    const Op* owner = op.parent() ? op.parent()->parent_op() : nullptr;
    const size_t count = op.operands().size();
    size_t begin = 0, end = count;
    if (owner && owner->code() == Opcode::Scan) end = carries(*owner, count);
    if (owner && owner->code() == Opcode::Loop) {
      begin = std::min<size_t>(1, count);
      end = std::min(count, std::max<size_t>(owner->operands().size(), 2) - 1);
    }
    if (end > begin) out_ += " " + list(op.operands(), begin, end);
    if (end < count) out_ += " emit " + list(op.operands(), end, count);
    if (begin > 0) out_ += " while " + list(op.operands(), 0, 1);
  }

  const PrintOptions& options_;
  Names names_;
  std::string out_;
  size_t indent_ = 0;
};

}  // namespace

std::string print(const Function& function, const PrintOptions& options) {
  return Printer(&function, options).function(function);
}

std::string print(const Module& module, const PrintOptions& options) {
  std::string text;
  for (const auto& function : module.functions) text += (text.empty() ? "" : "\n") + print(*function, options);
  return text;
}

std::string print(const Op& op, const PrintOptions& options) {
  return Printer(op.parent() ? op.parent()->function() : nullptr, options).op_text(op);
}

}  // namespace seqc::ir
