// Spectra of signals: DFT, STFT and the mel scale. Windows come from the function bodies of the specification.
#include <cmath>

#include "frontend/onnx/fourier.h"
#include "frontend/onnx/reader_pb.h"
#include "frontend/onnx/support.h"

namespace seqc::frontend {
namespace {

/// An input with one integer, possibly an expression over named dims.
Dim scalar_dim(Node& node, size_t i, std::string_view role) {
  const Shape values = required_shape(node, i, role);
  if (values.size() != 1) node.bad("{} holds {} numbers, expected one", role, values.size());
  if (values[0].is_constant() && values[0].constant() < 1)
    node.bad("{} is {}, expected 1 or more", role, values[0].str());
  return values[0];
}

/// The attribute before opset 20, then an input; the dim with the parts of the numbers is no axis.
int64_t dft_axis(Node& node, int64_t rank) {
  int64_t axis = -2;
  if (node.opset() < 20) {
    axis = node.integer("axis", 1);
  } else if (node.has_input(2)) {
    const auto given = node.required_ints(2, "axis");
    if (given.size() != 1) node.bad("axis holds {} numbers, expected one", given.size());
    axis = given[0];
  }
  const int64_t result = node.axis(axis, rank);
  if (result == rank - 1) node.bad("axis is {}, the dim of real and imaginary parts", axis);
  return result;
}

void import_dft(Node& node) {
  Value* x = node.input(0, "input");
  if (x->rank() < 2) node.bad("input is {}, expected a dim for the signal and one for its parts", x->type().str());
  const int64_t axis = dft_axis(node, x->rank());
  const bool inverse = node.integer("inverse", 0) != 0, onesided = node.integer("onesided", 0) != 0;
  const int64_t parts = complex_parts(node, x, "input");
  if (onesided && inverse != (parts == 2))
    node.bad("with onesided=1 a real signal is transformed and a complex spectrum transformed back, got {} with {}",
             x->type().str(), inverse ? "inverse=1" : "inverse=0");
  Dim n = onesided && inverse ? Dim(2) * (x->shape()[axis] - Dim(1)) : x->shape()[axis];
  if (node.has_input(1)) n = scalar_dim(node, 1, "dft_length");
  const FourierKind kind = onesided  ? inverse ? FourierKind::InverseHalf : FourierKind::Half
                           : inverse ? FourierKind::Inverse
                                     : FourierKind::Forward;
  node.set_output(0, fourier_along(node, x, axis, n, kind));
}

/// Frames of the signal [batch, frames, length, parts], one every `step` elements.
Value* frames_of(Node& node, Value* signal, const Dim& step, const Dim& length) {
  Builder& b = node.builder();
  const Dim spare = signal->shape()[1] - length;
  if (spare.is_constant() && spare.constant() < 0)
    node.bad("a frame has {} elements, the signal {}", length.str(), signal->shape()[1].str());
  if (!step.is_constant()) node.needs_dims(symbols(step), fmt::format("frame_step is {}", step.str()));
  const Dim frames = ir::floordiv(spare, step) + Dim(1);
  Value* starts = b.mul(b.iota(frames), b.constant(Tensor::scalar_int(DType::i64, step.constant())));
  Value* positions = b.add(b.reshape(starts, {frames, Dim(1)}), b.iota(length));
  return b.emit(Opcode::Gather, {signal, positions}, ir::AxisAttr{1});
}

void import_stft(Node& node) {
  Builder& b = node.builder();
  Value *signal = node.input(0, "signal"), *window = node.optional_input(2, "window");
  node.require_rank(signal, 3, "signal");
  const int64_t parts = complex_parts(node, signal, "signal");
  const Dim step = scalar_dim(node, 1, "frame_step");
  Dim length = window ? window->shape().at(0) : signal->shape()[1];
  if (node.has_input(3)) length = scalar_dim(node, 3, "frame_length");
  const bool onesided = node.integer("onesided", 1) != 0;
  if (onesided && parts == 2) node.bad("signal is {}: a complex signal needs onesided=0", signal->type().str());
  Value* frames = frames_of(node, signal, step, length);
  if (window) {
    node.require_rank(window, 1, "window");
    node.require_equal(window->shape()[0], length, "the length of window");
    frames = elementwise(node, Opcode::Mul, frames, b.reshape(window, {length, Dim(1)}));
  }
  node.set_output(0, fourier_along(node, frames, 2, length, onesided ? FourierKind::Half : FourierKind::Forward));
}

double known_number(Node& node, size_t i, std::string_view role) {
  const Tensor tensor = node.required_tensor(i, role);
  if (tensor.count() != 1) node.bad("{} is {}, expected one element", role, tensor.type_str());
  return tensor.real(0);
}

double hertz_to_mel(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double mel_to_hertz(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

/// Triangles over the bins of a spectrum, whose corners are equally far apart on the mel scale: band i rises from
/// corner i to corner i+1 and falls to corner i+2, each being the bin that holds its frequency.
void import_mel_weights(Node& node) {
  const auto bands = static_cast<int64_t>(known_number(node, 0, "num_mel_bins"));
  const auto length = static_cast<int64_t>(known_number(node, 1, "dft_length"));
  const double rate = known_number(node, 2, "sample_rate");
  const double low = hertz_to_mel(known_number(node, 3, "lower_edge_hertz"));
  const double high = hertz_to_mel(known_number(node, 4, "upper_edge_hertz"));
  const DType type = number_type(static_cast<int>(node.integer("output_datatype", 1)), node.where());
  if (bands < 0 || length < 1 || bands > (1 << 20) || length > (1 << 30) || !(rate > 0))
    node.bad("num_mel_bins is {}, dft_length {}, sample_rate {}: expected positive numbers", bands, length, rate);
  const int64_t bins = length / 2 + 1;
  const double step = (high - low) / static_cast<double>(bands + 2);
  const auto corner = [&](int64_t i, int64_t last) {
    const double hertz = mel_to_hertz(low + step * static_cast<double>(i));
    const double bin = std::floor(static_cast<double>(length + 1) * hertz / rate);
    if (!(bin >= 0 && bin <= static_cast<double>(last)))
      node.bad("the band from lower_edge_hertz to upper_edge_hertz leaves the {} bins of the spectrum", bins);
    return static_cast<int64_t>(bin);
  };
  Tensor weights(type, {bins, bands});
  const auto set = [&](int64_t bin, int64_t band, int64_t over, int64_t under) {
    if (ir::is_float(type))
      weights.set_real(bin * bands + band, static_cast<double>(over) / static_cast<double>(under));
    else
      weights.set_integer(bin * bands + band, over / under);
  };
  for (int64_t band = 0; band < bands; ++band) {
    const int64_t from = corner(band, bins), peak = corner(band + 1, bins - 1), to = corner(band + 2, bins);
    for (int64_t bin = from; bin < peak; ++bin) set(bin, band, bin - from, peak - from);
    for (int64_t bin = peak; bin < to; ++bin) set(bin, band, to - bin, to - peak);
    set(peak, band, 1, 1);
  }
  node.set_output(0, node.builder().constant(std::move(weights)));
}

constexpr OperatorEntry kOperators[] = {
    {"DFT", import_dft, 17},
    {"MelWeightMatrix", import_mel_weights, 17},
    {"STFT", import_stft, 17},
};

}  // namespace

std::span<const OperatorEntry> signal_operators() { return kOperators; }

}  // namespace seqc::frontend
