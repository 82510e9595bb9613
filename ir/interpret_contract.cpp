// Einstein sums and the packed form of their right-hand sides.
//
// A contraction  out[batch, rows, columns] = sum over k of x[batch, rows, k] * w[batch, columns, k]  is evaluated through
// tables of element offsets, one for each group of labels, so that the order of labels in memory does not matter. A
// packed right-hand side is but another set of tables. Each result element is one chain of fma over k, from +0.
#include <algorithm>

#include "ir/infer.h"
#include "ir/interpret_ops.h"
#include "ir/interpret_scalar.h"

namespace seqc::ir::interp {
namespace {

using LabelSizes = std::map<char, int64_t>;

void bind_labels(const std::string& labels, const Tensor& x, LabelSizes& sizes) {
  if (x.shape().size() != labels.size()) fail(ErrorKind::BadInput, "got {} for labels \"{}\"", x.type_str(), labels);
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto [it, inserted] = sizes.try_emplace(labels[i], x.shape()[i]);
    if (it->second != x.shape()[i])
      fail(ErrorKind::BadInput, "label {} is {} and {}", labels[i], it->second, x.shape()[i]);
  }
}

Sizes shape_of(const std::string& labels, const LabelSizes& sizes) {
  Sizes shape;
  for (const char label : labels) shape.push_back(sizes.at(label));
  return shape;
}

/// Offsets of all indices of `group` (row-major in its order) within a dense tensor with dims `labels`.
Sizes group_offsets(const std::string& group, const std::string& labels, const LabelSizes& sizes) {
  const Sizes strides = row_major_strides(shape_of(labels, sizes));
  Sizes steps;
  for (const char label : group) steps.push_back(strides[labels.find(label)]);
  return offsets(shape_of(group, sizes), steps);
}

/// Element offsets of one right-hand side: element [b, c, k] is at batch[b] + columns[c] + summed[k].
struct RhsTables {
  Sizes batch, columns, summed;
};

RhsTables dense_tables(const ContractSpec& spec, const LabelSizes& sizes) {
  return {group_offsets(spec.batch, spec.rhs, sizes), group_offsets(spec.columns, spec.rhs, sizes),
          group_offsets(spec.summed, spec.rhs, sizes)};
}

/// The packed layout: [batch, column block, k / group, (w * lanes + lane) * group + k % group], where column c is lane
/// c % lanes of block c / lanes.
RhsTables packed_tables(const ContractSpec& spec, const LabelSizes& sizes, int64_t weights, int64_t lanes,
                        int64_t group, int64_t which) {
  const int64_t batches = product(shape_of(spec.batch, sizes)), columns = product(shape_of(spec.columns, sizes));
  const int64_t summed = product(shape_of(spec.summed, sizes)), vector = weights * lanes * group;
  const int64_t block = (summed + group - 1) / group * vector, blocks = (columns + lanes - 1) / lanes;
  RhsTables tables{offsets({batches}, {blocks * block}), {}, {}};
  for (int64_t k = 0; k < summed; ++k) tables.summed.push_back(k / group * vector + k % group);
  for (int64_t c = 0; c < columns; ++c)
    tables.columns.push_back(c / lanes * block + (which * lanes + c % lanes) * group);
  return tables;
}

/// Columns that are summed at once, each in its own chain. Their values are first copied side by side.
constexpr size_t kTile = 16;

/// tile[k][c] = element [c, k] of the right-hand side at `w`, for the `width` columns from `start`.
template <class T>
void load_tile(const T* w, const RhsTables& rhs, size_t start, size_t width, std::vector<T>& tile) {
  for (size_t c = 0; c < width; ++c)
    for (size_t k = 0; k < rhs.summed.size(); ++k) tile[k * kTile + c] = w[rhs.columns[start + c] + rhs.summed[k]];
}

/// sums[c] grows by the chain over k of x[k] * tile[k][c].
template <class T>
SEQC_INLINE_BODY inline void sum_tile(const T* x, const Sizes& x_summed, const T* tile, T* sums) {
  T chains[kTile];
  std::copy(sums, sums + kTile, chains);
  for (const int64_t k : x_summed) {
    const T value = x[k];
    for (size_t c = 0; c < kTile; ++c) chains[c] = kMultiplyAdd(value, tile[c], chains[c]);
    tile += kTile;
  }
  std::copy(chains, chains + kTile, sums);
}

template <class T>
Tensor contract_of(const ContractSpec& spec, const LabelSizes& sizes, const Tensor& x, const Tensor& w,
                   const RhsTables& rhs, const Tensor* start_sums) {
  if constexpr (Bool<T>) {
    fail(ErrorKind::BadInput, "is not defined for bool");
  } else {
    Tensor result = start_sums ? *start_sums : Tensor(x.dtype(), shape_of(spec.out, sizes));
    const Sizes x_batch = group_offsets(spec.batch, spec.lhs, sizes),
                x_rows = group_offsets(spec.rows, spec.lhs, sizes);
    const Sizes x_summed = group_offsets(spec.summed, spec.lhs, sizes);
    const Sizes batch = group_offsets(spec.batch, spec.out, sizes), rows = group_offsets(spec.rows, spec.out, sizes);
    const Sizes columns = group_offsets(spec.columns, spec.out, sizes);
    const T *from = x.data<T>().data(), *weights = w.data<T>().data();
    T* to = result.mutable_data<T>().data();
    std::vector<T> tile(rhs.summed.size() * kTile);
    for (size_t b = 0; b < batch.size(); ++b) {
      for (size_t start = 0; start < columns.size(); start += kTile) {
        const size_t width = std::min(kTile, columns.size() - start);
        load_tile(weights + rhs.batch[b], rhs, start, width, tile);
        run_fast([&]() SEQC_INLINE_BODY {
          for (size_t r = 0; r < rows.size(); ++r) {
            T sums[kTile] = {};
            for (size_t c = 0; c < width; ++c) sums[c] = to[batch[b] + rows[r] + columns[start + c]];
            sum_tile(from + x_batch[b] + x_rows[r], x_summed, tile.data(), sums);
            for (size_t c = 0; c < width; ++c) to[batch[b] + rows[r] + columns[start + c]] = sums[c];
          }
        });
      }
    }
    return result;
  }
}

}  // namespace

