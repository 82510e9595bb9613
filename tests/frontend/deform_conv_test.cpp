// DeformConv against plain loops.
#include "tests/frontend/node_case.h"
#include "tests/support/random_inputs.h"

namespace {

using namespace seqc;
using namespace seqc::test;
using Ints = std::vector<int64_t>;

struct DeformCase {
  int64_t group, moved, filters, own;  ///< own: channels of each group
  Ints image, kernel, strides, dilations, pads;
  bool mask, bias;
};

/// Linear interpolation between elements, zeros outside; `pixel` holds the whole positions chosen so far.
double between(const Tensor& x, const std::vector<double>& at, Ints pixel) {
  const size_t dim = pixel.size();
  if (dim == x.shape().size()) return x.real(flat_index(x.shape(), pixel));
  const double low = std::floor(at[dim - 2]), part = at[dim - 2] - low;
  double sum = 0;
  for (const double whole : {low, low + 1}) {
    if (whole < 0 || whole >= static_cast<double>(x.shape()[dim])) continue;
    Ints next = pixel;
    next.push_back(static_cast<int64_t>(whole));
    sum += (whole == low ? 1 - part : part) * between(x, at, next);
  }
  return sum;
}

Tensor deform_conv(const DeformCase& c, const Tensor& x, const Tensor& w, const Tensor& offset, const Tensor& mask,
                   const Tensor& bias) {
  const size_t rank = c.image.size();
  Ints shape = offset.shape();
  shape[1] = c.filters;
  Tensor y(x.dtype(), shape);
  int64_t taps = 1;
  for (const int64_t size : c.kernel) taps *= size;
  const int64_t channels = x.shape()[1], per_group = c.filters / c.group, per_offset = channels / c.moved;
  for_each_index(shape, [&](const Ints& at) {
    double sum = c.bias ? bias.real(at[1]) : 0;
    for (int64_t i = 0; i < c.own; ++i) {
      const int64_t channel = at[1] / per_group * c.own + i;
      for_each_index(c.kernel, [&](const Ints& k) {
        const int64_t tap = channel / per_offset * taps + flat_index(c.kernel, k);
        std::vector<double> position;
        Ints from = at;
        for (size_t d = 0; d < rank; ++d) {
          from[1] = tap * static_cast<int64_t>(rank) + static_cast<int64_t>(d);
          position.push_back(static_cast<double>(at[d + 2] * c.strides[d] + k[d] * c.dilations[d] - c.pads[d]) +
                             offset.real(flat_index(offset.shape(), from)));
        }
        from[1] = tap;
        Ints weight = {at[1], i};
        weight.insert(weight.end(), k.begin(), k.end());
        sum += between(x, position, {at[0], channel}) * w.real(flat_index(w.shape(), weight)) *
               (c.mask ? mask.real(flat_index(mask.shape(), from)) : 1);
      });
    }
    y.set_real(flat_index(shape, at), sum);
  });
  return y;
}

TEST_CASE("DeformConv: groups, offset groups, masks, one to three dims") {
  for (uint64_t seed = 0; seed < 9; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const size_t rank = 1 + seed % 3;
    DeformCase c;
    c.group = random.integer(1, 2);
    c.moved = random.integer(1, 2);
    c.own = c.moved == 2 && c.group == 1 ? 2 : random.integer(1, 2);
    c.filters = c.group * random.integer(1, 3);
    c.mask = random.integer(0, 1) == 1;
    c.bias = random.integer(0, 1) == 1;
    int64_t taps = 1;
    Ints outputs;
    for (size_t i = 0; i < rank; ++i) {
      c.kernel.push_back(random.integer(1, 3));
      c.strides.push_back(random.integer(1, 2));
      c.dilations.push_back(random.integer(1, 2));
      c.pads.push_back(random.integer(0, 1));
      taps *= c.kernel[i];
    }
    for (size_t i = 0; i < rank; ++i) {
      c.pads.push_back(random.integer(0, 1));
      const int64_t extent = (c.kernel[i] - 1) * c.dilations[i] + 1;
      c.image.push_back(extent + random.integer(0, 3));
      outputs.push_back((c.image[i] + c.pads[i] + c.pads[i + rank] - extent) / c.strides[i] + 1);
    }
    const auto with = [](Ints front, const Ints& behind) {
      front.insert(front.end(), behind.begin(), behind.end());
      return front;
    };
    const Tensor x = random_tensor(DType::f64, with({2, c.group * c.own}, c.image), random);
    const Tensor w = random_tensor(DType::f64, with({c.filters, c.own}, c.kernel), random);
    Tensor offset = random_tensor(DType::f64, with({2, c.moved * taps * static_cast<int64_t>(rank)}, outputs), random);
    for (int64_t i = 0; i < offset.count(); ++i) offset.set_real(i, 2 * offset.real(i));
    const Tensor mask = random_tensor(DType::f64, with({2, c.moved * taps}, outputs), random);
    const Tensor bias = random_tensor(DType::f64, {c.filters}, random);
    NodeCase node{.opset = seed % 2 == 0 ? 19 : 22,
                  .op = "DeformConv",
                  .inputs = {at_run_time(x), at_run_time(w), at_run_time(offset)}};
    if (c.bias || c.mask) node.inputs.push_back(c.bias ? fixed(bias) : missing());
    if (c.mask) node.inputs.push_back(at_run_time(mask));
    node.attributes = [&](NodeRef& n) {
      n.attr("group", c.group).attr("offset_group", c.moved).ints("strides", c.strides).ints("pads", c.pads);
      n.ints("dilations", c.dilations);
      if (seed % 2 == 0) n.ints("kernel_shape", c.kernel);
    };
    CHECK(find_difference(run_case(node)[0], deform_conv(c, x, w, offset, mask, bias), 1e-9, 1e-9) == "");
  }
}

}  // namespace
