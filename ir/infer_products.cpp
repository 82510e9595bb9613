#include <algorithm>
#include <map>
#include <set>

#include "ir/infer_rules.h"

namespace seqc::ir {

namespace {

using LabelSizes = std::map<char, Dim>;

void bind_labels(const std::string& labels, const Value* value, LabelSizes& sizes) {
  need(labels.size() == value->shape().size(), fmt::format("got {} for labels \"{}\"", value->type().str(), labels));
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto [it, inserted] = sizes.try_emplace(labels[i], value->shape()[i]);
    need(inserted || it->second == value->shape()[i],
         fmt::format("label {} is {} and {}", labels[i], it->second.str(), value->shape()[i].str()));
  }
}

/// Sizes of all labels of a contraction; for packed ones the columns come from the attribute.
LabelSizes contract_sizes(const Op& op, const ContractSpec& spec) {
  const auto& attr = op.as<ContractAttr>();
  LabelSizes sizes;
  bind_labels(spec.lhs, op.operand(0), sizes);
  if (attr.lanes == 0) {
    for (size_t i = 1; i < op.operands().size(); ++i) bind_labels(spec.rhs, op.operand(i), sizes);
  } else {
    need_count(attr.columns.size(), spec.columns.size(), "columns");
    for (size_t i = 0; i < spec.columns.size(); ++i) sizes[spec.columns[i]] = attr.columns[i];
  }
  return sizes;
}

void need_group(int64_t group, DType weights) {
  need(group == 1 || (group > 1 && group * static_cast<int64_t>(size_of(weights)) == 4),
       fmt::format("got groups of {} {}, expected 1 or as many as fill 32 bits", group, name(weights)));
}

}  // namespace

std::vector<Type> infer_contract(const Op& op) {
  const auto& attr = op.as<ContractAttr>();
  const ContractSpec spec = parse_contract_spec(attr.spec);
  const DType type = op.operand(0)->dtype();
  need_number(type);
  const size_t weights = attr.lanes > 0 ? 1 : op.operands().size() - 1;
  for (size_t i = 1; i <= weights; ++i) {
    need(op.operand(i)->dtype() == op.operand(1)->dtype(),
         fmt::format("got {} and {}, expected right-hand sides of one element type", op.operand(1)->type().str(),
                     op.operand(i)->type().str()));
    need(contract_type(type, op.operand(i)->dtype()).has_value(),
         fmt::format(
             "got {} and {}, expected operands of one element type, f32 with f16, bf16, i8 or i16, or u8 with i8",
             op.operand(0)->type().str(), op.operand(i)->type().str()));
  }
  const LabelSizes sizes = contract_sizes(op, spec);
  Shape shape;
  for (const char label : spec.out) shape.push_back(sizes.at(label));
  size_t results = weights;
  if (attr.lanes > 0) {
    const Value* packed = op.operand(1);
    need_group(attr.group, packed->dtype());
    need(packed->rank() >= 3 && packed->shape().back().is_constant() &&
             packed->shape().back().constant() % (attr.lanes * attr.group) == 0,
         fmt::format("got packed weights {}, expected [batch..., block, k{}, w*{}]", packed->type().str(),
                     attr.group == 1 ? "" : fmt::format("/{}", attr.group), attr.lanes * attr.group));
    results = static_cast<size_t>(packed->shape().back().constant() / (attr.lanes * attr.group));
    constexpr size_t kMostResults = 1024;
    need(results <= kMostResults,
         fmt::format("got packed weights of {} results, expected no more than {}", results, kMostResults));
  }
  const Type result{*contract_type(type, op.operand(1)->dtype()), shape};
  if (attr.lanes > 0 && op.operands().size() > 2) {
    need_count(op.operands().size(), 2 + results, "operands of a packed contraction that begins with sums");
    for (size_t i = 2; i < op.operands().size(); ++i)
      need(op.operand(i)->type() == result,
           fmt::format("got sums {} to begin with, expected {}", op.operand(i)->type().str(), result.str()));
  }
  return std::vector<Type>(results, result);
}

Type infer_pack(const Op& op) {
  const auto& attr = op.as<ContractAttr>();
  const ContractSpec spec = parse_contract_spec(attr.spec);
  need_same_dtype(op);
  need_arithmetic(op.operand(0)->dtype());
  need(attr.lanes > 0, "expected lanes > 0");
  LabelSizes sizes;
  for (const Value* operand : op.operands()) bind_labels(spec.rhs, operand, sizes);
  Shape shape;
  for (const char label : spec.batch) shape.push_back(sizes.at(label));
  Dim columns(1), summed(1);
  for (const char label : spec.columns) columns = columns * sizes.at(label);
  for (const char label : spec.summed) summed = summed * sizes.at(label);
  shape.push_back(ceildiv(columns, Dim(attr.lanes)));
  need_group(attr.group, op.operand(0)->dtype());
  shape.push_back(ceildiv(summed, Dim(attr.group)));
  shape.push_back(Dim(attr.lanes * attr.group * static_cast<int64_t>(op.operands().size())));
  return {op.operand(0)->dtype(), std::move(shape)};
}

