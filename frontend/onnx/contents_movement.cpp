// Shape arithmetic that asks for shapes and moves elements about.
#include <algorithm>

#include "frontend/onnx/contents.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

// --- shapes ------------------------------------------------------------------------------------------------------

bool shape(Node& node) {
  const Type type = node.input_type(0);
  node.item(0);
  const int64_t rank = type.rank();
  const auto bound = [&](const char* name, int64_t otherwise) {
    const int64_t at = node.integer(name, otherwise);
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const int64_t start = bound("start", 0), end = std::max(start, bound("end", rank));
  Contents result{DType::i64, {end - start}, {}};
  result.values.assign(type.shape.begin() + start, type.shape.begin() + end);
  node.set_output(0, std::move(result));
  return true;
}

bool size(Node& node) {
  const Type type = node.input_type(0);
  node.item(0);
  node.set_output(0, Contents{DType::i64, {}, {element_count(type.shape)}});
  return true;
}

bool with_shape(Node& node, Contents contents, const Shape& shape) {
  const auto sizes = small_shape(shape);
  if (!sizes || count_of(*sizes) != static_cast<int64_t>(contents.values.size())) return false;
  contents.shape = *sizes;
  node.set_output(0, std::move(contents));
  return true;
}

bool reshape(Node& node) {
  const Type type = node.input_type(0);
  auto contents = node.known_contents(0);
  return contents && with_shape(node, *std::move(contents), reshape_target(node, type));
}

bool squeeze(Node& node) {
  auto contents = node.known_contents(0);
  if (!contents) return false;
  const Type type = node.input_type(0);
  auto axes = read_axes(node, 13, 1, type.rank());
  if (!axes) {
    axes.emplace();
    for (int64_t i = 0; i < type.rank(); ++i)
      if (type.shape[i] == Dim(1)) axes->push_back(i);
  }
  for (const int64_t axis : *axes)
    if (!(type.shape[axis] == Dim(1))) return false;
  return with_shape(node, *std::move(contents), without(type.shape, *axes));
}

bool unsqueeze(Node& node) {
  auto contents = node.known_contents(0);
  if (!contents) return false;
  const auto given = read_integers(node, "axes", 13, 1);
  if (!given) return false;
  const Type type = node.input_type(0);
  const auto axes = read_axes(node, 13, 1, type.rank() + static_cast<int64_t>(given->size()));
  return with_shape(node, *std::move(contents), with_ones(type.shape, *axes));
}

bool identity(Node& node) {
  node.set_output(0, node.item(0));
  return true;
}

bool expand(Node& node) {
  const auto contents = node.known_contents(0);
  const auto target = node.known_contents(1);
  if (!contents || !target) return false;
  const auto sizes = small_shape(node.broadcast(node.input_type(0).shape, target->values));
  if (!sizes || contents->values.size() != 1) return false;
  node.set_output(0,
                  Contents{contents->type, *sizes, Shape(static_cast<size_t>(count_of(*sizes)), contents->values[0])});
  return true;
}

bool constant_of_shape(Node& node) {
  const auto contents = node.known_contents(0);
  const auto sizes = contents ? small_shape(contents->values) : std::nullopt;
  if (!sizes || !node.has_attribute("value")) return false;
  const Tensor value = node.tensor("value");
  if (value.count() != 1 || ir::is_float(value.dtype()) || !ir::is_arithmetic(value.dtype())) return false;
  node.set_output(0,
                  Contents{value.dtype(), *sizes, Shape(static_cast<size_t>(count_of(*sizes)), Dim(value.integer(0)))});
  return true;
}

// --- moving elements of vectors ----------------------------------------------------------------------------------

bool gather(Node& node) {
  const auto data = node.known_contents(0), indices = node.known_contents(1);
  if (!data || !indices || data->shape.size() != 1 || !ir::is_integer(indices->type)) return false;
  node.axis(node.integer("axis", 0), 1);
  Contents result{data->type, indices->shape, {}};
  for (const Dim& dim : indices->values) {
    if (!dim.is_constant()) return false;
    const int64_t count = data->shape[0], at = dim.constant() < 0 ? dim.constant() + count : dim.constant();
    if (at < 0 || at >= count) node.bad("index {} is out of range for {} elements", dim.constant(), count);
    result.values.push_back(data->values[static_cast<size_t>(at)]);
  }
  node.set_output(0, std::move(result));
  return true;
}

bool concat(Node& node) {
  Contents result;
  result.shape = {0};
  if (node.opset() < 4) return false;
  for (size_t i = 0; i < node.input_count(); ++i) {
    const auto part = node.known_contents(i);
    if (!part || part->shape.size() != 1 || (i > 0 && part->type != result.type)) return false;
    result.type = part->type;
    result.shape[0] += part->shape[0];
    result.values.insert(result.values.end(), part->values.begin(), part->values.end());
  }
  if (result.shape[0] > kMaxContents) return false;
  node.axis(node.required_integer("axis"), 1);
  node.set_output(0, std::move(result));
  return true;
}

bool slice(Node& node) {
  const auto data = node.known_contents(0);
  if (!data || data->shape.size() != 1) return false;
  std::vector<std::vector<int64_t>> bounds;
  const char* names[] = {"starts", "ends", "axes", "steps"};
  for (size_t i = 0; i < 4; ++i) {
    std::optional<std::vector<int64_t>> list;
    if (node.opset() < 10) {
      if (i < 3 && node.has_attribute(names[i])) list = node.integers(names[i]);
    } else if (node.has_input(i + 1)) {
      const auto contents = node.known_contents(i + 1);
      if (!contents || !symbols(contents->values).empty()) return false;
      list.emplace();
      for (const Dim& dim : contents->values) list->push_back(dim.constant());
    }
    bounds.push_back(list.value_or(std::vector<int64_t>{i == 3 ? 1 : 0}));
    if (bounds.back().size() != 1) return false;
  }
  node.axis(bounds[2][0], 1);
  const int64_t count = data->shape[0], step = bounds[3][0];
  if (step == 0) node.bad("steps holds 0, expected another number");
  const auto bound = [&](int64_t at, int64_t lo, int64_t hi) { return std::clamp(at < 0 ? at + count : at, lo, hi); };
  const int64_t start = step > 0 ? bound(bounds[0][0], 0, count) : bound(bounds[0][0], 0, count - 1);
  const int64_t end = step > 0 ? bound(bounds[1][0], 0, count) : bound(bounds[1][0], -1, count - 1);
  Contents result{data->type, {}, {}};
  for (int64_t i = start; step > 0 ? i < end : i > end; i += std::clamp<int64_t>(step, -count - 1, count + 1))
    if (i < count) result.values.push_back(data->values[static_cast<size_t>(i)]);
  result.shape = {static_cast<int64_t>(result.values.size())};
  node.set_output(0, std::move(result));
  return true;
}

template <class F>
bool reduce(Node& node, int64_t axes_since, F&& function) {
  const auto data = node.known_contents(0);
  if (!data || data->shape.size() > 1 || data->values.empty() || !ir::is_integer(data->type)) return false;
  const auto axes = read_axes(node, axes_since, 1, static_cast<int64_t>(data->shape.size()));
  const bool keep = node.integer("keepdims", 1) != 0, noop = node.integer("noop_with_empty_axes", 0) != 0;
  if (noop && (!axes || axes->empty())) return false;
  Contents result{data->type, {}, {data->values[0]}};
  for (size_t i = 0; i < data->values.size(); ++i) {
    if (!tame(data->values[i]) || !tame(result.values[0])) return false;
    if (i > 0) result.values[0] = function(result.values[0], data->values[i]);
  }
  if (keep) result.shape.assign(data->shape.size(), 1);
  if (!fits(result.values[0], data->type)) return false;
  node.set_output(0, std::move(result));
  return true;
}

bool reduce_prod(Node& node) {
  return reduce(node, 18, [](const Dim& a, const Dim& b) { return a * b; });
}
bool reduce_sum(Node& node) {
  return reduce(node, 13, [](const Dim& a, const Dim& b) { return a + b; });
}
bool reduce_max(Node& node) {
  return reduce(node, 18, [](const Dim& a, const Dim& b) { return ir::max(a, b); });
}
bool reduce_min(Node& node) {
  return reduce(node, 18, [](const Dim& a, const Dim& b) { return ir::min(a, b); });
}

constexpr ContentsRule kRules[] = {
    {"Concat", concat},        {"ConstantOfShape", constant_of_shape},
    {"Expand", expand},        {"Gather", gather},
    {"Identity", identity},    {"ReduceMax", reduce_max},
    {"ReduceMin", reduce_min}, {"ReduceProd", reduce_prod},
    {"ReduceSum", reduce_sum}, {"Reshape", reshape},
    {"Shape", shape},          {"Size", size},
    {"Slice", slice},          {"Squeeze", squeeze},
    {"Unsqueeze", unsqueeze},
};

}  // namespace

std::span<const ContentsRule> movement_rules() { return kRules; }

}  // namespace seqc::frontend
