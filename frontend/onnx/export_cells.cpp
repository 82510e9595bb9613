// Recognises cells: builds what the DSL makes of LSTM, GRU and RNN for the shapes of a scan, and compares.
#include <array>

#include "frontend/onnx/export_match.h"
#include "frontend/onnx/export_recurrent.h"

namespace seqc::frontend {

namespace {

using dsl::Activation;
using dsl::ActivationKind;
using dsl::Var;
using dsl::Vars;
using ir::Dim;
using ir::Op;
using ir::Opcode;

// Numbers that stand for others in patterns: exact in every float type, and no cell has them. Clip, then alpha and beta
// of each activation.
constexpr double number_of(size_t slot) { return 2.046875 + 0.25 * static_cast<double>(slot); }
constexpr size_t kClip = 0;
constexpr size_t alpha_of(size_t activation) { return 1 + 2 * activation; }
constexpr size_t beta_of(size_t activation) { return 2 + 2 * activation; }
constexpr size_t kNumbers = 7;

Activation with_holes(ActivationKind kind, size_t activation) {
  return {kind, number_of(alpha_of(activation)), number_of(beta_of(activation))};
}

/// Sizes of a scan that may be a cell.
struct Sizes {
  ir::DType type;
  Dim steps, batch, inputs, hidden;
  const Value* lengths_like = nullptr;  ///< the numbers of the steps that are compared with lengths
};

/// One way to set the attributes of an operator.
struct Form {
  RecurrentKind kind;
  std::vector<ActivationKind> activations;
  bool clip = false, linear_before_reset = false, input_forget = false;
};

/// A pattern with the roles of its holes.
class CellPattern {
 public:
  CellPattern(const Form& form, const Sizes& sizes)
      : form_(form), sizes_(sizes), function_("pattern"), builder_(function_), context_(builder_) {
    const dsl::Cell cell = make_cell();
    const Vars initial = make_initial();
    const Var sequence = hole("X", {sizes.steps, sizes.batch, sizes.inputs});
    x = sequence.value();
    dsl::ScanOptions options;
    if (sizes.lengths_like) {
      Value* given = function_.body().add_argument({sizes.lengths_like->dtype(), {sizes.batch}}, "lengths");
      pattern.holes.insert(given);
      options.lengths = Var(context_, given);
      lengths = given;
    }
    const dsl::Scanned scanned = dsl::scan(cell, sequence, initial, options);
    pattern.scan = scanned.states[0].value()->op();
    for (size_t i = 0; i < kNumbers; ++i) pattern.numbers.push_back(number_of(i));
  }

  ScanPattern pattern;
  const Value *x = nullptr, *lengths = nullptr;
  std::vector<const Value*> initial, w, r, wb, rb, p;

 private:
  Var hole(const std::string& name, ir::Shape shape, bool optional = false) {
    Value* value = function_.body().add_argument({sizes_.type, std::move(shape)}, name);
    pattern.holes.insert(value);
    if (optional) pattern.optional.insert(value);
    return {context_, value};
  }

  Vars make_initial() {
    Vars result;
    for (size_t i = 0; i < (form_.kind == RecurrentKind::LSTM ? 2U : 1U); ++i) {
      result.push_back(hole("initial", {sizes_.batch, sizes_.hidden}));
      initial.push_back(result.back().value());
    }
    return result;
  }

  dsl::Gate gate(size_t i) {
    dsl::Gate result{.w = hole("W", {sizes_.hidden, sizes_.inputs}), .r = hole("R", {sizes_.hidden, sizes_.hidden})};
    result.b = vector(wb, i);
    w.at(i) = result.w.value();
    r.at(i) = result.r.value();
    return result;
  }
  Var vector(std::vector<const Value*>& role, size_t i) {
    const Var result = hole("vector", {sizes_.hidden}, true);
    role.at(i) = result.value();
    return result;
  }

