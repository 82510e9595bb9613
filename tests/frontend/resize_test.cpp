// Resize and Upsample against the equations of the specification, in f64, over random attributes.
#include <algorithm>

#include "tests/frontend/node_case.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Ints = std::vector<int64_t>;

/// A scale as the fraction that is meant by its f32.
struct Fraction {
  int64_t up, down;
  double value() const { return static_cast<double>(up) / static_cast<double>(down); }
};

struct ResizeCase {
  int64_t opset = 19;
  DType type = DType::f32;
  Ints shape, axes, sizes;  ///< sizes per axis; empty: scales
  std::vector<Fraction> scales;
  std::vector<double> roi;
  std::string mode = "nearest", transform = "half_pixel", nearest = "round_prefer_floor", policy = "stretch";
  double a = -0.75, extrapolation = 0;
  bool exclude_outside = false, antialias = false, all_axes = true, named = false, roi_at_run_time = false;

  std::string describe() const {
    std::string text = fmt::format(
        "opset {} {} shape [{}] axes [{}] sizes [{}] roi [{}] {} {} {} {} a={} exclude={} antialias={} named={} scales",
        opset, ir::name(type), fmt::join(shape, ","), fmt::join(axes, ","), fmt::join(sizes, ","), fmt::join(roi, ","),
        mode, transform, nearest, policy, a, exclude_outside, antialias, named);
    for (const Fraction& scale : scales) text += fmt::format(" {}/{}", scale.up, scale.down);
    return text;
  }
};

/// One axis as the specification has it; `scale` is exact.
struct AxisRule {
  int64_t in, out;
  Fraction scale;
  double start = 0, end = 1;
};

std::vector<AxisRule> rules(const ResizeCase& c) {
  std::vector<AxisRule> result;
  size_t best = 0;
  const auto ratio = [&](size_t i) {
    return static_cast<double>(c.sizes[i]) / static_cast<double>(c.shape[c.axes[i]]);
  };
  for (size_t i = 0; i < c.axes.size() && !c.sizes.empty(); ++i)
    if (c.policy == "not_larger" ? ratio(i) < ratio(best) : ratio(i) > ratio(best)) best = i;
  for (size_t i = 0; i < c.axes.size(); ++i) {
    AxisRule rule{c.shape[c.axes[i]], 0, {1, 1}};
    const bool crops = c.transform == "tf_crop_and_resize";
    if (crops) {
      rule.start = static_cast<float>(c.roi[i]);
      rule.end = static_cast<float>(c.roi[i + c.axes.size()]);
    }
    if (c.sizes.empty()) {
      rule.scale = c.scales[i];
      const double exact = static_cast<double>(rule.in * rule.scale.up) / static_cast<double>(rule.scale.down);
      rule.out = static_cast<int64_t>(std::floor(exact * (crops ? rule.end - rule.start : 1) + 1e-9));
    } else if (c.policy == "stretch") {
      rule.out = c.sizes[i];
      rule.scale = {rule.out, rule.in};
    } else {
      rule.scale = {c.sizes[best], c.shape[c.axes[best]]};
      rule.out = static_cast<int64_t>(std::floor(static_cast<double>(rule.in) * rule.scale.value() + 0.5 + 1e-9));
    }
    result.push_back(rule);
  }
  return result;
}

double original(const ResizeCase& c, const AxisRule& r, int64_t i) {
  const auto at = static_cast<double>(i), in = static_cast<double>(r.in), out = static_cast<double>(r.out);
  const auto up = static_cast<double>(r.scale.up), down = static_cast<double>(r.scale.down);
  const double width = in * up / down;
  if (c.transform == "half_pixel") return (at + 0.5) * down / up - 0.5;
  if (c.transform == "half_pixel_symmetric") return in / 2 * (1 - out / width) + (at + 0.5) * down / up - 0.5;
  if (c.transform == "pytorch_half_pixel") return r.out > 1 ? (at + 0.5) * down / up - 0.5 : 0;
  if (c.transform == "align_corners") return r.out > 1 ? at * (in - 1) / (width - 1) : 0;
  if (c.transform == "asymmetric") return at * down / up;
  if (c.transform == "tf_half_pixel_for_nn") return (at + 0.5) * down / up;
  if (r.out > 1) return r.start * (in - 1) + at * (r.end - r.start) * (in - 1) / (out - 1);
  return 0.5 * (r.start + r.end) * (in - 1);
}

