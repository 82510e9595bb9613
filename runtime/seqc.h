/* seqc C ABI: one interface to compiled models, the same for just-in-time programs and built libraries.
 *
 * A model is a constant `seqc_model`: a description of its inputs and outputs and two functions. A call is
 *   1. fill one seqc_tensor per input (data, dtype, rank, shape), in the model's order;
 *   2. model->prepare(inputs, outputs, &bytes): checks the inputs, fills in dtype, rank and shape of every output and says
 *      how many bytes of workspace a run needs for these shapes. It reads the data of those inputs alone whose port has a
 *      fixed value, and refuses any other value;
 *   3. point each output's data at memory of its size, and run(inputs, outputs, workspace, NULL).
 * Sizes of outputs that the values of the inputs decide (see seqc_port) are the largest possible ones after prepare; run
 * writes the true ones into the outputs' shapes, and packs the data accordingly.
 * Step 2 need only be repeated when a shape or a fixed value changes. `run` allocates nothing, locks nothing and never
 * fails after a successful prepare. One model may run in many threads at once, each with a workspace of its own.
 *
 * In C99 and C++98 and later; this file is all that a program needs to compile against a built library. seqc_runtime.h adds
 * functions that open libraries by path and make threads.
 */
#ifndef SEQC_H
#define SEQC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this interface. It changes when a program and a model of different ones would misunderstand each other, so
 * a program asks seqc_is_compatible() of a model that it did not come with. */
#define SEQC_ABI_VERSION 2
#define SEQC_MAX_RANK 8
/* Workspace memory must be aligned to this many bytes; tensors to their element size. */
#define SEQC_ALIGNMENT 64

typedef enum seqc_dtype {
  SEQC_F16,
  SEQC_BF16,
  SEQC_F32,
  SEQC_F64,
  SEQC_I8,
  SEQC_I16,
  SEQC_I32,
  SEQC_I64,
  SEQC_U8,
  SEQC_U16,
  SEQC_U32,
  SEQC_U64,
  SEQC_BOOL, /* one byte, 0 or 1 */
  /* A const char* to text (in UTF-8, as a rule) that ends in NUL; never NULL. Models move strings and make none: those of
   * outputs are the caller's own, from the inputs, or live as long as the model's code. */
  SEQC_STRING
} seqc_dtype;

/* A dense row-major tensor. */
typedef struct seqc_tensor {
  void* data;
  int32_t dtype; /* a seqc_dtype */
  int32_t rank;
  int64_t shape[SEQC_MAX_RANK];
} seqc_tensor;

/* What is known of an input or output before shapes are given. */
typedef struct seqc_port {
  const char* name;
  int32_t dtype;
  int32_t rank;
  /* One text a dim: a number ("128"), a name ("N"), or an expression of names ("2*T + 1"). In outputs
   * also a size that only a run can tell with the largest it can be ("n<=2*T"). */
  const char* dims[SEQC_MAX_RANK];
  /* The elements of the only value that this input may have, when the model was compiled for it; else NULL. */
  const void* value;
} seqc_port;

/* Who runs a call's work on several threads; NULL stands for the calling thread alone. `run` must call
 * task(argument, i) for each i in [0, count), all at the same time, and return when all have. A model asks for no more than
 * the 32 first of them. Threads that wait for each other spin for some 50 microseconds and then sleep. */
typedef struct seqc_threads {
  int32_t count;
  void* pool;
  void (*run)(void* pool, void (*task)(void* argument, int32_t thread), void* argument, int32_t count);
} seqc_threads;

/* What `prepare` returns, see SEQC_STATUS_CODE; seqc_status_text() says it in words. */
enum {
  SEQC_OK = 0,
  SEQC_BAD_DTYPE = 1, /* an input's element type is not the port's */
  SEQC_BAD_RANK = 2,
  SEQC_BAD_SHAPE =
      3, /* a dim differs from the port's number, or from the same name's value elsewhere, or is negative */
  SEQC_TOO_LARGE = 4, /* the workspace, or a tensor of the model, would not fit the address space */
  SEQC_BAD_VALUE = 5, /* the program was compiled for another value of this input */
  SEQC_TOO_SMALL = 6, /* the named dims are too small for the model: it slices beyond the end of a tensor */
  SEQC_BAD_CPU = 7    /* this processor lacks instructions that the code needs, see missing_feature */
};
/* A status holds one of the codes above in its low 8 bits and the position of the input at fault above them. */
#define SEQC_STATUS_CODE(status) ((status) & 0xff)
#define SEQC_STATUS_INPUT(status) ((status) >> 8)

