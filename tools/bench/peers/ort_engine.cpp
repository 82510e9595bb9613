#include "tools/bench/peers/ort_engine.h"

#include <dlfcn.h>

#include <chrono>
#include <stdexcept>

namespace seqc::peers {

namespace {

// The table of functions that OrtGetApiBase()->GetApi(version) returns. What a version holds is frozen ("End of Version 1"
// in ONNX Runtime's sources), and later ones only append, so these positions hold for every release.
enum Position {
  kGetErrorMessage = 2,
  kCreateEnv = 3,
  kCreateSession = 7,
  kRun = 9,
  kCreateSessionOptions = 10,
  kSetIntraOpNumThreads = 24,
  kSetInterOpNumThreads = 25,
  kSessionGetInputCount = 30,
  kSessionGetOutputCount = 31,
  kSessionGetInputTypeInfo = 33,
  kSessionGetInputName = 36,
  kSessionGetOutputName = 37,
  kCreateTensorWithDataAsOrtValue = 49,
  kGetTensorMutableData = 51,
  kCastTypeInfoToTensorInfo = 55,
  kGetTensorElementType = 60,
  kGetDimensionsCount = 61,
  kGetDimensions = 62,
  kGetSymbolicDimensions = 63,
  kGetTensorTypeAndShape = 65,
  kCreateCpuMemoryInfo = 69,
  kAllocatorFree = 76,
  kGetAllocatorWithDefaultOptions = 78,
  kReleaseValue = 96,
  // since version 3
  kAddFreeDimensionOverrideByName = 124,
  // since version 5
  kRunWithBinding = 133,
  kCreateIoBinding = 134,
  kBindInput = 136,
  kBindOutput = 137,
  kBindOutputToDevice = 138,
  kGetBoundOutputValues = 140,
};
constexpr uint32_t kTableVersion = 5;
struct ApiBase {
  void* const* (*get_api)(uint32_t version);
  const char* (*get_version)();
};
constexpr int kWarning = 2, kArenaAllocator = 1, kDefaultMemory = 0;

// ONNX's element types, which ONNX Runtime uses, against ours.
constexpr std::pair<int, seqc_dtype> kTypes[] = {
    {1, SEQC_F32},  {2, SEQC_U8},   {3, SEQC_I8},   {4, SEQC_U16},  {5, SEQC_I16},  {6, SEQC_I32},  {7, SEQC_I64},
    {9, SEQC_BOOL}, {10, SEQC_F16}, {11, SEQC_F64}, {12, SEQC_U32}, {13, SEQC_U64}, {16, SEQC_BF16}};

seqc_dtype from_onnx(int type) {
  for (auto [onnx, ours] : kTypes)
    if (onnx == type) return ours;
  throw std::runtime_error("unsupported element type " + std::to_string(type));
}

int to_onnx(seqc_dtype dtype) {
  for (auto [onnx, ours] : kTypes)
    if (ours == dtype) return onnx;
  throw std::runtime_error("unsupported element type");
}

}  // namespace

/// Calls entry `position` of the table and throws ONNX Runtime's message when it returns an error.
template <class... Arguments>
void OrtEngine::call(int position, Arguments... arguments) const {
  auto* function = reinterpret_cast<void* (*)(Arguments...)>(api_[position]);
  if (void* status = function(arguments...)) {
    auto* message = reinterpret_cast<const char* (*)(const void*)>(api_[kGetErrorMessage]);
    throw std::runtime_error(std::string("ONNX Runtime: ") + message(status));
  }
}

void OrtEngine::call_void(int position, void* argument) const {
  reinterpret_cast<void (*)(void*)>(api_[position])(argument);
}

OrtEngine::OrtEngine(const std::string& library, const std::string& model, int threads, const DimValues& dims,
                     bool fix_dims)
    : dims_(dims) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) throw std::runtime_error(dlerror());
  auto* get_base = reinterpret_cast<const ApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  if (!get_base) throw std::runtime_error(library + ": no OrtGetApiBase");
  version_ = get_base()->get_version();
  api_ = get_base()->get_api(kTableVersion);

  void *environment = nullptr, *options = nullptr;
  call<int, const char*, void**>(kCreateEnv, kWarning + 1, "peers", &environment);
  call<void**>(kCreateSessionOptions, &options);
  call<void*, int>(kSetIntraOpNumThreads, options, threads);
  call<void*, int>(kSetInterOpNumThreads, options, 1);
  if (fix_dims)
    for (const auto& [name, value] : dims)
      call<void*, const char*, int64_t>(kAddFreeDimensionOverrideByName, options, name.c_str(), value);
  auto start = std::chrono::steady_clock::now();
  call<const void*, const char*, const void*, void**>(kCreateSession, environment, model.c_str(), options, &session_);
  load_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  call<int, int, void**>(kCreateCpuMemoryInfo, kArenaAllocator, kDefaultMemory, &memory_);
  call<void**>(kGetAllocatorWithDefaultOptions, &allocator_);

  input_names_ = names(kSessionGetInputCount, kSessionGetInputName);
  output_names_ = names(kSessionGetOutputCount, kSessionGetOutputName);
}