double kernel(const ResizeCase& c, double d) {
  d = std::fabs(d);
  if (c.mode == "linear") return std::max(0.0, 1 - d);
  if (d <= 1) return (c.a + 2) * d * d * d - (c.a + 3) * d * d + 1;
  return d < 2 ? c.a * d * d * d - 5 * c.a * d * d + 8 * c.a * d - 4 * c.a : 0;
}

/// What each input element contributes to result element i.
std::vector<double> weights(const ResizeCase& c, const AxisRule& r, int64_t i) {
  std::vector<double> result(static_cast<size_t>(r.in), 0);
  double x = original(c, r, i);
  if (const double half = std::round(2 * x) / 2; std::fabs(x - half) < 1e-9) x = half;
  const auto place = [&](double at) { return static_cast<size_t>(std::clamp(at, 0.0, static_cast<double>(r.in - 1))); };
  if (c.mode == "nearest") {
    const double low = std::floor(x), part = x - low;
    double at = low;
    if (c.nearest == "ceil" && part > 0) at = low + 1;
    if (c.nearest == "round_prefer_floor" && part > 0.5) at = low + 1;
    if (c.nearest == "round_prefer_ceil" && part >= 0.5) at = low + 1;
    result[place(at)] = 1;
    return result;
  }
  const double stretch = c.antialias ? std::min(1.0, r.scale.value()) : 1;
  double sum = 0;
  for (double p = std::floor(x) - 40; p <= x + 40; ++p) {
    if (c.exclude_outside && (p < 0 || p >= static_cast<double>(r.in))) continue;
    const double weight = kernel(c, (p - x) * stretch);
    result[place(p)] += weight;
    sum += weight;
  }
  for (double& weight : result) weight /= sum;
  return result;
}

Tensor expected(const ResizeCase& c, const Tensor& x) {
  std::vector<double> values = numbers(x);
  Ints shape = x.shape();
  const auto axis_rules = rules(c);
  std::vector<bool> outside;
  for (size_t k = 0; k < c.axes.size(); ++k) {
    const AxisRule& rule = axis_rules[k];
    Ints next = shape;
    next[c.axes[k]] = rule.out;
    std::vector<double> result;
    for_each_index(next, [&](const Ints& at) {
      const auto weight = weights(c, rule, at[c.axes[k]]);
      double sum = 0;
      Ints from = at;
      for (int64_t j = 0; j < rule.in; ++j) {
        from[c.axes[k]] = j;
        sum += weight[static_cast<size_t>(j)] * values[static_cast<size_t>(flat_index(shape, from))];
      }
      result.push_back(sum);
    });
    values = std::move(result);
    shape = next;
  }
  Tensor y(c.type, shape);
  for_each_index(shape, [&](const Ints& at) {
    const int64_t i = flat_index(shape, at);
    double value = values[static_cast<size_t>(i)];
    if (c.transform == "tf_crop_and_resize")
      for (size_t k = 0; k < c.axes.size(); ++k) {
        const double p = original(c, axis_rules[k], at[c.axes[k]]);
        if (p < -1e-9 || p > static_cast<double>(axis_rules[k].in) - 1 + 1e-9) value = c.extrapolation;
      }
    if (ir::is_integer(c.type)) value = std::nearbyint(value);
    y.set_real(i, c.type == DType::u8 ? std::clamp(value, 0.0, 255.0) : value);
  });
  return y;
}