/* A compiled model: constant, shared by all threads, and valid as long as the library or program that it comes from. */
typedef struct seqc_model {
  uint32_t abi_version; /* SEQC_ABI_VERSION of the header that it was built with */
  int32_t input_count, output_count;
  const char* name;
  const char* target;       /* the CPU that the code needs, e.g. "x86-64-v3: +avx2,+fma" */
  const seqc_port* inputs;  /* input_count of them, in the order in which `prepare` and `run` take tensors */
  const seqc_port* outputs; /* output_count of them */

  /* Checks a call and sizes it.
   *   inputs           input_count tensors with dtype, rank and shape. Their data may be NULL, save for inputs whose port
   *                    has a fixed value.
   *   outputs          room for output_count tensors. Writes dtype, rank and (largest) shape of each and leaves `data`.
   *   workspace_bytes  is set to the memory that `run` works in; 0 is possible.
   * Returns SEQC_OK, or a status whose code is SEQC_BAD_... or SEQC_TOO_...; then outputs and workspace_bytes mean nothing.
   * Allocates nothing, keeps nothing, may be called by several threads at once. */
  int32_t (*prepare)(const seqc_tensor* inputs, seqc_tensor* outputs, size_t* workspace_bytes);

  /* Computes the outputs; to be called with what `prepare` has accepted and nothing else: it checks nothing.
   *   inputs           as prepared, with data. They are only read, and may overlap each other but no output.
   *   outputs          as prepared, with memory for their data. Where values decide a shape, the true one is written.
   *   workspace        workspace_bytes of memory, aligned to SEQC_ALIGNMENT, for this call alone. Its contents need not be
   *                    set before, and mean nothing afterwards.
   *   threads          NULL: the calling thread does all. Results are the same bits for any number of threads.
   * Allocates nothing, locks nothing, makes no system call (with `threads`, only to sleep), never fails. */
  void (*run)(const seqc_tensor* inputs, seqc_tensor* outputs, void* workspace, const seqc_threads* threads);

  /* NULL, or an instruction set ("avx512f") that the code needs and this processor lacks: then prepare refuses every
   * call with SEQC_BAD_CPU, and `run` must not be called. May be called on any processor of the same architecture. */
  const char* (*missing_feature)(void);
} seqc_model;

/* --- helpers, all in this file ------------------------------------------------------------------------------------------ */

/* Whether a program that was compiled with this header may use the model: 1 or 0. Of another model no member but
 * abi_version may be looked at. */
static inline int seqc_is_compatible(const seqc_model* model) { return model->abi_version == SEQC_ABI_VERSION; }

/* A status in words, in English and without the input at fault (model->inputs[SEQC_STATUS_INPUT(status)].name is its name);
 * never NULL. */
static inline const char* seqc_status_text(int32_t status) {
  switch (SEQC_STATUS_CODE(status)) {
    case SEQC_OK: return "ok";
    case SEQC_BAD_DTYPE: return "the input has another element type than the model's";
    case SEQC_BAD_RANK: return "the input has another rank than the model's";
    case SEQC_BAD_SHAPE: return "a dim of the input is not the model's, differs from its namesake, or is negative";
    case SEQC_TOO_LARGE: return "the workspace or a tensor would not fit the address space; choose smaller dims";
    case SEQC_BAD_VALUE: return "the model was compiled for another value of the input";
    case SEQC_TOO_SMALL: return "the model takes a slice that such dims do not have; choose larger dims";
    case SEQC_BAD_CPU: return "this processor lacks instructions that the model was compiled for";
    default: return "unknown status";
  }
}

/* The name of an element type: "f32", "i64", "bool", "string", ...; "?" for what is none. */
static inline const char* seqc_dtype_name(int32_t dtype) {
  static const char* const names[] = {"f16", "bf16", "f32", "f64", "i8",  "i16",  "i32",
                                      "i64", "u8",   "u16", "u32", "u64", "bool", "string"};
  return dtype >= SEQC_F16 && dtype <= SEQC_STRING ? names[dtype] : "?";
}

/* Bytes of one element; 0 for what is no element type. */
static inline size_t seqc_dtype_size(int32_t dtype) {
  static const unsigned char sizes[] = {2, 2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 1, sizeof(const char*)};
  return dtype >= SEQC_F16 && dtype <= SEQC_STRING ? sizes[dtype] : 0;
}

/* Bytes of a tensor's data, from dtype, rank and shape: what to allocate for an output after `prepare`. */
static inline size_t seqc_tensor_bytes(const seqc_tensor* tensor) {
  size_t bytes = seqc_dtype_size(tensor->dtype);
  int32_t axis;
  for (axis = 0; axis < tensor->rank; ++axis) bytes *= (size_t)tensor->shape[axis];
  return bytes;
}

/* The first address in `memory` that is aligned as a workspace must be, for those whose allocator promises less: memory of
 * workspace_bytes + SEQC_ALIGNMENT bytes is enough. */
static inline void* seqc_align(void* memory) {
  const uintptr_t mask = SEQC_ALIGNMENT - 1;
  return (void*)(((uintptr_t)memory + mask) & ~mask);
}

/* A built library NAME.so/.a exports `const seqc_model* NAME_model(void)` and, for those who load it by path,
 * `const seqc_model* seqc_library_model(void)` (shared libraries only). */

#ifdef __cplusplus
}
#endif
#endif
