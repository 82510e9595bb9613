/* Runs a model that `seqc build` made, from C99: opens the library, sizes a call, runs it, prints what came out.
 *   run_model model.so [NAME=NUMBER ...]        e.g. run_model lstm.so T=100 N=1
 * Inputs are sines; named dims are 1 unless given. */
#include <inttypes.h>
#include <math.h>
#include <seqc/seqc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A dim of a port: "128", or a name that the command line gives a number. */
static int64_t dim_value(const char* dim, int count, char** assignments) {
  const size_t length = strlen(dim);
  int i;
  if (dim[0] >= '0' && dim[0] <= '9') return strtoll(dim, NULL, 10);
  for (i = 0; i < count; ++i)
    if (strncmp(assignments[i], dim, length) == 0 && assignments[i][length] == '=')
      return strtoll(assignments[i] + length + 1, NULL, 10);
  return 1;
}

static void fill(seqc_tensor* tensor) {
  const size_t count = seqc_tensor_bytes(tensor) / seqc_dtype_size(tensor->dtype);
  size_t i;
  if (tensor->dtype == SEQC_F32)
    for (i = 0; i < count; ++i) ((float*)tensor->data)[i] = (float)sin(0.1 * (double)i);
  if (tensor->dtype == SEQC_STRING)
    for (i = 0; i < count; ++i) ((const char**)tensor->data)[i] = "";
}

static void print(const char* name, const seqc_tensor* tensor) {
  const size_t count = seqc_tensor_bytes(tensor) / seqc_dtype_size(tensor->dtype);
  size_t i;
  int32_t axis;
  printf("%s: %s[", name, seqc_dtype_name(tensor->dtype));
  for (axis = 0; axis < tensor->rank; ++axis) printf("%s%" PRId64, axis > 0 ? "," : "", tensor->shape[axis]);
  printf("]");
  if (tensor->dtype == SEQC_F32)
    for (i = 0; i < count && i < 4; ++i) printf(" %g", (double)((const float*)tensor->data)[i]);
  printf(count > 4 ? " ...\n" : "\n");
}

/* Runs a model whose inputs are described in `inputs`; room for the outputs is in `outputs`. 0 if all went well. */
static int run(const seqc_model* model, seqc_tensor* inputs, seqc_tensor* outputs) {
  size_t bytes = 0;
  int32_t status, i;
  void* workspace;
  if ((status = model->prepare(inputs, outputs, &bytes)) != SEQC_OK) {
    fprintf(stderr, "input %s: %s\n", model->inputs[SEQC_STATUS_INPUT(status)].name, seqc_status_text(status));
    return 1;
  }
  if (!(workspace = seqc_workspace_create(bytes))) {
    fprintf(stderr, "%s\n", seqc_last_error());
    return 1;
  }
  for (i = 0; i < model->output_count; ++i) outputs[i].data = calloc(1, seqc_tensor_bytes(&outputs[i]) + 1);
  model->run(inputs, outputs, workspace, NULL);
  for (i = 0; i < model->output_count; ++i) {
    print(model->outputs[i].name, &outputs[i]);
    free(outputs[i].data);
  }
  seqc_workspace_destroy(workspace);
  return 0;
}

int main(int argc, char** argv) {
  seqc_program* program;
  const seqc_model* model;
  seqc_tensor *inputs, *outputs;
  int32_t i, axis;
  int64_t smallest;
  int failed;
  if (argc < 2) {
    fprintf(stderr, "usage: run_model model.so [NAME=NUMBER ...]\n");
    return 2;
  }
  if (!seqc_is_library_compatible()) {
    fprintf(stderr, "libseqc_runtime is older than seqc.h, or a release that changed\n");
    return 1;
  }
  program = seqc_open(argv[1], NULL, 0);
  if (!program) {
    fprintf(stderr, "error: %s\n", seqc_last_error());
    return 1;
  }
  model = seqc_program_model(program);
  inputs = calloc((size_t)model->input_count + 1, sizeof *inputs);
  outputs = calloc((size_t)model->output_count + 1, sizeof *outputs);
  for (i = 0; i < model->input_count; ++i) {
    inputs[i].dtype = model->inputs[i].dtype;
    inputs[i].rank = model->inputs[i].rank;
    smallest = 0;
    for (axis = 0; axis < inputs[i].rank; ++axis) {
      inputs[i].shape[axis] = dim_value(model->inputs[i].dims[axis], argc - 2, argv + 2);
      if (inputs[i].shape[axis] < smallest) smallest = inputs[i].shape[axis];
    }
    if (smallest < 0 || !(inputs[i].data = calloc(1, seqc_tensor_bytes(&inputs[i]) + 1))) {
      fprintf(stderr, "error: input %s: %s\n", model->inputs[i].name, smallest < 0 ? "a dim is negative" : "too large");
      return 1;
    }
    fill(&inputs[i]);
    if (model->inputs[i].value) memcpy(inputs[i].data, model->inputs[i].value, seqc_tensor_bytes(&inputs[i]));
  }
  failed = run(model, inputs, outputs);
  for (i = 0; i < model->input_count; ++i) free(inputs[i].data);
  free(inputs);
  free(outputs);
  seqc_close(program);
  return failed;
}
