#include "ir/verifier.h"

#include <algorithm>
#include <map>
#include <set>
#include <type_traits>

#include "ir/error.h"
#include "ir/infer.h"
#include "ir/printer.h"

namespace seqc::ir {
namespace {

size_t expected_regions(Opcode code) {
  switch (code) {
    case Opcode::If: return 2;
    case Opcode::Scan:
    case Opcode::Loop:
    case Opcode::Kernel: return 1;
    default: return 0;
  }
}

class Verifier {
 public:
  explicit Verifier(const Function& function) : function_(function) {}

  std::vector<Diagnostic> run() {
    for (const auto& constant : function_.constants()) check_constant(*constant);
    for (const Value* parameter : function_.parameters()) check_parameter(*parameter);
    collect_dims();
    check_arguments(function_.body());
    check_block(function_.body(), nullptr);
    check_signature();
    check_use_lists();
    return std::move(diagnostics_);
  }

 private:
  template <class... Args>
  void report(const Op* op, fmt::format_string<Args...> format, Args&&... args) {
    diagnostics_.push_back({op, fmt::format(format, std::forward<Args>(args)...)});
  }

  // --- the function as a whole -----------------------------------------------------------------------------------

  void check_constant(const Value& value) {
    known_.insert(&value);
    visible_.insert(&value);
    check_tensor("constant", value, value.constant());
  }

  void check_parameter(const Value& value) {
    check_tensor("parameter", value, value.initial());
    if (!is_arithmetic(value.dtype()))
      report(nullptr, "parameter {} is {}, expected numbers", value.name(), value.type().str());
    if (value.name().empty()) report(nullptr, "a parameter has no name, expected one by which to load and save it");
  }

  void check_tensor(std::string_view what, const Value& value, const Tensor& tensor) {
    const Type type{tensor.dtype(), Shape(tensor.shape().begin(), tensor.shape().end())};
    if (!(type == value.type()))
      report(nullptr, "{} {}: got type {}, expected {} as its tensor has", what, value.name(), value.type().str(),
             type.str());
  }

  /// The named dims that the arguments bind; others get a value by bind_dim.
  void collect_dims() {
    for (size_t i = 0; i < function_.body().argument_count(); ++i)
      for (const Dim& dim : function_.body().argument(i)->shape()) dim.collect_symbols(bound_dims_);
    every_dim_ = bound_dims_;
  }

  /// `used` are the names in an op's types and attributes, or those of the arguments of a region.
  void check_bound(const Op* op, const std::set<std::string>& used) {
    for (const std::string& name : used)
      if (!bound_dims_.contains(name))
        report(op, "got dim {}, expected names that the function's arguments or a bind_dim before it give", name);
  }

  void check_names(const std::vector<std::string>& names, std::string_view what) {
    std::set<std::string> seen;
    for (const std::string& name : names)
      if (!name.empty() && !seen.insert(name).second) report(nullptr, "got two {} named \"{}\"", what, name);
  }

  void check_signature() {
    std::vector<std::string> arguments;
    for (size_t i = 0; i < function_.body().argument_count(); ++i)
      arguments.push_back(function_.body().argument(i)->name());
    check_names(arguments, "arguments");
    check_names(function_.output_names, "outputs");
    const Op* end = function_.body().terminator();
    if (end && end->code() == Opcode::Return && end->operands().size() != function_.output_names.size())
      report(end, "got {} values returned, expected {} as there are output names", end->operands().size(),
             function_.output_names.size());
  }

  /// Each value's list of users against the operands of the ops in the function.
  void check_use_lists() {
    for (const Value* value : known_) {
      std::vector<const Op*> listed(value->users().begin(), value->users().end());
      std::vector<const Op*> found = uses_[value];
      std::sort(listed.begin(), listed.end());
      std::sort(found.begin(), found.end());
      if (listed != found)
        report(value->op(), "value {}: got {} users in its list, expected the {} ops that use it", value->name(),
               listed.size(), found.size());
    }
  }

  // --- blocks ----------------------------------------------------------------------------------------------------

