/* seqc C ABI of streams: what `seqc build --stream` adds to a library. A step takes a few frames and goes on where the step
 * before stopped; outputs over any chunks of frames, one behind the other, have the bits of all frames at once.
 *
 * A stream is one block of memory, its state. For a library called NAME:
 *   1. void* state = aligned_alloc(SEQC_ALIGNMENT, NAME_state_size(rows)); NAME_init(state, rows);
 *      `rows` streams side by side step together as one batch: 1, unless the model has a named dim that counts them;
 *   2. fill one seqc_tensor per input of a step, as for a model (see seqc.h);
 *   3. NAME_prepare(state, inputs, outputs, &bytes): checks the inputs, fills in dtype, rank and largest shape of every
 *      output and says how much workspace steps with inputs of these shapes need;
 *   4. NAME_step(state, inputs, outputs, workspace, NULL), again and again: writes outputs and their shapes, and the state.
 *      It allocates nothing, locks nothing and makes no system call. Chunks may have other numbers of frames, as long as the
 *      workspace and the outputs' memory are those of the largest.
 * NAME_init begins anew. The state is plain bytes without pointers: copying it saves, restores and clones a stream, also in
 * another process with the same library. Streams are independent: each thread may step its own, with its own workspace.
 */
#ifndef SEQC_STREAM_H
#define SEQC_STREAM_H

#include "runtime/seqc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An input or output of a step. */
typedef struct seqc_stream_port {
  int32_t time_axis; /* the axis of the frames; -1: none */
  int32_t unused;
  int64_t per_hop; /* of an output with time: frames for each hop of the inputs' */
  int64_t late;    /* of an output with time: frames that are missing at the beginning */
} seqc_stream_port;

/* What goes from step to step. */
typedef struct seqc_stream_state {
  int32_t rows_axis; /* where streams lie side by side; -1: nowhere, all share it */
  int32_t unused;
  seqc_tensor initial; /* what it begins with: of rank 0, or of the state's rank with dims of 1 where it is repeated */
} seqc_stream_state;

/* A model as a stream. Its parts are those of the functions of the same names above. */
typedef struct seqc_stream {
  uint32_t abi_version; /* SEQC_ABI_VERSION */
  int32_t input_count, output_count, state_count;
  int64_t hop;      /* a step takes a positive multiple of so many frames */
  int64_t warm_up;  /* hops after which every step gives as many frames as the one before */
  uint64_t id;      /* tells models apart, weights and all */
  const char* time; /* the named dim of the frames; NULL: one step is one call of the model */
  const char* rows; /* the named dim of streams side by side, or NULL */
  /* One step: the inputs are those of a step, then the states, then, if warm_up > 0, u8[before], whose size is the number
   * of hops before, at most warm_up, and whose elements are not read. The outputs are those of a step, then the states. */
  const seqc_model* model;
  const seqc_stream_port* inputs;
  const seqc_stream_port* outputs;
  const seqc_stream_state* states;

  /* Bytes of the state of so many streams, 1 or more. */
  size_t (*state_size)(int64_t rows);
  /* Begins `rows` streams in memory of state_size(rows) bytes, aligned to SEQC_ALIGNMENT. */
  void (*init)(void* state, int64_t rows);
  /* Checks the inputs of a step, and fills in outputs and workspace. Returns SEQC_OK or a status as seqc_model::prepare
   * does, also SEQC_BAD_SHAPE for frames that are no positive multiple of the hop, and SEQC_BAD_VALUE for a state that
   * `init` did not begin, or that of another model. An input number of input_count and above: the inputs have another
   * number of rows than the state. */
  int32_t (*prepare)(const void* state, const seqc_tensor* inputs, seqc_tensor* outputs, size_t* workspace_bytes);
  /* One step. `outputs` have data; their types and shapes are written. Returns what prepare returns; unless that is
   * SEQC_OK, nothing has happened. */
  int32_t (*step)(void* state, const seqc_tensor* inputs, seqc_tensor* outputs, void* workspace,
                  const seqc_threads* threads);
} seqc_stream;

/* A library NAME.so/.a that was built with --stream exports NAME_state_size, NAME_init, NAME_prepare and NAME_step as above,
 * `const seqc_stream* NAME_stream(void)` and, for those who load it by path, `const seqc_stream* seqc_library_stream(void)`
 * (shared libraries only). */

#ifdef __cplusplus
}
#endif
#endif