NodeCase node_of(const ResizeCase& c, const Tensor& x) {
  ModelShape declared(c.shape.begin(), c.shape.end());
  if (c.named)
    for (size_t i = 0; i < declared.size(); ++i) declared[i] = fmt::format("D{}", i);
  NodeCase node{.opset = c.opset, .op = "Resize", .inputs = {at_run_time(x, declared)}};
  const auto count = static_cast<int64_t>(c.axes.size());
  if (c.roi.empty()) {
    node.inputs.push_back(c.opset < 13 ? fixed(Tensor(DType::f32, {0})) : missing());
  } else {
    Tensor roi = Tensor::f32({2 * count}, std::vector<float>(c.roi.begin(), c.roi.end()));
    node.inputs.push_back(c.roi_at_run_time ? at_run_time(roi) : fixed(roi));
  }
  if (c.sizes.empty()) {
    std::vector<float> scales;
    for (const Fraction& scale : c.scales) scales.push_back(static_cast<float>(scale.value()));
    node.inputs.push_back(fixed(Tensor::f32({count}, scales)));
  } else {
    node.inputs.push_back(c.opset < 13 ? fixed(Tensor(DType::f32, {0})) : missing());
    node.inputs.push_back(fixed(Tensor::i64({count}, c.sizes)));
  }
  node.attributes = [c](NodeRef& n) {
    n.attr("mode", c.mode).attr("coordinate_transformation_mode", c.transform).attr("nearest_mode", c.nearest);
    n.attr("cubic_coeff_a", c.a)
        .attr("exclude_outside", c.exclude_outside)
        .attr("extrapolation_value", c.extrapolation);
    if (c.opset < 18) return;
    n.attr("antialias", c.antialias).attr("keep_aspect_ratio_policy", c.policy);
    if (!c.all_axes) n.ints("axes", c.axes);
  };
  return node;
}

void check(const ResizeCase& c, uint64_t seed) {
  INFO(c.describe());
  Random random(seed);
  Tensor x = random_tensor(c.type, c.shape, random);
  if (ir::is_integer(c.type))
    for (int64_t i = 0; i < x.count(); ++i) x.set_integer(i, random.integer(0, 100));
  NodeCase node = node_of(c, x);
  // Halves may round either way in f32.
  const double tolerance = ir::is_integer(c.type) && c.mode != "nearest" ? 1 : c.type == DType::f16 ? 2e-3 : 1e-5;
  node.tolerance = tolerance;
  CHECK(find_difference(run_case(node)[0], expected(c, x), 1e-5, tolerance) == "");
}

ResizeCase random_resize(uint64_t seed) {
  Random random(seed);
  const auto pick = [&](auto... options) {
    const std::common_type_t<decltype(options)...> list[] = {options...};
    return list[random.integer(0, static_cast<int64_t>(sizeof...(options)) - 1)];
  };
  using Text = const char*;
  ResizeCase c;
  c.opset = pick(11, 13, 18, 19, 21);
  c.type = pick(DType::f32, DType::f32, DType::f32, DType::f64, DType::f16, DType::u8, DType::i32);
  c.mode = pick(Text("nearest"), Text("linear"), Text("cubic"));
  c.transform = pick(Text("half_pixel"), Text("pytorch_half_pixel"), Text("align_corners"), Text("asymmetric"),
                     Text("tf_crop_and_resize"), Text("half_pixel_symmetric"), Text("tf_half_pixel_for_nn"));
  if (c.transform == "half_pixel_symmetric" && c.opset < 19) c.opset = 19;
  if (c.transform == "tf_half_pixel_for_nn") c.opset = 11;
  c.nearest = pick(Text("round_prefer_floor"), Text("round_prefer_ceil"), Text("floor"), Text("ceil"));
  c.a = pick(-0.75, -0.5);
  c.exclude_outside = random.integer(0, 3) == 0;
  c.antialias = c.opset >= 18 && random.integer(0, 1) == 0;
  c.extrapolation = pick(0.0, 7.0);
  const int64_t rank = random.integer(1, 4);
  for (int64_t i = 0; i < rank; ++i) c.shape.push_back(random.integer(1, 9));
  for (int64_t i = 0; i < rank; ++i) c.axes.push_back(i);
  if (c.opset >= 18 && random.integer(0, 1) == 0) {
    c.all_axes = false;
    std::swap(c.axes[0], c.axes.back());
    c.axes.resize(static_cast<size_t>(random.integer(1, rank)));
  }
  const bool crops = c.transform == "tf_crop_and_resize";
  const bool by_size = random.integer(0, 1) == 0;
  for (size_t i = 0; i < c.axes.size(); ++i) {
    if (by_size)
      c.sizes.push_back(random.integer(0, 2) == 0 ? c.shape[c.axes[i]] : random.integer(1, 12));
    else
      c.scales.push_back(pick(Fraction{1, 1}, Fraction{2, 1}, Fraction{3, 1}, Fraction{1, 2}, Fraction{3, 5},
                              Fraction{3, 2}, Fraction{1, 3}, Fraction{7, 4}, Fraction{13, 10}));
  }
  if (crops) {
    for (size_t i = 0; i < c.axes.size(); ++i) c.roi.push_back(pick(0.0, 0.125, 0.25, -0.25));
    for (size_t i = 0; i < c.axes.size(); ++i) c.roi.push_back(pick(1.0, 0.875, 0.5, 1.25));
    c.roi_at_run_time = by_size && random.integer(0, 1) == 0;
  }
  if (by_size && c.opset >= 18)
    c.policy = pick(Text("stretch"), Text("stretch"), Text("not_larger"), Text("not_smaller"));
  if (crops && c.policy != "stretch") c.policy = "stretch";
  // What needs numbers is refused for named dims, which has a case of its own below.
  c.named = random.integer(0, 2) == 0 && !(c.antialias && by_size) && c.policy == "stretch" && !(crops && !by_size);
  return c;
}

