// Convolutions and pools through import and interpreter against plain loops, over random attributes; padding that
// depends on named dims; what is refused.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <span>

#include "frontend/onnx/import.h"
#include "ir/error.h"
#include "ir/interpreter.h"
#include "ir/verifier.h"
#include "tests/support/onnx_model.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Ints = std::vector<int64_t>;

std::unique_ptr<ir::Function> import_proto(const ModelBuilder& model, const frontend::ImportOptions& options = {}) {
  const std::string bytes = model.bytes();
  auto function = frontend::import_model_bytes(std::as_bytes(std::span(bytes)), "m.onnx", options);
  REQUIRE(ir::verify(*function).empty());
  return function;
}

/// A two-dimensional case: every vector holds one entry for rows and one for columns.
struct Case {
  int64_t N = 2, C = 2, M = 2, group = 1;
  Ints size, kernel, stride, dilation, lo, hi, output_padding;
  std::string auto_pad = "NOTSET";
  bool ceil_mode = false, count_include_pad = false, bias = false;

  int64_t extent(int i) const { return (kernel[i] - 1) * dilation[i] + 1; }
  std::string describe() const {
    return fmt::format(
        "size=[{}] kernel=[{}] stride=[{}] dilation=[{}] lo=[{}] hi=[{}] output_padding=[{}] auto_pad={} "
        "group={} C={} M={} ceil={} count={}",
        fmt::join(size, ","), fmt::join(kernel, ","), fmt::join(stride, ","), fmt::join(dilation, ","),
        fmt::join(lo, ","), fmt::join(hi, ","), fmt::join(output_padding, ","), auto_pad, group, C, M, ceil_mode,
        count_include_pad);
  }
};

class Draw {
 public:
  explicit Draw(uint64_t seed) : rng_(seed) {}
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(rng_() % static_cast<uint64_t>(high - low + 1));
  }
  bool coin() { return between(0, 1) == 1; }
  Tensor tensor(Ints shape) {
    Tensor out(DType::f64, std::move(shape));
    for (int64_t i = 0; i < out.count(); ++i) out.set_real(i, static_cast<double>(between(-1000, 1000)) / 500.0);
    return out;
  }

 private:
  std::mt19937_64 rng_;
};

