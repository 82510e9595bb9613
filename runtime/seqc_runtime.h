/* seqc's just-in-time compiler for C programs: opens models and makes threads. What it gives is used as seqc.h tells. */
#ifndef SEQC_RUNTIME_H
#define SEQC_RUNTIME_H

#include "runtime/seqc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A compiled model or a loaded library. May be used by many threads. */
typedef struct seqc_program seqc_program;

/* A named dim that gets a number. */
typedef struct seqc_dim {
  const char* name;
  int64_t value;
} seqc_dim;

/* Compiles a model file (.onnx, .seq) for this machine, or loads a library made by `seqc build` (.so; no dims then).
 * NULL when that fails: seqc_last_error tells why. `dims` may be NULL if there are none. */
seqc_program* seqc_open(const char* path, const seqc_dim* dims, size_t dim_count);

/* More than seqc_open asks; all zero is what it takes for granted. Compiled code is kept on disk and found there by a later
 * start: in $SEQC_CACHE_DIR, $XDG_CACHE_HOME/seqc or ~/.cache/seqc, unless SEQC_CACHE is off. */
typedef struct seqc_open_options {
  const seqc_dim* dims;
  size_t dim_count;
  int32_t no_cache;         /* not 0: compiles always, and keeps nothing */
  const char* cache_folder; /* instead of the one that the environment gives */
  uint64_t cache_bytes;     /* how large it may be; 0: SEQC_CACHE_MAX, or 1 GiB */
} seqc_open_options;

/* As seqc_open. */
seqc_program* seqc_open_with(const char* path, const seqc_open_options* options);

/* The model, until the program is closed. */
const seqc_model* seqc_program_model(const seqc_program* program);

/* Frees a program; nothing for NULL. Nobody may be running it. */
void seqc_close(seqc_program* program);

/* Threads for seqc_model's run, the caller's among them; NULL when that fails. They serve one call at a time. */
seqc_threads* seqc_threads_create(int32_t count);
void seqc_threads_destroy(seqc_threads* threads);

/* Why the last call above failed in this thread. Valid until the next failure in this thread; never NULL. */
const char* seqc_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
