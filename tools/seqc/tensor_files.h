/// Tensors in files and folders, matched with the inputs and outputs of a model.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/tensor.h"

namespace seqc::tools {

/// Reads a .npy file or a .pb file (a serialized TensorProto, whose name is stored in `name`). Throws Error(BadInput).
ir::Tensor load_tensor(const std::string& path, std::string* name = nullptr);

/// A tensor and what says which input or output it is for.
struct GivenTensor {
  std::string file;
  std::string name;    ///< from the command line, the file's name or its contents; may be empty
  int64_t index = -1;  ///< from a file name like input_3.pb
  ir::Tensor tensor;
};

/// The files `<prefix>_K.pb`, `<prefix>_K.npy` of a folder and, if asked for, other .npy files, which are named after
/// what they hold. Throws Error(BadInput) for a missing folder and for faulty files.
std::vector<GivenTensor> load_folder(const std::string& folder, const std::string& prefix, bool named_files);

/// Puts tensors in the order of `names`; `what` is "input" or "output". Throws Error(BadInput) for tensors that belong
/// nowhere, for two that belong to the same name, and for names that are left over.
std::vector<ir::Tensor> match(const std::vector<GivenTensor>& given, const std::vector<std::string>& names,
                              const std::string& what);

/// The names of a model's inputs in order, from the head of an ONNX file, IR text or a library, without compiling it.
std::vector<std::string> input_names(const std::string& model);

/// Tensors by input name.
std::map<std::string, ir::Tensor> by_name(const std::vector<std::string>& names,
                                          const std::vector<ir::Tensor>& tensors);

}  // namespace seqc::tools