TEST_CASE("Resize over random attributes") {
  for (uint64_t seed = 0; seed < 120; ++seed) {
    CAPTURE(seed);
    check(random_resize(seed), seed);
  }
}

/// Values of an opset before 11, or of Upsample.
std::vector<double> run_old(int64_t opset, const char* op, const Tensor& x, const std::vector<float>& scales,
                            const char* mode) {
  NodeCase node{.opset = opset, .op = op, .inputs = {at_run_time(x)}};
  if (opset >= 9) node.inputs.push_back(fixed(Tensor::f32({static_cast<int64_t>(scales.size())}, scales)));
  node.attributes = [&](NodeRef& n) {
    n.attr("mode", mode);
    if (opset < 7)
      n.attr("height_scale", scales[2]).attr("width_scale", scales[3]);
    else if (opset < 9)
      n.floats("scales", scales);
  };
  return numbers(run_case(node)[0]);
}

TEST_CASE("Upsample and Resize before they had attributes for positions") {
  using Numbers = std::vector<double>;
  const Tensor x = Tensor::f32({1, 1, 2, 2}, {1, 2, 3, 4});
  const Numbers nearest = {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4};
  const Numbers linear = {1, 1.5, 2, 2, 2, 2.5, 3, 3, 3, 3.5, 4, 4, 3, 3.5, 4, 4};
  CHECK(run_old(1, "Upsample", x, {1, 1, 2, 3}, "nearest") == nearest);
  CHECK(run_old(1, "Upsample", x, {1, 1, 2, 2}, "bilinear") == linear);
  for (const int64_t opset : {7, 9}) {
    CHECK(run_old(opset, "Upsample", x, {1, 1, 2, 3}, "nearest") == nearest);
    CHECK(run_old(opset, "Upsample", x, {1, 1, 2, 2}, "linear") == linear);
  }
  CHECK(run_old(10, "Resize", x, {1, 1, 2, 3}, "nearest") == nearest);
  CHECK(run_old(10, "Resize", x, {1, 1, 2, 2}, "linear") == linear);
  // ONNX 1.5's own cases: what shrinks takes the element behind
  const Tensor wide = Tensor::f32({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(run_old(10, "Resize", wide, {1, 1, 0.6F, 0.6F}, "nearest") == Numbers{1, 3});
  const Numbers shrunk = run_old(10, "Resize", wide, {1, 1, 0.6F, 0.6F}, "linear");
  REQUIRE(shrunk.size() == 2);
  CHECK(shrunk[0] == 1);
  CHECK(shrunk[1] == doctest::Approx(8.0 / 3));
  CHECK_THROWS_AS(run_old(9, "Upsample", x, {1, 1, 0.5F, 1}, "nearest"), const Error&);
  CHECK_THROWS_AS(run_old(10, "Upsample", x, {1, 1, 2, 2}, "nearest"), const Error&);
}

TEST_CASE("a nearest resize to a multiple repeats elements, for any dims and types") {
  ModelBuilder model(19);
  model.input("x", DType::boolean, {"N", 1, "T"}).output("y", DType::boolean, {"N", 1, "2*T"});
  model.initializer("scales", Tensor::f32({3}, {1, 1, 2}));
  model.node("Resize", {"x", "", "scales"}, {"y"});
  const auto function = import_built(model);
  CHECK(function->body().terminator()->operand(0)->type().str() == "bool[N,1,2*T]");
  int64_t gathers = 0;
  for (const ir::Op* op : function->body().op_list()) gathers += op->code() == ir::Opcode::Gather;
  CHECK(gathers == 0);
  Tensor x(DType::boolean, {1, 1, 2});
  x.set_integer(1, 1);
  CHECK(numbers(run_built(model, {x})[0]) == std::vector<double>{0, 0, 1, 1});
}

TEST_CASE("axes that stay as they are cost nothing, empty ones stay empty") {
  ModelBuilder model(13);
  model.input("x", DType::f32, {"N", "C", 5}).output("y", DType::f32, {"N", "C", 5});
  model.initializer("scales", Tensor::f32({3}, {1, 1, 1}));
  model.node("Resize", {"x", "", "scales"}, {"y"}).attr("mode", "cubic");
  CHECK(import_built(model)->body().op_list().size() == 1);  // return
  ResizeCase none;
  none.shape = {0, 3};
  none.axes = {0, 1};
  none.scales = {{2, 1}, {3, 2}};
  none.mode = "linear";
  CHECK(run_case(node_of(none, Tensor(DType::f32, {0, 3})))[0].shape() == Ints{0, 4});
}

TEST_CASE("Resize: what is refused, and why") {
  const auto refuse = [](const char* part, ErrorKind kind, const std::function<void(ResizeCase&)>& change) {
    ResizeCase c;
    c.shape = {4, 6};
    c.axes = {0, 1};
    c.scales = {{1, 2}, {1, 2}};
    change(c);
    const Error error = error_of([&] { import_built(build_case(node_of(c, Tensor(c.type, c.shape)))); });
    CAPTURE(error.what());
    CHECK(error.kind() == kind);
    CHECK(contains(error, part));
  };
  refuse("half_pixel_symmetric", ErrorKind::Unsupported,
         [](auto& c) { c.transform = "half_pixel_symmetric", c.opset = 18; });
  refuse("tf_half_pixel_for_nn", ErrorKind::Unsupported, [](auto& c) { c.transform = "tf_half_pixel_for_nn"; });
  refuse("area", ErrorKind::Unsupported, [](auto& c) { c.mode = "area"; });
  refuse("scales holds 3 numbers", ErrorKind::BadInput,
         [](auto& c) { c.axes = {0, 1, 1}, c.scales.push_back({1, 1}); });
  refuse("expected a positive number", ErrorKind::BadInput, [](auto& c) { c.scales[0] = {-1, 2}; });
  refuse("roi is missing", ErrorKind::BadInput, [](auto& c) { c.transform = "tf_crop_and_resize"; });
  refuse("antialias", ErrorKind::NeedsDims, [](auto& c) {
    c.named = c.antialias = true;
    c.mode = "linear";
    c.sizes = {2, 3};
  });
  refuse("keep_aspect_ratio_policy", ErrorKind::NeedsDims, [](auto& c) {
    c.named = true;
    c.policy = "not_larger";
    c.sizes = {2, 3};
  });
}

}  // namespace
