/// How parameters start.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/tensor.h"

namespace seqc::dsl {

/// How a parameter starts. Values depend on the model's seed, the parameter's name and its shape only, on every platform.
/// Weights are [out, in, window...]: fan in is in times the window, fan out is out times the window; [n] counts as [n, 1].
struct Init {
  enum class Kind {
    Constant,         ///< `value` everywhere
    Uniform,          ///< between -value and value
    Normal,           ///< mean 0, standard deviation `value`
    TruncatedNormal,  ///< as Normal, drawn again beyond two standard deviations
    Glorot,           ///< uniform, bounded by sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010)
    GlorotNormal,     ///< normal, standard deviation sqrt(2 / (fan in + fan out))
    He,               ///< normal, standard deviation sqrt(2 / fan in) (He et al. 2015)
    Orthogonal,       ///< orthonormal rows or columns, whichever are fewer, times `value` (Saxe et al. 2014)
  } kind = Kind::Glorot;
  double value = 0;

  static Init zeros() { return {Kind::Constant, 0}; }
  static Init ones() { return {Kind::Constant, 1}; }
  static Init constant(double value) { return {Kind::Constant, value}; }
  static Init uniform(double bound) { return {Kind::Uniform, bound}; }
  static Init normal(double deviation) { return {Kind::Normal, deviation}; }
  static Init truncated_normal(double deviation) { return {Kind::TruncatedNormal, deviation}; }
  static Init glorot() { return {Kind::Glorot, 0}; }
  static Init glorot_normal() { return {Kind::GlorotNormal, 0}; }
  static Init he() { return {Kind::He, 0}; }
  static Init orthogonal(double gain = 1) { return {Kind::Orthogonal, gain}; }
};

/// The value with which parameter `name` of a model with that seed starts. Throws Error(BadInput) for a type that is no
/// floating point type, and for Orthogonal with less than two dims.
ir::Tensor initial_value(const Init& init, uint64_t model_seed, const std::string& name,
                         const std::vector<int64_t>& shape, ir::DType type);

}  // namespace seqc::dsl