  dsl::Cell make_cell() {
    const double clip = form_.clip ? number_of(kClip) : dsl::kNoClip;
    std::vector<Activation> f;
    for (size_t i = 0; i < form_.activations.size(); ++i) f.push_back(with_holes(form_.activations[i], i));
    const size_t gates = form_.kind == RecurrentKind::RNN ? 1 : form_.kind == RecurrentKind::GRU ? 3 : 4;
    for (auto* role : {&w, &r, &wb, &rb}) role->assign(gates, nullptr);
    switch (form_.kind) {
      case RecurrentKind::RNN: return dsl::RnnCell{.gate = gate(0), .activation = f[0], .clip = clip};
      case RecurrentKind::GRU: {
        dsl::GruCell cell{.update = gate(0),
                          .reset = gate(1),
                          .candidate = gate(2),
                          .activations = {.update = f[0], .reset = f[0], .candidate = f[1]},
                          .reset_after = form_.linear_before_reset,
                          .clip = clip};
        if (form_.linear_before_reset) cell.recurrent_bias = vector(rb, 2);
        return cell;
      }
      case RecurrentKind::LSTM: {
        p.assign(3, nullptr);
        dsl::LstmCell cell{.input = gate(0),
                           .output = gate(1),
                           .forget = {},
                           .cell = gate(3),
                           .activations = {.input = f[0], .output = f[0], .forget = f[0], .cell = f[1], .hidden = f[2]},
                           .peephole_input = vector(p, 0),
                           .peephole_output = vector(p, 1),
                           .input_forget = form_.input_forget,
                           .clip = clip};
        if (!form_.input_forget) {
          cell.forget = gate(2);
          cell.peephole_forget = vector(p, 2);
        }
        return cell;
      }
    }
    return {};
  }