Case draw_case(Draw& draw) {
  Case c;
  c.group = draw.between(1, 3);
  c.C = c.group * draw.between(1, 2);
  c.M = c.group * draw.between(1, 2);
  for (int i = 0; i < 2; ++i) {
    c.kernel.push_back(draw.between(1, 3));
    c.stride.push_back(draw.between(1, 3));
    c.dilation.push_back(draw.between(1, 2));
    c.lo.push_back(draw.between(0, c.extent(i) - 1));
    c.hi.push_back(draw.between(0, c.extent(i) - 1));
    c.size.push_back(c.extent(i) + draw.between(0, 5));
    c.output_padding.push_back(draw.between(0, std::max(c.stride[i], c.dilation[i]) - 1));
  }
  static const std::string kModes[] = {"NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
  c.auto_pad = kModes[draw.between(0, 4)];
  c.ceil_mode = draw.coin();
  c.count_include_pad = draw.coin();
  c.bias = draw.coin();
  return c;
}

/// Replaces the pads by those of auto_pad. `total(i)` is what SAME needs on axis i.
void apply_auto_pad(Case& c, const std::function<int64_t(int)>& total) {
  if (c.auto_pad == "NOTSET") return;
  for (int i = 0; i < 2; ++i) {
    const int64_t pads = c.auto_pad == "VALID" ? 0 : std::max<int64_t>(0, total(i));
    c.lo[i] = c.auto_pad == "SAME_LOWER" ? pads - pads / 2 : pads / 2;
    c.hi[i] = pads - c.lo[i];
  }
}
int64_t same_total(const Case& c, int i) {
  const int64_t outputs = (c.size[i] + c.stride[i] - 1) / c.stride[i];
  return (outputs - 1) * c.stride[i] + c.extent(i) - c.size[i];
}

void write_window(NodeRef node, const Case& c, bool dilations) {
  node.ints("kernel_shape", c.kernel).ints("strides", c.stride);
  if (dilations) node.ints("dilations", c.dilation);
  if (c.auto_pad != "NOTSET") node.attr("auto_pad", c.auto_pad);
  if (c.auto_pad == "NOTSET") node.ints("pads", {c.lo[0], c.lo[1], c.hi[0], c.hi[1]});
}

void check_equal(const Tensor& got, const Tensor& want, const std::string& what) {
  INFO(what);
  REQUIRE(got.type_str() == want.type_str());
  double worst = 0;
  for (int64_t i = 0; i < got.count(); ++i) worst = std::max(worst, std::abs(got.real(i) - want.real(i)));
  CHECK(worst < 1e-12);
}

double at(const Tensor& t, int64_t a, int64_t b, int64_t c, int64_t d) {
  const Ints& s = t.shape();
  return t.real(((a * s[1] + b) * s[2] + c) * s[3] + d);
}
void add_at(Tensor& t, int64_t a, int64_t b, int64_t c, int64_t d, double value) {
  const Ints& s = t.shape();
  const int64_t i = ((a * s[1] + b) * s[2] + c) * s[3] + d;
  t.set_real(i, t.real(i) + value);
}

/// Calls f(n, m, output row, output column) for every element of t.
void for_each(const Tensor& t, const std::function<void(int64_t, int64_t, int64_t, int64_t)>& f) {
  for (int64_t n = 0; n < t.shape()[0]; ++n)
    for (int64_t m = 0; m < t.shape()[1]; ++m)
      for (int64_t r = 0; r < t.shape()[2]; ++r)
        for (int64_t q = 0; q < t.shape()[3]; ++q) f(n, m, r, q);
}

int64_t outputs(const Case& c, int i) { return (c.size[i] + c.lo[i] + c.hi[i] - c.extent(i)) / c.stride[i] + 1; }

/// Outputs of a pool; with ceil_mode the last window may be incomplete but must start before the padding at the end.
int64_t pool_outputs(const Case& c, int i) {
  const int64_t room = c.size[i] + c.lo[i] + c.hi[i] - c.extent(i);
  if (!c.ceil_mode || c.auto_pad != "NOTSET") return room / c.stride[i] + 1;
  int64_t count = (room + c.stride[i] - 1) / c.stride[i] + 1;
  if ((count - 1) * c.stride[i] >= c.size[i] + c.lo[i]) --count;
  return count;
}

Tensor conv(const Case& c, const Tensor& x, const Tensor& w, const Tensor& b) {
  Tensor y(DType::f64, {c.N, c.M, outputs(c, 0), outputs(c, 1)});
  for_each(y, [&](int64_t n, int64_t m, int64_t r, int64_t q) {
    if (c.bias) add_at(y, n, m, r, q, b.real(m));
    for (int64_t k = 0; k < c.C / c.group; ++k)
      for (int64_t i = 0; i < c.kernel[0]; ++i)
        for (int64_t j = 0; j < c.kernel[1]; ++j) {
          const int64_t row = r * c.stride[0] - c.lo[0] + i * c.dilation[0];
          const int64_t column = q * c.stride[1] - c.lo[1] + j * c.dilation[1];
          if (row < 0 || column < 0 || row >= c.size[0] || column >= c.size[1]) continue;
          const int64_t channel = m / (c.M / c.group) * (c.C / c.group) + k;
          add_at(y, n, m, r, q, at(x, n, channel, row, column) * at(w, m, k, i, j));
        }
  });
  return y;
}

/// Scatters each input element over the output, as the transpose of a convolution does.
Tensor conv_transpose(const Case& c, const Tensor& x, const Tensor& w, const Tensor& b, const Ints& out) {
  Tensor y(DType::f64, {c.N, c.M, out[0], out[1]});
  if (c.bias) for_each(y, [&](int64_t n, int64_t m, int64_t r, int64_t q) { add_at(y, n, m, r, q, b.real(m)); });
  for_each(x, [&](int64_t n, int64_t channel, int64_t r, int64_t q) {
    const int64_t g = channel / (c.C / c.group);
    for (int64_t m = 0; m < c.M / c.group; ++m)
      for (int64_t i = 0; i < c.kernel[0]; ++i)
        for (int64_t j = 0; j < c.kernel[1]; ++j) {
          const int64_t row = r * c.stride[0] + i * c.dilation[0] - c.lo[0];
          const int64_t column = q * c.stride[1] + j * c.dilation[1] - c.lo[1];
          if (row < 0 || column < 0 || row >= out[0] || column >= out[1]) continue;
          add_at(y, n, g * (c.M / c.group) + m, row, column, at(x, n, channel, r, q) * at(w, channel, m, i, j));
        }
  });
  return y;
}

enum Pool { kMax, kAverage, kLp };

Tensor pool(const Case& c, Pool kind, double p, const Tensor& x) {
  Tensor y(DType::f64, {c.N, c.C, pool_outputs(c, 0), pool_outputs(c, 1)});
  for_each(y, [&](int64_t n, int64_t m, int64_t r, int64_t q) {
    double best = -std::numeric_limits<double>::infinity(), sum = 0, powers = 0;
    int64_t inside = 0, padded = 0;
    for (int64_t i = 0; i < c.kernel[0]; ++i)
      for (int64_t j = 0; j < c.kernel[1]; ++j) {
        const int64_t row = r * c.stride[0] - c.lo[0] + i * c.dilation[0];
        const int64_t column = q * c.stride[1] - c.lo[1] + j * c.dilation[1];
        padded += row < c.size[0] + c.hi[0] && column < c.size[1] + c.hi[1];
        if (row < 0 || column < 0 || row >= c.size[0] || column >= c.size[1]) continue;
        const double value = at(x, n, m, row, column);
        best = std::max(best, value);
        sum += value;
        powers += std::pow(std::abs(value), p);
        ++inside;
      }
    const double count = static_cast<double>(c.count_include_pad ? padded : inside);
    add_at(y, n, m, r, q, kind == kMax ? best : kind == kAverage ? sum / count : std::pow(powers, 1 / p));
  });
  return y;
}

std::string error_of(const std::function<void(ModelBuilder&)>& write, const frontend::ImportOptions& options = {}) {
  ModelBuilder model(13);
  write(model);
  model.output("Y");
  try {
    import_proto(model, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

frontend::ImportOptions with_dim(const std::string& name, int64_t value) {
  frontend::ImportOptions options;
  options.dims[name] = value;
  return options;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }
#define CHECK_SAYS(expression, part)          \
  do {                                        \
    const std::string text_ = (expression);   \
    CHECK_MESSAGE(has(text_, (part)), text_); \
  } while (false)

}  // namespace

TEST_SUITE_BEGIN("frontend");

TEST_CASE("Conv: strides, dilations, groups, padding of every kind") {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Draw draw(seed);
    Case c = draw_case(draw);
    const Tensor x = draw.tensor({c.N, c.C, c.size[0], c.size[1]});
    const Tensor w = draw.tensor({c.M, c.C / c.group, c.kernel[0], c.kernel[1]}), b = draw.tensor({c.M});
    ModelBuilder model(seed % 2 ? 22 : 10);
    model.input("X", DType::f64, {"N", c.C, c.size[0], c.size[1]}).initializer("W", w).initializer("B", b).output("Y");
    NodeRef node = model.node(
        "Conv", c.bias ? std::vector<std::string>{"X", "W", "B"} : std::vector<std::string>{"X", "W"}, {"Y"});
    node.attr("group", c.group);
    write_window(node, c, true);
    apply_auto_pad(c, [&](int i) { return same_total(c, i); });
    check_equal(ir::interpret(*import_proto(model), {x})[0], conv(c, x, w, b), c.describe());
  }
}

TEST_CASE("ConvTranspose: strides, dilations, groups, output_padding, output_shape, SAME") {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Draw draw(seed);
    Case c = draw_case(draw);
    const Tensor x = draw.tensor({c.N, c.C, c.size[0], c.size[1]});
    const Tensor w = draw.tensor({c.C, c.M / c.group, c.kernel[0], c.kernel[1]}), b = draw.tensor({c.M});
    ModelBuilder model(seed % 2 ? 22 : 11);
    model.input("X", DType::f64, {"N", c.C, c.size[0], c.size[1]}).initializer("W", w).initializer("B", b).output("Y");
    NodeRef node = model.node(
        "ConvTranspose", c.bias ? std::vector<std::string>{"X", "W", "B"} : std::vector<std::string>{"X", "W"}, {"Y"});
    node.attr("group", c.group).ints("output_padding", c.output_padding);
    write_window(node, c, true);
    const auto natural = [&](int i) { return (c.size[i] - 1) * c.stride[i] + c.extent(i) + c.output_padding[i]; };
    Ints out = {natural(0) - c.lo[0] - c.hi[0], natural(1) - c.lo[1] - c.hi[1]};
    if (c.auto_pad == "VALID") out = {natural(0), natural(1)};
    if (c.auto_pad.starts_with("SAME")) out = {c.size[0] * c.stride[0], c.size[1] * c.stride[1]};
    if (c.auto_pad == "NOTSET" && draw.coin()) {
      node.ints("output_shape",
                out);  // the pads given are those that follow from it, split anew: odd ones at the start
      for (int i = 0; i < 2; ++i) {
        const int64_t pads = c.lo[i] + c.hi[i];
        c.hi[i] = pads / 2;
        c.lo[i] = pads - c.hi[i];
      }
    }
    apply_auto_pad(c, [&](int i) { return natural(i) - out[i]; });
    check_equal(ir::interpret(*import_proto(model), {x})[0], conv_transpose(c, x, w, b, out), c.describe());
  }
}

TEST_CASE("MaxPool, AveragePool, LpPool: strides, dilations, ceil_mode, count_include_pad, padding of every kind") {
  for (uint64_t seed = 0; seed < 900; ++seed) {
    Draw draw(seed);
    Case c = draw_case(draw);
    const Pool kind = static_cast<Pool>(seed % 3);
    const int64_t p = draw.between(1, 3);
    for (int i = 0; i < 2; ++i)  // no window lies in the padding alone
      if (c.dilation[i] > 1) c.lo[i] = c.hi[i] = 0;
    const Tensor x = draw.tensor({c.N, c.C, c.size[0], c.size[1]});
    const char* const names[] = {"MaxPool", "AveragePool", "LpPool"};
    ModelBuilder model(22);
    model.input("X", DType::f64, {"N", c.C, c.size[0], c.size[1]}).output("Y");
    NodeRef node = model.node(names[kind], {"X"}, {"Y"}).attr("ceil_mode", c.ceil_mode ? 1 : 0);
    if (kind == kAverage) node.attr("count_include_pad", c.count_include_pad ? 1 : 0);
    if (kind == kLp) node.attr("p", p);
    write_window(node, c, true);
    apply_auto_pad(c, [&](int i) { return same_total(c, i); });
    check_equal(ir::interpret(*import_proto(model), {x})[0], pool(c, kind, static_cast<double>(p), x), c.describe());
  }
}

TEST_CASE("padding that depends on a named dim: exact at stride 1, else it asks for the dim") {
  const auto conv_over = [](int64_t stride, const ModelDim& length) {
    return [=](ModelBuilder& model) {
      model.input("X", DType::f32, {1, 2, length}).initializer("W", Tensor(DType::f32, {3, 2, 4}));
      model.node("Conv", {"X", "W"}, {"Y"}).attr("auto_pad", "SAME_UPPER").ints("strides", {stride}).name("c");
    };
  };
  CHECK_SAYS(error_of(conv_over(1, "L")), "no error");
  CHECK_SAYS(error_of(conv_over(2, 7)), "no error");
  CHECK_SAYS(error_of(conv_over(2, "L")), "Conv \"c\"");
  CHECK_SAYS(error_of(conv_over(2, "L")), "--dim L=");
  CHECK_SAYS(error_of(conv_over(2, "L"), with_dim("L", 7)), "no error");

  ModelBuilder model(13);
  conv_over(1, "L")(model);
  model.output("Y");
  const auto function = import_proto(model);
  CHECK(ir::interpret(*function, {Tensor(DType::f32, {1, 2, 9})})[0].shape() == Ints{1, 3, 9});
  CHECK(ir::interpret(*function, {Tensor(DType::f32, {1, 2, 1})})[0].shape() == Ints{1, 3, 1});
}

TEST_CASE("ceil_mode and averages over a named dim agree with a numbered one") {
  Draw draw(5);
  const Tensor x = draw.tensor({1, 2, 10});
  for (const char* op : {"MaxPool", "AveragePool"}) {
    std::vector<Tensor> results;
    for (const ModelDim& length : {ModelDim("L"), ModelDim(10)}) {
      ModelBuilder model(13);
      model.input("X", DType::f64, {1, 2, length}).output("Y");
      model.node(op, {"X"}, {"Y"})
          .ints("kernel_shape", {4})
          .ints("strides", {3})
          .ints("pads", {1, 0})
          .attr("ceil_mode", 1);
      results.push_back(ir::interpret(*import_proto(model), {x})[0]);
    }
    CHECK(results[0].shape() == Ints{1, 2, 4});
    check_equal(results[0], results[1], op);
  }
}

TEST_CASE("global pools reduce all spatial dims, named ones too") {
  Tensor x(DType::f64, {1, 2, 2, 2});
  for (int64_t i = 0; i < 8; ++i) x.set_real(i, static_cast<double>(i) - 3);
  const std::vector<std::pair<const char*, std::vector<double>>> cases = {
      {"GlobalMaxPool", {0, 4}},
      {"GlobalAveragePool", {-1.5, 2.5}},
      {"GlobalLpPool", {std::sqrt(14.0), std::sqrt(30.0)}}};
  for (const auto& [op, want] : cases) {
    ModelBuilder model(13);
    model.input("X", DType::f64, {"N", 2, "R", 2}).output("Y");
    model.node(op, {"X"}, {"Y"});
    Tensor expected(DType::f64, {1, 2, 1, 1});
    for (int64_t i = 0; i < 2; ++i) expected.set_real(i, want[static_cast<size_t>(i)]);
    check_equal(ir::interpret(*import_proto(model), {x})[0], expected, op);
  }
}

TEST_CASE("convolutions and pools that contradict themselves are refused") {
  const auto conv_with = [](const std::function<void(NodeRef)>& change) {
    return error_of([&](ModelBuilder& model) {
      model.input("X", DType::f32, {1, 4, 8}).initializer("W", Tensor(DType::f32, {4, 4, 3}));
      change(model.node("Conv", {"X", "W"}, {"Y"}).name("c"));
    });
  };
  CHECK_SAYS(conv_with([](NodeRef) {}), "no error");
  CHECK_SAYS(conv_with([](NodeRef n) { n.attr("group", 3); }), "Conv \"c\": ");
  CHECK_SAYS(conv_with([](NodeRef n) { n.attr("group", 2); }), "channels of X");
  CHECK_SAYS(conv_with([](NodeRef n) { n.ints("kernel_shape", {5}); }), "kernel_shape is [5], expected [3]");
  CHECK_SAYS(conv_with([](NodeRef n) { n.ints("strides", {0}); }), "strides has 0, expected at least 1");
  CHECK_SAYS(conv_with([](NodeRef n) { n.ints("strides", {1, 1}); }), "strides has 2 entries, expected 1");
  CHECK_SAYS(conv_with([](NodeRef n) { n.ints("pads", {-1, 0}); }), "pads has -1");
  CHECK_SAYS(conv_with([](NodeRef n) { n.attr("auto_pad", "SAME"); }), "auto_pad is \"SAME\"");
  CHECK_SAYS(conv_with([](NodeRef n) { n.attr("auto_pad", "VALID").ints("pads", {1, 0}); }), "beside auto_pad");
  const auto pool_with = [](const std::vector<std::string>& outputs, const std::function<void(NodeRef)>& change) {
    return error_of([&](ModelBuilder& model) {
      model.input("X", DType::f32, {1, 4, 8});
      change(model.node("MaxPool", {"X"}, outputs).name("p"));
    });
  };
  CHECK_SAYS(pool_with({"Y"}, [](NodeRef) {}), "kernel_shape is missing");
  CHECK_SAYS(pool_with({"Y", "I"}, [](NodeRef n) { n.ints("kernel_shape", {2}).attr("storage_order", 2); }),
             "storage_order is 2");
}

TEST_SUITE_END();
