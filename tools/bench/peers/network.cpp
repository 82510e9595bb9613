#include "tools/bench/peers/network.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace seqc::peers {

namespace {

Cell cell_of(const std::string& name) {
  if (name == "LSTM") return Cell::kLstm;
  if (name == "GRU") return Cell::kGru;
  if (name == "RNN") return Cell::kRnn;
  throw std::runtime_error("unknown cell " + name);
}

Tensor read(std::ifstream& file, std::vector<int64_t> shape) {
  Tensor tensor(SEQC_F32, std::move(shape));
  file.read(static_cast<char*>(tensor.data()), static_cast<std::streamsize>(tensor.bytes()));
  return tensor;
}

}  // namespace

Network read_network(const nlohmann::json& json) {
  Network network;
  network.cell = cell_of(json.at("cell"));
  network.inputs = json.at("inputs");
  network.hidden = json.at("hidden");
  network.batch = json.at("batch");
  network.steps = json.at("steps");
  network.directions = json.at("directions");
  network.linear_before_reset = json.at("linear_before_reset");
  network.streaming = json.at("streaming");
  network.clip = json.at("clip");
  network.ragged = json.at("ragged");

  const std::string path = json.at("weights");
  std::ifstream file(path, std::ios::binary);
  const int64_t rows = network.gates() * network.hidden, directions = network.directions;
  int64_t width = network.inputs;
  for (int layer = 0; layer < json.at("layers").get<int>(); ++layer) {
    Tensor w = read(file, {directions, rows, width}), r = read(file, {directions, rows, network.hidden});
    Tensor b = read(file, {directions, 2 * rows});
    Tensor p = read(file, {json.at("peephole").get<bool>() ? directions : 0, 3 * network.hidden});
    network.layers.push_back({std::move(w), std::move(r), std::move(b), std::move(p)});
    width = directions * network.hidden;
  }
  if (!file) throw std::runtime_error(path + " is too short");
  return network;
}

}  // namespace seqc::peers
