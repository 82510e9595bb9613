#include "tests/support/torch_gradients.h"

#include <doctest/doctest.h>

#include <filesystem>

#include "runtime/npy.h"
#include "tests/support/onnx_model.h"
#include "tests/tools/seqc_tool.h"

namespace seqc::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPython = "/usr/bin/python3";

/// Argument: a folder with a folder for each case, which holds "script" and tensors NAME.npy; gradients become NAME.grad.npy.
constexpr const char* kDriver = R"(
import glob, os, sys, numpy, torch
import torch.nn.functional as F
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

def lstm(name): return [f"{name}.{gate}." for gate in ("input", "forget", "cell", "output")]
def gru(name): return [f"{name}.{gate}." for gate in ("reset", "update", "candidate")]
def rnn(name): return [f"{name}."]

def layer(kind, x, directions, states=None, lengths=None):
    weights = []
    for gates in directions:
        w, r, b = (torch.cat([t[gate + part] for gate in gates]) for part in "wrb")
        rb = torch.zeros_like(b)
        if gates[-1] + "rb" in t:  # the bias that the reset gate scales
            rb = torch.cat([rb[: -len(t[gates[-1] + "rb"])], t[gates[-1] + "rb"]])
        weights += [w, r, b, rb]
    if states is None:
        zeros = x.new_zeros(len(directions), x.shape[1], weights[1].shape[1])
        states = [zeros, zeros] if kind == "lstm" else [zeros]
    function = getattr(torch._VF, kind)
    options = True, 1, 0.0, False, len(directions) == 2  # biases, layers, dropout, training, both directions
    if lengths is None:
        y, *last = function(x, states if kind == "lstm" else states[0], weights, *options, False)
        return y, last
    packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
    states = [state.index_select(1, packed.sorted_indices) for state in states]
    y, *last = function(packed.data, packed.batch_sizes, states if kind == "lstm" else states[0], weights, *options)
    y = PackedSequence(y, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
    y = pad_packed_sequence(y, total_length=x.shape[0])[0]
    return y, [state.index_select(1, packed.unsorted_indices) for state in last]

for folder in sorted(glob.glob(sys.argv[1] + "/*/")):
    t = {}
    for file in glob.glob(glob.escape(folder) + "*.npy"):
        tensor = torch.from_numpy(numpy.load(file))
        name = os.path.basename(file)[:-4]
        t[name] = tensor.double().requires_grad_() if tensor.is_floating_point() else tensor
    scope = dict(globals())
    exec(open(folder + "script").read(), scope)
    scope["loss"].backward()
    numpy.save(folder + "loss.grad.npy", scope["loss"].detach().numpy())
    for name, tensor in t.items():
        if tensor.requires_grad:
            numpy.save(f"{folder}{name}.grad.npy", numpy.ascontiguousarray(tensor.grad.numpy()))
)";

}  // namespace

bool has_torch() {
  static const bool found = run_program({kPython, "-c", "import torch, numpy"}).exit_code == 0;
  if (!found) MESSAGE("skipped: " << kPython << " has no torch (Debian: python3-torch)");
  return found;
}

std::vector<std::map<std::string, ir::Tensor>> torch_gradients(const std::vector<TorchCase>& cases) {
  const TempDir folder;
  const auto place = [&](size_t i) { return folder / ("cases/" + std::to_string(1000 + i)); };
  for (size_t i = 0; i < cases.size(); ++i) {
    fs::create_directories(place(i));
    write_file(place(i) / "script", cases[i].script);
    for (const auto& [name, tensor] : cases[i].tensors)
      runtime::save_npy((place(i) / (name + ".npy")).string(), tensor);
  }
  write_file(folder / "driver.py", kDriver);
  const ToolResult result = run_program({kPython, (folder / "driver.py").string(), (folder / "cases").string()});
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  std::vector<std::map<std::string, ir::Tensor>> gradients(cases.size());
  for (size_t i = 0; i < cases.size(); ++i) {
    gradients[i]["loss"] = runtime::load_npy((place(i) / "loss.grad.npy").string());
    for (const auto& [name, tensor] : cases[i].tensors)
      if (ir::is_float(tensor.dtype()))
        gradients[i][name] = runtime::load_npy((place(i) / (name + ".grad.npy")).string());
  }
  return gradients;
}

}  // namespace seqc::test
