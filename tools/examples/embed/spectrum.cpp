#include "spectrum.h"

#include <algorithm>
#include <cmath>
#include <numbers>

void fourier(std::vector<std::complex<float>>& values, bool inverse) {
  const size_t n = values.size();
  for (size_t i = 1, j = 0; i < n; ++i) {  // the order of reversed bits
    size_t bit = n / 2;
    for (; j & bit; bit /= 2) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(values[i], values[j]);
  }
  for (size_t width = 2; width <= n; width *= 2) {
    const double angle = (inverse ? 2 : -2) * std::numbers::pi / static_cast<double>(width);
    for (size_t k = 0; k < width / 2; ++k) {
      const std::complex<float> turn(std::polar(1.0, angle * static_cast<double>(k)));
      for (size_t at = k; at < n; at += width) {
        const std::complex<float> even = values[at], odd = turn * values[at + width / 2];
        values[at] = even + odd;
        values[at + width / 2] = even - odd;
      }
    }
  }
  if (inverse)
    for (auto& value : values) value /= static_cast<float>(n);
}

Spectra::Spectra(size_t frame) : window_(frame), heard_(frame), sum_(frame), values_(frame) {
  for (size_t i = 0; i < frame; ++i)  // the root of a Hann window: its square adds up to 1 over two frames
    window_[i] = static_cast<float>(std::sin(std::numbers::pi * static_cast<double>(i) / static_cast<double>(frame)));
}

const std::vector<std::complex<float>>& Spectra::analyse(const float* samples) {
  const auto step = static_cast<std::ptrdiff_t>(hop());
  std::move(heard_.begin() + step, heard_.end(), heard_.begin());
  std::copy(samples, samples + step, heard_.end() - step);
  for (size_t i = 0; i < heard_.size(); ++i) values_[i] = heard_[i] * window_[i];
  fourier(values_, false);
  return values_;
}

void Spectra::synthesise(const std::complex<float>* bins, float* samples) {
  const size_t frame = window_.size();
  for (size_t i = 0; i < frame; ++i) values_[i] = i <= frame / 2 ? bins[i] : std::conj(bins[frame - i]);
  fourier(values_, true);
  for (size_t i = 0; i < frame; ++i) sum_[i] += values_[i].real() * window_[i];
  const auto step = static_cast<std::ptrdiff_t>(hop());
  std::copy(sum_.begin(), sum_.begin() + step, samples);
  std::move(sum_.begin() + step, sum_.end(), sum_.begin());
  std::fill(sum_.end() - step, sum_.end(), 0.0f);
}