Type infer_conv(const Op& op) {
  const auto& attr = op.as<ConvAttr>();
  const Value *x = op.operand(0), *w = op.operand(1);
  need_same_dtype(op);
  need_arithmetic(x->dtype());
  need(x->rank() >= 3, fmt::format("got {}, expected [N,C,spatial...]", x->type().str()));
  need_rank(w, x->rank());
  const size_t spatial = x->shape().size() - 2;
  for (const auto* field : {&attr.strides, &attr.dilations, &attr.input_dilations, &attr.pads_lo, &attr.pads_hi})
    need_count(field->size(), spatial, "entries of a spatial attribute");
  need(attr.groups >= 1, "expected groups >= 1");
  need(w->shape()[1] * Dim(attr.groups) == x->shape()[1],
       fmt::format("got {} and {}, expected input channels = groups ({}) * kernel channels", x->type().str(),
                   w->type().str(), attr.groups));
  need(mod(w->shape()[0], Dim(attr.groups)) == Dim(0),
       fmt::format("got {} output channels, expected a multiple of groups ({})", w->shape()[0].str(), attr.groups));
  Shape shape = {x->shape()[0], w->shape()[0]};
  for (size_t i = 0; i < spatial; ++i) {
    const Dim& window = w->shape()[i + 2];
    need(window.is_constant(), fmt::format("got kernel {}, expected numeric spatial dims", w->type().str()));
    shape.push_back(window_output(x->shape()[i + 2], window.constant(), attr.strides[i], attr.dilations[i],
                                  attr.input_dilations[i], attr.pads_lo[i], attr.pads_hi[i]));
  }
  return {x->dtype(), std::move(shape)};
}

Type infer_reduce_window(const Op& op) {
  const auto& attr = op.as<WindowAttr>();
  const Value* x = op.operand(0);
  const size_t spatial = attr.window.size();
  need_arithmetic(x->dtype());
  need(x->shape().size() >= spatial, fmt::format("got {} for {} spatial dims", x->type().str(), spatial));
  for (const auto* field : {&attr.strides, &attr.dilations, &attr.pads_lo, &attr.pads_hi})
    need_count(field->size(), spatial, "entries of a spatial attribute");
  Shape shape = x->shape();
  for (size_t i = 0; i < spatial; ++i) {
    Dim& dim = shape[shape.size() - spatial + i];
    dim = window_output(dim, attr.window[i], attr.strides[i], attr.dilations[i], 1, attr.pads_lo[i], attr.pads_hi[i]);
  }
  return {x->dtype(), std::move(shape)};
}

std::optional<DType> contract_type(DType x, DType weights) {
  if (x == weights) return x;
  if (x == DType::u8 && weights == DType::i8) return DType::i32;
  const bool compressed =
      weights == DType::f16 || weights == DType::bf16 || weights == DType::i8 || weights == DType::i16;
  return x == DType::f32 && compressed ? std::optional(x) : std::nullopt;
}

ContractSpec parse_contract_spec(const std::string& text) {
  ContractSpec spec;
  const size_t comma = text.find(','), arrow = text.find("->");
  if (comma == std::string::npos || arrow == std::string::npos || comma > arrow)
    bad("got spec \"{}\", expected the form \"ni,ji->nj\"", text);
  spec.lhs = text.substr(0, comma);
  spec.rhs = text.substr(comma + 1, arrow - comma - 1);
  spec.out = text.substr(arrow + 2);
  const auto has = [](const std::string& labels, char c) { return labels.find(c) != std::string::npos; };
  for (const auto* labels : {&spec.lhs, &spec.rhs, &spec.out}) {
    const std::set<char> distinct(labels->begin(), labels->end());
    if (distinct.size() != labels->size()) bad("spec \"{}\" repeats a label within one operand", text);
    for (const char c : *labels)
      if (!std::isalpha(static_cast<unsigned char>(c))) bad("got label '{}' in spec \"{}\", expected letters", c, text);
  }
  for (const char c : spec.out) {
    const bool left = has(spec.lhs, c), right = has(spec.rhs, c);
    if (!left && !right) bad("spec \"{}\": label {} of the result is in no operand", text, c);
    (left && right ? spec.batch : left ? spec.rows : spec.columns) += c;
  }
  for (const char c : spec.rhs)
    if (!has(spec.out, c)) spec.summed += c;
  for (const char c : spec.lhs + spec.summed)
    if (!has(spec.out, c) && !(has(spec.lhs, c) && has(spec.rhs, c)))
      bad("spec \"{}\": label {} is in one operand only; reduce it first", text, c);
  return spec;
}

Dim window_output(const Dim& size, int64_t window, int64_t stride, int64_t dilation, int64_t input_dilation,
                  int64_t pad_lo, int64_t pad_hi) {
  need(window >= 1 && stride >= 1 && dilation >= 1 && input_dilation >= 1, "expected windows, strides, dilations >= 1");
  const Dim padded = (size - Dim(1)) * Dim(input_dilation) + Dim(1 + pad_lo + pad_hi);
  // An input shorter than the window has no position for it.
  return max(floordiv(padded - Dim((window - 1) * dilation + 1), Dim(stride)) + Dim(1), Dim(0));
}

}  // namespace seqc::ir