std::vector<const char*> OrtEngine::names(int count_position, int name_position) const {
  size_t count = 0;
  call<const void*, size_t*>(count_position, session_, &count);
  std::vector<const char*> result(count);
  for (size_t i = 0; i < count; ++i) {
    char* name = nullptr;
    call<const void*, size_t, void*, char**>(name_position, session_, i, allocator_, &name);
    result[i] = name;
  }
  return result;
}

std::vector<Tensor> OrtEngine::make_inputs() const {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < input_names_.size(); ++i) {
    void* type = nullptr;
    const void* tensor = nullptr;
    call<const void*, size_t, void**>(kSessionGetInputTypeInfo, session_, i, &type);
    call<const void*, const void**>(kCastTypeInfoToTensorInfo, type, &tensor);
    if (!tensor) throw std::runtime_error(std::string(input_names_[i]) + " is not a tensor");
    auto [dtype, shape] = describe(tensor);
    std::vector<const char*> symbols(shape.size());
    call<const void*, const char**, size_t>(kGetSymbolicDimensions, tensor, symbols.data(), symbols.size());
    for (size_t d = 0; d < shape.size(); ++d) {
      if (shape[d] >= 0) continue;
      auto given = dims_.find(symbols[d]);
      if (given == dims_.end()) throw std::runtime_error(std::string("no value for dim ") + symbols[d]);
      shape[d] = given->second;
    }
    inputs.emplace_back(dtype, shape);
  }
  return inputs;
}

std::pair<seqc_dtype, std::vector<int64_t>> OrtEngine::describe(const void* tensor_info) const {
  int type = 0;
  size_t rank = 0;
  call<const void*, int*>(kGetTensorElementType, tensor_info, &type);
  call<const void*, size_t*>(kGetDimensionsCount, tensor_info, &rank);
  std::vector<int64_t> shape(rank);
  call<const void*, int64_t*, size_t>(kGetDimensions, tensor_info, shape.data(), rank);
  return {from_onnx(type), shape};
}

void* OrtEngine::wrap(const Tensor& tensor) const {
  void* value = nullptr;
  call<const void*, void*, size_t, const int64_t*, size_t, int, void**>(
      kCreateTensorWithDataAsOrtValue, memory_, tensor.data(), tensor.bytes(), tensor.shape().data(),
      tensor.shape().size(), to_onnx(tensor.dtype()), &value);
  return value;
}

/// Inputs and outputs are bound once: what a caller does who runs the same model again and again.
void OrtEngine::bind(const std::vector<Tensor>& inputs) {
  for (void* value : allocated_)
    if (value) call_void(kReleaseValue, value);
  allocated_.clear();
  input_values_.clear();
  for (const Tensor& input : inputs) input_values_.push_back(wrap(input));
  call<void*, void**>(kCreateIoBinding, session_, &binding_);
  bind_inputs();
  // The first run lets ONNX Runtime allocate the outputs; their shapes are then known and later runs write in place.
  for (const char* name : output_names_)
    call<void*, const char*, const void*>(kBindOutputToDevice, binding_, name, memory_);
  run();
  if (bind_outputs_in_place()) return;
  // A model may declare another rank than it computes: then only outputs are accepted that each run allocates anew.
  in_place_.clear();
  allocated_.assign(output_names_.size(), nullptr);
  run();
}

void OrtEngine::bind_inputs() {
  for (size_t i = 0; i < input_names_.size(); ++i)
    call<void*, const char*, const void*>(kBindInput, binding_, input_names_[i], input_values_[i]);
}

bool OrtEngine::bind_outputs_in_place() {
  in_place_ = outputs();
  try {
    for (size_t i = 0; i < in_place_.size(); ++i)
      call<void*, const char*, const void*>(kBindOutput, binding_, output_names_[i], wrap(in_place_[i]));
    run();
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

Tensor OrtEngine::copy_of(const void* value) const {
  void *info = nullptr, *data = nullptr;
  call<const void*, void**>(kGetTensorTypeAndShape, value, &info);
  call<const void*, void**>(kGetTensorMutableData, value, &data);
  auto [dtype, shape] = describe(info);
  return {dtype, shape, data};
}

std::vector<Tensor> OrtEngine::outputs() const {
  if (!allocated_.empty()) {
    std::vector<Tensor> result;
    for (const void* value : allocated_) result.push_back(copy_of(value));
    return result;
  }
  void** values = nullptr;
  size_t count = 0;
  call<const void*, void*, void***, size_t*>(kGetBoundOutputValues, binding_, allocator_, &values, &count);
  std::vector<Tensor> result;
  for (size_t i = 0; i < count; ++i) {
    result.push_back(copy_of(values[i]));
    call_void(kReleaseValue, values[i]);
  }
  call<void*, void*>(kAllocatorFree, allocator_, values);
  return result;
}

void OrtEngine::run() {
  if (allocated_.empty()) return call<void*, const void*, const void*>(kRunWithBinding, session_, nullptr, binding_);
  for (void*& value : allocated_) {
    if (value) call_void(kReleaseValue, value);
    value = nullptr;
  }
  call<void*, const void*, const char* const*, void* const*, size_t, const char* const*, size_t, void**>(
      kRun, session_, nullptr, input_names_.data(), input_values_.data(), input_values_.size(), output_names_.data(),
      output_names_.size(), allocated_.data());
}

}  // namespace seqc::peers
