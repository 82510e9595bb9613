/// A recurrent network as its sizes and weights, for the peers that read no ONNX.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/bench/peers/engine.h"

namespace seqc::peers {

enum class Cell { kLstm, kGru, kRnn };

struct Network {
  /// The weights of one layer, in ONNX's layout and order of gates (iofc, zrh).
  struct Layer {
    Tensor w, r, b;  ///< [D, G*H, I], [D, G*H, H], [D, 2*G*H]
    Tensor p;        ///< [D, 3*H] (iof), or empty
  };

  Cell cell = Cell::kLstm;
  int64_t inputs = 0, hidden = 0, batch = 1, steps = 1, directions = 1;
  bool linear_before_reset = false;
  bool streaming = false;  ///< initial states are inputs
  float clip = 0;          ///< of pre-activations; 0: none
  bool ragged = false;     ///< lengths are an input
  std::vector<Layer> layers;

  int64_t gates() const { return cell == Cell::kLstm ? 4 : cell == Cell::kGru ? 3 : 1; }
  int64_t states() const { return cell == Cell::kLstm ? 2 : 1; }
};

/// {"cell": "LSTM", the numbers and flags by name, "layers": n, "peephole": flag, "weights": file of floats, layer by layer}
Network read_network(const nlohmann::json& json);

}  // namespace seqc::peers