  void check_arguments(const Block& block) {
    std::set<std::string> dims;
    for (size_t i = 0; i < block.argument_count(); ++i) {
      const Value* argument = block.argument(i);
      if (argument->block() != &block || argument->index() != static_cast<int>(i))
        report(block.parent_op(), "argument {} does not know its place", i);
      known_.insert(argument);
      visible_.insert(argument);
      for (const Dim& dim : argument->shape()) dim.collect_symbols(dims);
    }
    check_bound(block.parent_op(), dims);
  }

  /// Checks the ops of a block. Values become visible as they are defined and vanish at its end.
  void check_block(const Block& block, const Op* owner) {
    std::vector<const Value*> defined;
    std::vector<std::string> names;  // of dims
    const Opcode end = owner ? Opcode::Yield : Opcode::Return;
    if (block.empty() || block.ops().back()->code() != end)
      report(owner           ? owner
             : block.empty() ? nullptr
                             : block.ops().back().get(),
             "expected {} to end in {}", owner ? "a region" : "the function", info(end).mnemonic);
    for (const auto& op : block.ops()) {
      if (op->parent() != &block) report(op.get(), "is in a block that is not its parent");
      const bool terminator = op->code() == Opcode::Yield || op->code() == Opcode::Return;
      if (terminator && op->code() != end)
        report(op.get(), "got {} in {}, expected {}", op->info().mnemonic, owner ? "a region" : "a function's body",
               info(end).mnemonic);
      if (terminator && op != block.ops().back()) report(op.get(), "stands before the end of its block");
      check_op(*op, owner);
      for (size_t i = 0; i < op->result_count(); ++i) {
        visible_.insert(op->result(i));
        defined.push_back(op->result(i));
      }
      if (op->code() == Opcode::BindDim) bind_dim(*op, names);
    }
    for (const Value* value : defined) visible_.erase(value);
    for (const std::string& name : names) bound_dims_.erase(name);
  }

  /// A dim has one meaning in the whole function.
  void bind_dim(const Op& op, std::vector<std::string>& names) {
    const auto* attr = std::get_if<BindDimAttr>(&op.attr());
    if (!attr) return;
    if (!every_dim_.insert(attr->name).second)
      return report(&op, "got dim {} again, expected a name that nothing else binds", attr->name);
    bound_dims_.insert(attr->name);
    names.push_back(attr->name);
  }

  // --- ops -------------------------------------------------------------------------------------------------------

  void check_op(const Op& op, const Op* owner) {
    std::set<std::string> dims;
    for (size_t i = 0; i < op.result_count(); ++i) {
      known_.insert(op.result(i));
      if (op.result(i)->op() != &op || op.result(i)->index() != static_cast<int>(i))
        report(&op, "result {} does not know its place", i);
      for (const Dim& dim : op.result(i)->shape()) {
        dim.collect_symbols(dims);
        if (dim.is_constant() && dim.constant() < 0)
          report(&op, "result {} is {}, expected dims of 0 or more", i, op.result(i)->type().str());
      }
    }
    for (size_t i = 0; i < op.operands().size(); ++i) {
      uses_[op.operand(i)].push_back(&op);
      if (!visible_.contains(op.operand(i)))
        report(&op, "operand {} is not visible here: it is defined later, in another region, or in another function",
               i);
    }
    if (owner && owner->code() == Opcode::Kernel && expected_regions(op.code()) > 0)
      report(&op, "got {} in a kernel, expected ops without regions", op.info().mnemonic);
    const size_t before = diagnostics_.size();
    check_attributes(op, dims);
    check_bound(&op, dims);
    check_regions(op);
    if (diagnostics_.size() == before) check_types(op);
  }