  const Form& form_;
  const Sizes& sizes_;
  ir::Function function_;
  ir::Builder builder_;
  dsl::Context context_;
};

/// The activations of which the body has at least one.
std::vector<ActivationKind> activations_in(const Op& scan) {
  std::vector<ActivationKind> found;
  for (int i = 0; i <= static_cast<int>(ActivationKind::ThresholdedRelu); ++i) {
    const auto kind = static_cast<ActivationKind>(i);
    ir::Function function("pattern");
    ir::Builder builder(function);
    Value* any = function.body().add_argument(scan.operand(0)->type(), "any");
    const auto body = [&](Builder& inner, const std::vector<Value*>&) {
      return std::vector<Value*>{with_holes(kind, 0).apply(inner, any)};
    };
    ScanPattern pattern;
    pattern.scan = builder.scan(Dim(1), {}, {}, body);
    pattern.inside.insert(any);
    for (size_t n = 0; n < kNumbers; ++n) pattern.numbers.push_back(number_of(n));
    if (ScanMatcher(pattern, scan).occurs()) found.push_back(kind);
  }
  return found;
}

bool has(const Op& scan, Opcode code) {
  bool found = false;
  ir::walk(scan.region(), [&](const Op* op) { found = found || op->code() == code; });
  return found;
}

/// Every way to set the attributes of an operator with the activations and ops that the body has.
std::vector<Form> forms_of(const Op& scan, RecurrentKind kind, const std::vector<ActivationKind>& activations) {
  const size_t slots = kind == RecurrentKind::RNN ? 1 : kind == RecurrentKind::GRU ? 2 : 3;
  std::vector<Form> forms = {{.kind = kind, .activations = {}}};
  for (size_t slot = 0; slot < slots; ++slot) {
    std::vector<Form> longer;
    for (const Form& form : forms) {
      for (const ActivationKind activation : activations) {
        longer.push_back(form);
        longer.back().activations.push_back(activation);
      }
    }
    forms = std::move(longer);
  }
  const auto also = [&](bool Form::* flag) {
    const size_t count = forms.size();
    for (size_t i = 0; i < count; ++i) {
      forms.push_back(forms[i]);
      forms.back().*flag = true;
    }
  };
  if (has(scan, Opcode::Min)) also(&Form::clip);
  if (kind == RecurrentKind::GRU) also(&Form::linear_before_reset);
  if (kind == RecurrentKind::LSTM) also(&Form::input_forget);
  return forms;
}

/// Nothing if they cannot be those of a cell over `x`.
std::optional<Sizes> sizes_of(const Op& scan, const Value* x) {
  const auto& attr = scan.as<ir::ScanAttr>();
  const Value* state = scan.operand(0);
  if (!ir::is_float(x->dtype()) || x->rank() != 3 || state->rank() != 2 || x->dtype() != state->dtype()) return {};
  Sizes sizes{x->dtype(), attr.length, state->shape()[0], x->shape()[2], state->shape()[1]};
  if (!(x->shape()[1] == sizes.batch) || !sizes.hidden.is_constant() || sizes.hidden.constant() < 1) return {};
  for (size_t i = static_cast<size_t>(attr.carries); i < scan.operands().size(); ++i)
    if (const Op* op = scan.operand(i)->op(); op && op->code() == Opcode::Iota && ir::is_integer(op->result()->dtype()))
      sizes.lengths_like = op->result();
  return sizes;
}

bool is_zero(const Value* value) {
  if (value->op() && value->op()->code() == Opcode::Broadcast) return is_zero(value->op()->operand(0));
  if (!value->is_constant()) return false;
  for (int64_t i = 0; i < value->constant().count(); ++i)
    if (value->constant().real(i) != 0) return false;
  return true;
}

std::vector<const Value*> found(const ScanMatch& match, const std::vector<const Value*>& holes) {
  std::vector<const Value*> result;
  for (const Value* hole : holes) result.push_back(hole ? match.holes.at(hole) : nullptr);
  return result;
}

std::optional<RecurrentMatch> match_form(const Op& scan, const Form& form, const Sizes& sizes) {
  const CellPattern cell(form, sizes);
  ScanMatcher matcher(cell.pattern, scan);
  std::vector<size_t> carries = {0};
  if (form.kind == RecurrentKind::LSTM) carries.push_back(1);
  if (!matcher.match(carries)) {
    std::swap(carries.front(), carries.back());
    if (carries.size() == 1 || !matcher.match(carries)) return {};
  }
  const ScanMatch match = matcher.take();
  RecurrentMatch result;
  result.kind = form.kind;
  result.reverse = scan.as<ir::ScanAttr>().reverse;
  result.linear_before_reset = form.linear_before_reset;
  result.input_forget = form.input_forget;
  result.carries = carries;
  for (size_t i = 0; i < form.activations.size(); ++i) {
    Activation activation = Activation::of(form.activations[i]);
    if (const auto it = match.numbers.find(alpha_of(i)); it != match.numbers.end()) activation.alpha = it->second;
    if (const auto it = match.numbers.find(beta_of(i)); it != match.numbers.end()) activation.beta = it->second;
    result.activations.push_back(activation);
  }
  if (form.clip) result.clip = match.numbers.at(kClip);
  if (result.clip < 0) return {};
  result.x = match.holes.at(cell.x);
  if (cell.lengths) result.lengths = match.holes.at(cell.lengths);
  if (!result.x || (cell.lengths && !result.lengths)) return {};
  const auto initial = found(match, cell.initial);
  if (!is_zero(initial[0])) result.initial_h = initial[0];
  if (initial.size() > 1 && !is_zero(initial[1])) result.initial_c = initial[1];
  result.w = found(match, cell.w);
  result.r = found(match, cell.r);
  result.wb = found(match, cell.wb);
  result.rb = found(match, cell.rb);
  result.p = found(match, cell.p);
  return result;
}

}  // namespace

std::vector<const Value*> RecurrentMatch::values() const {
  std::vector<const Value*> all = {x, lengths, initial_h, initial_c};
  for (const auto* role : {&w, &r, &wb, &rb, &p}) all.insert(all.end(), role->begin(), role->end());
  return all;
}

std::optional<RecurrentMatch> match_recurrent(const Op& scan) {
  const auto carries = scan.as<ir::ScanAttr>().carries;
  if (carries < 1 || carries > 2 || !has(scan, Opcode::Contract)) return {};
  std::vector<RecurrentKind> kinds = {RecurrentKind::LSTM};
  if (carries == 1) kinds = {RecurrentKind::RNN, RecurrentKind::GRU};
  std::vector<ActivationKind> activations;
  for (size_t i = static_cast<size_t>(carries); i < scan.operands().size(); ++i) {
    auto sizes = sizes_of(scan, scan.operand(i));
    if (!sizes) continue;
    if (activations.empty()) activations = activations_in(scan);
    // The numbers of the steps may be there for lengths, or for nothing that is left.
    for (bool more = true; more; sizes->lengths_like = nullptr) {
      for (const RecurrentKind kind : kinds)
        for (const Form& form : forms_of(scan, kind, activations))
          if (auto match = match_form(scan, form, *sizes)) return match;
      more = sizes->lengths_like != nullptr;
    }
  }
  return {};
}

}  // namespace seqc::frontend
