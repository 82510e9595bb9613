/* A stream of `seqc build --stream` from C99, with nothing else linked: frames from a file, outputs to a file.
 *   cc -std=c99 -I FOLDER -DHEADER='"vad.h"' -DNAME=vad stream_step.c FOLDER/vad.a -lm -o step
 *   step FRAMES OUTPUTS STEPS SAVE_AT      FRAMES holds the inputs of step after step; prints the median of microseconds
 * After SAVE_AT steps it goes on from a copy of the state, and before the first it has stepped for nothing and begun anew. */
#define _POSIX_C_SOURCE 200112L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include HEADER

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define OF_MODEL(what) JOIN(NAME, what)

enum { MOST = 16 };

static void* aligned(size_t bytes) {
  void* memory = NULL;
  if (posix_memalign(&memory, SEQC_ALIGNMENT, bytes ? bytes : 1) != 0) exit(10);
  return memory;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

static int compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

int main(int argc, char** argv) {
  const seqc_stream* stream = OF_MODEL(_stream)();
  const size_t state_bytes = OF_MODEL(_state_size)(1);
  void *state = aligned(state_bytes), *saved = aligned(state_bytes), *workspace;
  seqc_tensor in[MOST], out[MOST];
  size_t bytes = 0;
  double* microseconds;
  FILE *frames, *outputs;
  int i, axis, step, steps, save_at;
  if (argc != 5 || stream->input_count > MOST || stream->output_count > MOST) return 2;
  frames = fopen(argv[1], "rb");
  outputs = fopen(argv[2], "wb");
  steps = atoi(argv[3]);
  save_at = atoi(argv[4]);
  if (!frames || !outputs || steps < 1) return 3;
  microseconds = aligned((size_t)steps * sizeof *microseconds);
  memset(in, 0, sizeof in);
  memset(out, 0, sizeof out);
  for (i = 0; i < stream->input_count; ++i) {
    const seqc_port* port = &stream->model->inputs[i];
    in[i].dtype = port->dtype;
    in[i].rank = port->rank;
    for (axis = 0; axis < port->rank; ++axis) in[i].shape[axis] = atol(port->dims[axis]);
    in[i].data = aligned(seqc_tensor_bytes(&in[i]));
  }
  OF_MODEL(_init)(state, 1);
  if (OF_MODEL(_prepare)(state, in, out, &bytes) != SEQC_OK) return 4;
  workspace = aligned(bytes);
  for (i = 0; i < stream->output_count; ++i) out[i].data = aligned(seqc_tensor_bytes(&out[i]));
  for (i = 0; i < stream->input_count; ++i) memset(in[i].data, 0, seqc_tensor_bytes(&in[i]));
  if (OF_MODEL(_step)(state, in, out, workspace, NULL) != SEQC_OK) return 5;
  OF_MODEL(_init)(state, 1);
  for (step = 0; step < steps; ++step) {
    double begin;
    for (i = 0; i < stream->input_count; ++i)
      if (fread(in[i].data, seqc_tensor_bytes(&in[i]), 1, frames) != 1) return 6;
    if (step == save_at) {
      memcpy(saved, state, state_bytes);
      OF_MODEL(_init)(state, 1);
      memcpy(state, saved, state_bytes);
    }
    begin = now();
    if (OF_MODEL(_step)(state, in, out, workspace, NULL) != SEQC_OK) return 7;
    microseconds[step] = now() - begin;
    for (i = 0; i < stream->output_count; ++i)
      if (fwrite(out[i].data, seqc_tensor_bytes(&out[i]), 1, outputs) != 1) return 8;
  }
  if (fclose(outputs) != 0) return 9;
  qsort(microseconds, (size_t)steps, sizeof *microseconds, compare);
  printf("%.2f\n", microseconds[steps / 2]);
  return 0;
}
