/// Values in files and folders, matched with the inputs and outputs of a model.
#pragma once

#include <string>
#include <vector>

#include "frontend/onnx/import.h"

namespace seqc::tools {

/// An input or output as a model file declares it.
struct DeclaredPort {
  std::string name;
  frontend::PortKind kind = frontend::PortKind::Tensor;
  std::optional<ir::DType> element;  ///< where the file says it
};

/// The inputs of a model in order, from the head of an ONNX file (without those that have a default), IR text or a
/// library, without compiling it. Throws Error(Unsupported) for inputs that are neither tensors nor sequences or
/// optionals of them.
std::vector<DeclaredPort> declared_inputs(const std::string& model);
/// The same for the outputs of an ONNX file.
std::vector<DeclaredPort> declared_outputs(const std::string& model);

/// A value and what says which input or output it is for.
struct GivenValue {
  std::string file;    ///< or the option that gives it
  std::string name;    ///< from the command line, the file's name or its contents; may be empty
  int64_t index = -1;  ///< from a file name like input_3.pb
  frontend::StoredValue value;
};

/// Reads a .npy file, or a .pb file that holds what a port of that kind has in the suites of ONNX: a serialized
/// TensorProto, SequenceProto or OptionalProto, whose name is stored in `name`. Throws Error(BadInput, Unsupported).
frontend::StoredValue load_value(const std::string& path, frontend::PortKind kind, std::string* name = nullptr);

/// The file of `--input NAME=FILE`; NAME may be that of a sequence's element, `x.0`.
GivenValue load_named(const std::string& name, const std::string& file, const std::vector<DeclaredPort>& ports);

/// The files `<prefix>_K.pb`, `<prefix>_K.npy` of a folder, K counting `ports`, and, if asked for, other .npy files, which
/// are named after what they hold. Throws Error(BadInput) for a missing folder and for faulty files.
std::vector<GivenValue> load_folder(const std::string& folder, const std::string& prefix, bool named_files,
                                    const std::vector<DeclaredPort>& ports);

/// Puts values in the order of `ports`; `what` is "input" or "output". Values named `x.0`, `x.1`, ... are the elements
/// of a sequence x. Throws Error(BadInput) for values that belong nowhere, for two that belong to the same name, and for
/// names that are left over.
std::vector<frontend::StoredValue> match(std::vector<GivenValue> given, const std::vector<DeclaredPort>& ports,
                                         const std::string& what);

}  // namespace seqc::tools
