#include "ir/parser.h"

#include <algorithm>
#include <unordered_map>

#include "ir/error.h"
#include "ir/infer.h"
#include "ir/scope.h"
#include "ir/text.h"
#include "ir/token_reader.h"

namespace seqc::ir {
namespace {

constexpr size_t kMaxErrors = 100;

// A SyntaxError ends the op it is in; parsing goes on with the next one. The other ways out of an op:
struct Poisoned {};   ///< it depends on an op that was faulty: nothing new to report
struct Abandoned {};  ///< its function has no end, or too much is wrong already

const Opcode* find_opcode(std::string_view mnemonic) {
  static const auto table = [] {
    std::unordered_map<std::string_view, Opcode> map;
    for (int i = 0; i < kOpcodeCount; ++i) map[info(static_cast<Opcode>(i)).mnemonic] = static_cast<Opcode>(i);
    return map;
  }();
  const auto it = table.find(mnemonic);
  return it == table.end() ? nullptr : &it->second;
}

class Parser : public TokenReader {
 public:
  Parser(std::string_view text, std::string_view file, const WeightTable& weights, LineTable* lines)
      : TokenReader(text, file, weights), lines_(lines) {}

  std::unique_ptr<Module> module() {
    auto module = std::make_unique<Module>();
    while (!at_end() && errors_.size() < kMaxErrors) {
      const size_t start = position();
      try {
        module->functions.push_back(function());
        continue;
      } catch (const SyntaxError& fault) {
        errors_.push_back(fault.message);
        if (position() == start) skip();
      } catch (const Abandoned&) {
      }
      while (!at_end() && !at_function()) skip();
    }
    if (!errors_.empty()) throw Error(ErrorKind::BadInput, fmt::format("{}", fmt::join(errors_, "\n")));
    return module;
  }

 private:
  // --- functions -------------------------------------------------------------------------------------------------

  bool at_function() const { return is("func") && peek().starts_line; }

  std::unique_ptr<Function> function() {
    need("func");
    if (peek().kind != TokenKind::Global) unexpected("a function's name, @...");
    auto function = std::make_unique<Function>(Scope::hint(next()));
    function_ = function.get();
    scope_ = Scope();
    lost_ = false;
    need("(");
    for (bool more = !is(")"); more; more = eat(",")) {
      const bool parameter = eat("param");
      const Token name = local();
      need(":");
      const Token where = peek();
      Value* argument = function->body().add_argument(type(), Scope::hint(name));
      define(name, argument);
      if (!parameter) continue;
      need("=");
      if (!is_arithmetic(argument->dtype()))
        error(where, fmt::format("got a parameter {}, expected numbers", argument->type().str()));
      function->make_parameter(argument, constant(argument->type(), where));
    }
    need(")");
    need("->");
    need("(");
    std::vector<Type> types;
    for (bool more = !is(")"); more; more = eat(",")) {
      function->output_names.push_back(name("an output's name"));
      need(":");
      types.push_back(type());
    }
    need(")");
    const int failures = failures_;
    block(function->body(), 0);
    if (failures_ == failures) check_outputs(*function, types);
    return function;
  }

  void check_outputs(const Function& function, const std::vector<Type>& types) const {
    const Op* end = function.body().terminator();
    if (!end || end->code() != Opcode::Return) return;  // the verifier's business
    if (end->operands().size() != types.size())
      error(return_, fmt::format("got {} values returned, expected {} as in the signature", end->operands().size(),
                                 types.size()));
    for (size_t i = 0; i < types.size(); ++i)
      if (!(end->operand(i)->type() == types[i]))
        error(return_, fmt::format("got {} for output {}, expected {} as in the signature",
                                   end->operand(i)->type().str(), function.output_names[i], types[i].str()));
  }

  // --- names and operands ----------------------------------------------------------------------------------------

  Token local() {
    if (peek().kind != TokenKind::Local) unexpected("a value's name, %...");
    return next();
  }

  void need_new(const Token& name) const {
    if (const auto* other = scope_.conflict(name))
      error(name, fmt::format("got {} again, expected a new name; line {} defines it", name.text, other->line));
  }

  void define(const Token& name, Value* value) {
    need_new(name);
    scope_.define(name, value);
  }

  Value* operand() {
    const Token token = peek();
    if (token.kind == TokenKind::Word && is("(", 1) && parse_dtype(token.text)) return function_->constant(scalar());
    if (token.kind != TokenKind::Local && token.kind != TokenKind::Global)
      unexpected("an operand: %value, @constant or a number such as f32(0.5)");
    next();
    const auto* found = scope_.find(token);
    if (!found) error(token, fmt::format("got {}, expected a name defined above", token.text));
    if (found->ended)
      error(token, fmt::format("got {}, which belongs to a region that has ended (line {})", token.text, found->line));
    if (!found->value) throw Poisoned{};
    return found->value;
  }

