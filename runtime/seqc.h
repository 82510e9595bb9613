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
 */
#ifndef SEQC_H
#define SEQC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

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

typedef struct seqc_model {
  uint32_t abi_version; /* SEQC_ABI_VERSION */
  int32_t input_count, output_count;
  const char* name;
  const char* target; /* the CPU that the code needs, e.g. "x86-64-v3: +avx2,+fma" */
  const seqc_port* inputs;
  const seqc_port* outputs;
  int32_t (*prepare)(const seqc_tensor* inputs, seqc_tensor* outputs, size_t* workspace_bytes);
  void (*run)(const seqc_tensor* inputs, seqc_tensor* outputs, void* workspace, const seqc_threads* threads);
  /* NULL, or an instruction set ("avx512f") that the code needs and this processor lacks: then prepare refuses every
   * call with SEQC_BAD_CPU, and `run` must not be called. May be called on any processor of the same architecture. */
  const char* (*missing_feature)(void);
} seqc_model;

/* A built library NAME.so/.a exports `const seqc_model* NAME_model(void)` and, for those who load it by path,
 * `const seqc_model* seqc_library_model(void)` (shared libraries only). */

#ifdef __cplusplus
}
#endif
#endif
