// Gradients of LSTM and GRU layers against PyTorch's, where Python has it.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ir/interpreter.h"
#include "tests/support/gradient_check.h"
#include "tests/support/recurrent_layers.h"

namespace {

namespace fs = std::filesystem;
using namespace seqc;
using ir::Tensor;

constexpr const char* kPython = "/usr/bin/python3";

/// Reads arguments NAME.f64 and writes gradients NAME.grad, in the order of bytes in memory.
constexpr const char* kScript = R"(
import sys, numpy, torch
folder, kind, T, N, I, H = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
tensors = {}
def load(name, *shape):
    flat = numpy.fromfile(f"{folder}/{name}.f64", dtype=numpy.float64)
    tensors[name] = torch.from_numpy(flat.reshape(shape)).requires_grad_()
    return tensors[name]
lstm = kind == "lstm"
gates = "ifco" if lstm else "rzh"
x = load("x", T, N, I)
states = [load(f"fs{i}", N, H)[None] for i in range(2 if lstm else 1)]
w = torch.cat([load(f"f{g}w", H, I) for g in gates])
r = torch.cat([load(f"f{g}r", H, H) for g in gates])
b = torch.cat([load(f"f{g}b", H) for g in gates])
rb = torch.zeros_like(b)
if not lstm:
    rb = torch.cat([rb[: 2 * H], load("fhrb", H)])
options = True, 1, 0.0, False, False, False  # biases, layers, dropout, training, both directions, batch first
if lstm:
    y, *last = torch._VF.lstm(x, states, [w, r, b, rb], *options)
else:
    y, *last = torch._VF.gru(x, states[0], [w, r, b, rb], *options)
loss = (y ** 3 + y).sum() + sum((state ** 2).sum() for state in last)
loss.backward()
for name, tensor in tensors.items():
    tensor.grad.contiguous().numpy().tofile(f"{folder}/{name}.grad")
)";

bool has_torch() {
  return std::system((std::string(kPython) + " -c 'import torch, numpy' > /dev/null 2>&1").c_str()) == 0;
}

void write(const fs::path& path, const void* data, size_t size) {
  std::ofstream(path, std::ios::binary).write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
}

TEST_SUITE_BEGIN("passes");

TEST_CASE("differentiate: LSTM and GRU have PyTorch's gradients") {
  if (!has_torch()) {
    MESSAGE("skipped: " << kPython << " has no torch (Debian: python3-torch)");
    return;
  }
  const fs::path folder = fs::temp_directory_path() / ("seqc-torch-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const std::string script = (folder / "gradients.py").string();
  write(script, kScript, std::string(kScript).size());
  for (const auto kind : {test::RecurrentKind::Lstm, test::RecurrentKind::GruAfter}) {
    const auto module = test::recurrent_layer(kind, test::Direction::Forward, false);
    const ir::Function& f = *module->functions[0];
    const auto inputs = test::recurrent_inputs(f, {{"T", 9}, {"N", 3}}, 11);
    const auto got = ir::interpret(*test::with_gradients(f), inputs);
    for (size_t i = 0; i < inputs.size(); ++i)
      write(folder / (f.body().argument(i)->name() + ".f64"), inputs[i].bytes(), inputs[i].byte_size());
    const std::string name = kind == test::RecurrentKind::Lstm ? "lstm" : "gru";
    const std::string command = std::string(kPython) + " " + script + " " + folder.string() + " " + name + " 9 3 3 5";
    REQUIRE(std::system(command.c_str()) == 0);
    for (size_t i = 0; i < inputs.size(); ++i) {
      const std::string argument = f.body().argument(i)->name();
      CAPTURE(argument);
      Tensor want(ir::DType::f64, inputs[i].shape());
      std::ifstream in(folder / (argument + ".grad"), std::ios::binary);
      in.read(reinterpret_cast<char*>(want.mutable_bytes()), static_cast<std::streamsize>(want.byte_size()));
      REQUIRE(in.gcount() == static_cast<std::streamsize>(want.byte_size()));
      CHECK(test::distance(got[i + 1], want) < 1e-12);
    }
  }
  fs::remove_all(folder);
}

TEST_SUITE_END();

}  // namespace