  /// Operands begin on the line of their op; that tells them from the results of the next one.
  std::vector<Value*> operands() {
    std::vector<Value*> values;
    const TokenKind kind = peek().kind;
    const bool some = kind == TokenKind::Local || kind == TokenKind::Global || kind == TokenKind::Bad ||
                      (kind == TokenKind::Word && parse_dtype(peek().text));
    if (!some || peek().starts_line) return values;
    do values.push_back(operand());
    while (eat(","));
    return values;
  }

  // --- blocks ----------------------------------------------------------------------------------------------------

  /// `{ ops }`. Reports the faults of its ops itself. `mark` is where the names of the region begin.
  void block(Block& block, int level) { this->block(block, level, scope_.enter()); }
  void block(Block& block, int level, size_t mark) {
    if (level > kMaxRegionDepth) error(peek(), fmt::format("got regions nested deeper than {}", kMaxRegionDepth));
    need("{");
    while (!is("}")) {
      if (errors_.size() >= kMaxErrors) throw Abandoned{};
      if (at_end() || at_function()) {
        if (!lost_)
          errors_.push_back(place(peek(), fmt::format("got {}, expected '}}'", at_end() ? "the end" : "'func'")));
        throw Abandoned{};
      }
      statement(block, level);
    }
    next();
    scope_.leave(mark);
  }

  void statement(Block& block, int level) {
    const int outer = depth();
    const size_t start = position();
    const size_t mark = scope_.enter();
    std::vector<Token> names;
    try {
      if (is("const")) return constant_declaration(level, names);
      const bool named = peek().kind == TokenKind::Local;
      for (bool more = named; more; more = eat(",")) names.push_back(local());
      if (named) need("=");
      return op(block, level, names);
    } catch (const SyntaxError& fault) {
      errors_.push_back(fault.message);
    } catch (const Poisoned&) {
    }
    ++failures_;
    scope_.leave(mark);  // arguments of a region that was never read
    for (const Token& name : names)
      if (!scope_.conflict(name)) scope_.define(name, nullptr);
    if (position() == start) skip();
    recover(outer);
  }

  /// Skips to the next op of the block that is `outer` braces deep, to its end, or to the next function.
  void recover(int outer) {
    for (; !at_end() && !at_function(); skip()) {
      const TokenKind kind = peek().kind;
      const bool starts_op = peek().starts_line && (kind == TokenKind::Local || kind == TokenKind::Word);
      if (depth() <= outer && (is("}") || starts_op)) return;
    }
    lost_ = true;
  }

  void constant_declaration(int level, std::vector<Token>& names) {
    if (level > 0) unexpected("an op; constants stand before the ops of the function");
    next();
    if (peek().kind != TokenKind::Global) unexpected("a constant's name, @...");
    const Token name = next();
    need_new(name);
    names.push_back(name);
    need(":");
    const Token where = peek();
    const Type type = this->type();
    need("=");
    define(name, function_->constant(constant(type, where), Scope::hint(name)));
  }

  // --- ops -------------------------------------------------------------------------------------------------------

  /// From the mnemonic to the end of the op.
  void op(Block& block, int level, const std::vector<Token>& names) {
    const Token mnemonic = peek();
    const Opcode* code = mnemonic.kind == TokenKind::Word ? find_opcode(mnemonic.text) : nullptr;
    if (!code) unexpected("an op");
    next();
    if (*code == Opcode::Return) return_ = mnemonic;
    Op* op = block.create(*code, {}, info(*code).default_attr);
    const int failures = failures_;
    try {
      fill(*op, level);
      if (failures_ != failures) throw Poisoned{};  // a faulty region has no types to speak of
      results(*op, mnemonic, names);
    } catch (...) {
      op->erase();
      throw;
    }
    if (lines_) (*lines_)[op] = mnemonic.line;
    if (!eat("loc")) return;
    need("(");
    op->set_location(string());
    need(")");
  }

  /// Reads operands, attributes and regions.
  void fill(Op& op, int level) {
    switch (op.code()) {
      case Opcode::Scan: return scan(op, level);
      case Opcode::Loop: return loop(op, level);
      case Opcode::Yield: return yield(op);
      default: break;
    }
    op.set_operands(operands());
    op.set_attr(attributes(op.attr(), op.info().mnemonic));
    if (op.code() == Opcode::If || op.code() == Opcode::Kernel) block(op.add_region(), level + 1);
    if (op.code() == Opcode::If) {
      need("else");
      block(op.add_region(), level + 1);
    }
  }

