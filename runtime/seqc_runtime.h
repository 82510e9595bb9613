/* Functions for C programs around seqc.h: open models, allocate workspaces, make threads.
 *
 * Two libraries serve them: libseqc_runtime opens libraries that `seqc build` made, and libseqc compiles model files as well
 * (functions that it alone has say so). A program links one of the two.
 *
 * From C, with `seqc_tensor in, out` (checks left out):
 *   seqc_program* program = seqc_open("model.so", NULL, 0);
 *   const seqc_model* model = seqc_program_model(program);
 *   model->prepare(&in, &out, &bytes);
 *   void* workspace = seqc_workspace_create(bytes);
 *   out.data = malloc(seqc_tensor_bytes(&out));
 *   model->run(&in, &out, workspace, NULL);
 *   seqc_workspace_destroy(workspace);
 *   seqc_close(program);
 */
#ifndef SEQC_RUNTIME_H
#define SEQC_RUNTIME_H

#include "runtime/seqc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The release that this header belongs to, and "0.1.0". Within a major number (within a minor one, as long as the major one
 * is 0) functions are added and none is changed. */
#define SEQC_VERSION_MAJOR 0
#define SEQC_VERSION_MINOR 1
#define SEQC_VERSION_PATCH 0
#define SEQC_VERSION_TEXT "0.1.0"

/* The release of the library that the program runs with, as 10000 * major + 100 * minor + patch. */
int32_t seqc_version(void);

/* Whether that library is what this header promises: 1 or 0. */
static inline int seqc_is_library_compatible(void) {
  const int32_t version = seqc_version();
  return version / 10000 == SEQC_VERSION_MAJOR &&
         (SEQC_VERSION_MAJOR > 0 || version / 100 % 100 == SEQC_VERSION_MINOR) &&
         version >= 10000 * SEQC_VERSION_MAJOR + 100 * SEQC_VERSION_MINOR + SEQC_VERSION_PATCH;
}

/* --- programs ----------------------------------------------------------------------------------------------------------- */

/* A loaded library or a compiled model. May be used by many threads. */
typedef struct seqc_program seqc_program;

/* A named dim that gets a number. */
typedef struct seqc_dim {
  const char* name;
  int64_t value;
} seqc_dim;

/* Loads a library made by `seqc build` (.so; no dims then), or (libseqc alone) compiles a model file (.onnx, .seq) for this
 * machine with numbers for `dims`, which may be NULL if there are none. To be closed with seqc_close.
 * NULL when that fails: seqc_last_error tells why. */
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

/* As seqc_open. `options` is only read during the call. */
seqc_program* seqc_open_with(const char* path, const seqc_open_options* options);

/* The model, until the program is closed; never NULL. */
const seqc_model* seqc_program_model(const seqc_program* program);

/* Frees a program; nothing for NULL. Nobody may be running it. */
void seqc_close(seqc_program* program);

/* --- what a run needs --------------------------------------------------------------------------------------------------- */

/* Memory for seqc_model's run, aligned as it must be; not set. NULL when there is too little (seqc_last_error); for 0 bytes
 * something that can be destroyed as well. */
void* seqc_workspace_create(size_t bytes);

/* Frees it; nothing for NULL. */
void seqc_workspace_destroy(void* workspace);

/* Threads for seqc_model's run, the caller's among them; NULL when that fails (seqc_last_error): `count` is not in [1, 1024],
 * or the system refuses them. They serve one call at a time; programs that run in several threads make some for each. */
seqc_threads* seqc_threads_create(int32_t count);

/* Ends them; nothing for NULL. No call may be under way. */
void seqc_threads_destroy(seqc_threads* threads);

/* --- errors ------------------------------------------------------------------------------------------------------------- */

/* Why the last call above failed in this thread: "model.so: no such file". Valid until the next failure in this thread; never
 * NULL. What `prepare` returns is put in words by seqc_status_text. */
const char* seqc_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