Tensors contract(const Tensors& operands, const ContractAttr& attr, const DimBindings& dims) {
  const ContractSpec spec = parse_contract_spec(attr.spec);
  const auto computed = contract_type(operands[0].dtype(), operands[1].dtype());
  const size_t weights = attr.lanes > 0 ? 1 : operands.size() - 1;
  for (size_t i = 1; i <= weights; ++i)
    if (!computed || operands[i].dtype() != operands[1].dtype())
      fail(ErrorKind::BadInput, "got {} and {}, expected one element type", operands[0].type_str(),
           operands[i].type_str());
  LabelSizes sizes;
  bind_labels(spec.lhs, operands[0], sizes);
  const DType type = *computed;
  const auto converted = [&](const Tensor& t) { return t.dtype() == type ? widened(t) : cast(t, type); };
  const Tensor x = converted(operands[0]);
  Tensors results;
  const auto add_result = [&](const Tensor& w, const RhsTables& rhs, const Tensor* sums = nullptr) {
    results.push_back(narrowed(
        with_element(x.dtype(), [&]<class T>() { return contract_of<T>(spec, sizes, x, w, rhs, sums); }), type));
  };
  if (attr.lanes == 0) {
    for (size_t i = 1; i < operands.size(); ++i) bind_labels(spec.rhs, operands[i], sizes);
    const RhsTables rhs = dense_tables(spec, sizes);
    for (size_t i = 1; i < operands.size(); ++i) add_result(converted(operands[i]), rhs);
    return results;
  }
  const Tensor packed = converted(operands[1]);
  const int64_t group = attr.group;
  for (size_t i = 0; i < spec.columns.size(); ++i) sizes[spec.columns[i]] = attr.columns[i].evaluate(dims);
  const int64_t count = packed.shape().back() / (attr.lanes * group);
  Sizes expected = shape_of(spec.batch, sizes);
  const int64_t columns = product(shape_of(spec.columns, sizes));
  expected.push_back((columns + attr.lanes - 1) / attr.lanes);
  expected.push_back((product(shape_of(spec.summed, sizes)) + group - 1) / group);
  expected.push_back(count * attr.lanes * group);
  if (packed.shape() != expected)
    fail(ErrorKind::BadInput, "got packed weights {}, expected [{}]", operands[1].type_str(), fmt::join(expected, ","));
  std::vector<Tensor> sums;
  for (size_t i = 2; i < operands.size(); ++i) sums.push_back(converted(operands[i]));
  for (int64_t i = 0; i < count; ++i)
    add_result(packed, packed_tables(spec, sizes, count, attr.lanes, group, i),
               sums.empty() ? nullptr : &sums[static_cast<size_t>(i)]);
  return results;
}

Tensor pack(const Tensors& weights, const ContractAttr& attr) {
  const ContractSpec spec = parse_contract_spec(attr.spec);
  LabelSizes sizes;
  for (const Tensor& w : weights) bind_labels(spec.rhs, w, sizes);
  const auto count = static_cast<int64_t>(weights.size());
  const int64_t group = attr.group;
  Sizes shape = shape_of(spec.batch, sizes);
  shape.push_back((product(shape_of(spec.columns, sizes)) + attr.lanes - 1) / attr.lanes);
  shape.push_back((product(shape_of(spec.summed, sizes)) + group - 1) / group);
  shape.push_back(count * attr.lanes * group);
  Tensor result(weights[0].dtype(), shape);
  const RhsTables from = dense_tables(spec, sizes);
  with_width(result.dtype(), [&]<class U>() {
    U* to = result.mutable_data<U>().data();
    for (int64_t i = 0; i < count; ++i) {
      const U* w = weights[i].data<U>().data();
      const RhsTables at = packed_tables(spec, sizes, count, attr.lanes, group, i);
      for (size_t b = 0; b < at.batch.size(); ++b)
        for (size_t c = 0; c < at.columns.size(); ++c)
          for (size_t k = 0; k < at.summed.size(); ++k)
            to[at.batch[b] + at.columns[c] + at.summed[k]] = w[from.batch[b] + from.columns[c] + from.summed[k]];
    }
  });
  return result;
}

}  // namespace seqc::ir::interp