  /// Infers the result types, compares them with the written ones and names the results.
  void results(Op& op, const Token& mnemonic, const std::vector<Token>& names) {
    std::vector<Type> types;
    try {
      types = infer(op);
    } catch (const Error& fault) {
      error(mnemonic, fmt::format("{}: {}", mnemonic.text, fault.what()));
    }
    for (const Type& type : types)
      for (const Dim& dim : type.shape)
        if (dim.is_constant() && dim.constant() < 0)
          error(mnemonic, fmt::format("{}: gives {}, expected dims of 0 or more", mnemonic.text, type.str()));
    if (names.size() != types.size())
      error(mnemonic, fmt::format("{}: got {} result names, expected {}", mnemonic.text, names.size(), types.size()));
    if (eat(":")) {
      for (size_t i = 0; i < types.size(); ++i) {
        if (i > 0) need(",");
        const Token where = peek();
        const Type written = type();
        if (!(written == types[i]))
          error(where, fmt::format("got {}, expected {} as {} gives", written.str(), types[i].str(), mnemonic.text));
      }
      if (types.empty() || is(",")) unexpected(fmt::format("{} types", types.size()));
    }
    // All names are checked before the first is defined, so that an op is never half known.
    for (size_t i = 0; i < names.size(); ++i) {
      need_new(names[i]);
      for (size_t k = 0; k < i; ++k)
        if (names[k].text == names[i].text) error(names[i], fmt::format("got {} twice in one op", names[i].text));
    }
    for (size_t i = 0; i < names.size(); ++i)
      define(names[i], op.add_result(std::move(types[i]), Scope::hint(names[i])));
  }

  struct Binding {
    Token argument;
    Value* value;
  };
  /// `keyword(%argument = operand, ...)`, if it is there.
  std::vector<Binding> bindings(std::string_view keyword) {
    std::vector<Binding> result;
    if (!eat(keyword)) return result;
    need("(");
    for (bool more = !is(")"); more; more = eat(",")) {
      const Token argument = local();
      need("=");
      result.push_back({argument, operand()});
    }
    need(")");
    return result;
  }

  void bind(Block& region, const Binding& binding, Type type, std::vector<Value*>& operands) {
    operands.push_back(binding.value);
    define(binding.argument, region.add_argument(std::move(type), Scope::hint(binding.argument)));
  }

  void scan(Op& op, int level) {
    auto attr = std::get<ScanAttr>(attributes(op.attr(), op.info().mnemonic, "carries"));
    const auto carries = bindings("carry"), scanned = bindings("in");
    attr.carries = static_cast<int64_t>(carries.size());
    op.set_attr(attr);
    Block& region = op.add_region();
    const size_t mark = scope_.enter();
    std::vector<Value*> operands;
    for (const Binding& binding : carries) bind(region, binding, binding.value->type(), operands);
    for (const Binding& binding : scanned) {
      Type type = binding.value->type();
      if (type.rank() == 0)
        error(binding.argument, fmt::format("got a scanned {}, expected rank 1 or more", type.str()));
      type.shape.erase(type.shape.begin());
      bind(region, binding, std::move(type), operands);
    }
    op.set_operands(std::move(operands));
    block(region, level + 1, mark);
  }

  void loop(Op& op, int level) {
    op.set_attr(attributes(op.attr(), op.info().mnemonic));
    const Token step = local();
    need("<");
    std::vector<Value*> operands = {operand()};
    need("while");
    operands.push_back(operand());
    const auto carries = bindings("carry");
    Block& region = op.add_region();
    const size_t mark = scope_.enter();
    define(step, region.add_argument({DType::i64, {}}, Scope::hint(step)));
    for (const Binding& binding : carries) bind(region, binding, binding.value->type(), operands);
    op.set_operands(std::move(operands));
    block(region, level + 1, mark);
  }

  /// In a scan `yield carries emit values`, in a loop `yield carries emit values while condition`, elsewhere `yield values`.
  void yield(Op& op) {
    const Op* owner = op.parent()->parent_op();
    const bool in_loop = owner && owner->code() == Opcode::Loop, in_scan = owner && owner->code() == Opcode::Scan;
    const Token where = peek();
    std::vector<Value*> values = operands();
    if (in_scan || in_loop) {
      const size_t carries =
          in_loop ? owner->operands().size() - 2 : static_cast<size_t>(owner->as<ScanAttr>().carries);
      if (values.size() != carries)
        error(where,
              fmt::format("got {} carries, expected {} (what is emitted follows 'emit')", values.size(), carries));
      if (eat("emit")) {
        const auto emitted = operands();
        values.insert(values.end(), emitted.begin(), emitted.end());
      }
    }
    if (in_loop) {
      need("while");
      values.insert(values.begin(), operand());
    }
    op.set_operands(std::move(values));
  }

  LineTable* lines_;
  Function* function_ = nullptr;
  Scope scope_;
  std::vector<std::string> errors_;
  int failures_ = 0;   ///< ops that could not be built, for their own or for another's fault
  bool lost_ = false;  ///< recovery from a fault swallowed the end of the function
  Token return_;
};

}  // namespace

std::unique_ptr<Module> parse_module(std::string_view text, std::string_view file_name, const WeightTable& weights,
                                     LineTable* lines) {
  return Parser(text, file_name, weights, lines).module();
}

}  // namespace seqc::ir
