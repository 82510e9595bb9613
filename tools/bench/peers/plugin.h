/// How a peer is built: a shared object of its own, so that the comparison runs with those peers that are installed.
#pragma once

#include "tools/bench/peers/engine.h"
#include "tools/bench/peers/network.h"

namespace seqc::peers {

/// Every plugin defines this function; the caller owns the engine, which refers to `network`. Throws std::runtime_error with
/// the reason when the peer has no such network.
using MakeEngine = Engine*(const Network& network, int threads);

}  // namespace seqc::peers

extern "C" seqc::peers::Engine* seqc_peers_make_engine(const seqc::peers::Network& network, int threads);