  /// Also adds the names in dims to `dims`.
  void check_attributes(const Op& op, std::set<std::string>& dims) {
    if (op.attr().index() != op.info().default_attr.index()) return report(&op, "has the attributes of another op");
    const auto field = [&](std::string_view name, const auto& value, const auto&) {
      using T = std::decay_t<decltype(value)>;
      if constexpr (std::is_same_v<T, DType>) {
        if (static_cast<int>(value) >= kDTypeCount) report(&op, "attribute {} is no element type", name);
      } else if constexpr (std::is_enum_v<T>) {
        if (static_cast<size_t>(value) >= kNames<T>.size()) report(&op, "attribute {} has no value", name);
      } else if constexpr (std::is_same_v<T, Dim>) {
        value.collect_symbols(dims);
      } else if constexpr (std::is_same_v<T, Shape>) {
        for (const Dim& dim : value) dim.collect_symbols(dims);
      }
    };
    Attr attr = op.attr();
    std::visit([&](auto& alternative) { alternative.visit(field); }, attr);
  }

  void check_regions(const Op& op) {
    const size_t expected = expected_regions(op.code());
    if (op.region_count() != expected) report(&op, "got {} regions, expected {}", op.region_count(), expected);
    for (size_t i = 0; i < op.region_count(); ++i) {
      const Block& region = op.region(i);
      if (region.parent_op() != &op) report(&op, "region {} belongs to another op", i);
      if ((op.code() == Opcode::If || op.code() == Opcode::Kernel) && region.argument_count() > 0)
        report(&op, "got {} region arguments, expected none", region.argument_count());
      check_arguments(region);
      check_block(region, &op);
      for (size_t k = 0; k < region.argument_count(); ++k) visible_.erase(region.argument(k));
    }
  }

  /// The shape rule of the op against its result types. Only for ops whose structure is sound.
  void check_types(const Op& op) {
    std::vector<Type> types;
    try {
      types = infer(op);
    } catch (const Error& error) {
      return report(&op, "{}", error.what());
    }
    if (types.size() != op.result_count())
      return report(&op, "got {} results, expected {}", op.result_count(), types.size());
    for (size_t i = 0; i < types.size(); ++i)
      if (!(types[i] == op.result(i)->type()))
        report(&op, "result {} is {}, expected {}", i, op.result(i)->type().str(), types[i].str());
  }

  const Function& function_;
  std::vector<Diagnostic> diagnostics_;
  std::set<std::string> bound_dims_;  ///< at the op being checked
  std::set<std::string> every_dim_;
  std::set<const Value*> visible_;  ///< at the op being checked
  std::set<const Value*> known_;    ///< every value of the function
  std::map<const Value*, std::vector<const Op*>> uses_;
};

/// `mnemonic at "location": message`, then the op as it prints (its first line only).
std::string describe(const Function& function, const Diagnostic& diagnostic) {
  if (!diagnostic.op) return fmt::format("@{}: {}", function.name, diagnostic.message);
  const Op& op = *diagnostic.op;
  const std::string text = print(op);
  return fmt::format("@{}: {}{}: {}\n    {}", function.name, op.info().mnemonic,
                     op.location().empty() ? "" : fmt::format(" \"{}\"", op.location()), diagnostic.message,
                     text.substr(0, text.find('\n')));
}

}  // namespace

std::vector<Diagnostic> verify(const Function& function) { return Verifier(function).run(); }

std::vector<Diagnostic> verify(const Module& module) {
  std::vector<Diagnostic> all;
  std::set<std::string> names;
  for (const auto& function : module.functions) {
    if (!names.insert(function->name).second)
      all.push_back({nullptr, fmt::format("got two functions @{}", function->name)});
    const auto found = verify(*function);
    all.insert(all.end(), found.begin(), found.end());
  }
  return all;
}

void verify_or_throw(const Function& function, const std::string& context) {
  const auto diagnostics = verify(function);
  if (diagnostics.empty()) return;
  constexpr size_t kShown = 20;
  std::string text = fmt::format("{}: the IR is invalid in {} places", context, diagnostics.size());
  for (size_t i = 0; i < std::min(kShown, diagnostics.size()); ++i) text += "\n  " + describe(function, diagnostics[i]);
  throw Error(ErrorKind::Internal, text);
}

}  // namespace seqc::ir
