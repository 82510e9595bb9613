/// Arrays from files: NumPy's .npy and .npz, and IDX, in which MNIST comes.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "ir/tensor.h"

// All of these read gzip files (.gz) as well, and throw Error(BadInput) naming the file, what was found and what was
// expected.

namespace seqc::training {

using Arrays = std::map<std::string, ir::Tensor>;

/// IDX: elements of type u8, i8, i16, i32, f32 or f64 in any number of dims. http://yann.lecun.com/exdb/mnist
ir::Tensor load_idx(const std::string& path);
ir::Tensor parse_idx(std::string_view bytes, const std::string& name);

/// What numpy.savez and numpy.savez_compressed write: arrays by name.
Arrays load_npz(const std::string& path);
Arrays parse_npz(std::string_view bytes, const std::string& name);

/// A file of any of these kinds, told by what is in it, or a folder whose .npy and IDX files are taken. Arrays are
/// named as in the archive, otherwise after their file: `x` for x.npy or x.npy.gz, `train-labels` for
/// train-labels-idx1-ubyte.gz.
Arrays load_arrays(const std::string& path);

}  // namespace seqc::training
