/// Sound to spectra and back, frame by frame: half-overlapping frames under the root of a Hann window.
#pragma once

#include <complex>
#include <vector>

/// In place; the size must be a power of two. `inverse` divides by it.
void fourier(std::vector<std::complex<float>>& values, bool inverse);

/// Overlapping frames: what goes in comes out one hop later, if nobody changes the spectra.
class Spectra {
 public:
  explicit Spectra(size_t frame);
  size_t hop() const { return window_.size() / 2; }
  size_t bins() const { return window_.size() / 2 + 1; }
  /// Takes the next hop() samples; `bins()` values of the frame that ends with them.
  const std::vector<std::complex<float>>& analyse(const float* samples);
  /// Gives the next hop() samples from a frame's spectrum.
  void synthesise(const std::complex<float>* bins, float* samples);

 private:
  std::vector<float> window_, heard_, sum_;
  std::vector<std::complex<float>> values_;
};
