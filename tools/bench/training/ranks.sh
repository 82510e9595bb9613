#!/usr/bin/env bash
# Measures how much of the exchange of gradients between processes the backward pass hides: see bench_ranks.cpp, whose
# arguments these are. RANKS (2) processes, with the options for mpirun in MPIRUN.
set -euo pipefail
cd "$(dirname "$0")/../../.."
tools/setup.sh bench
cmake --preset release >/dev/null
cmake --build build/release --target bench_ranks
# shellcheck disable=SC2086
exec mpirun ${MPIRUN-} -n "${RANKS:-2}" build/release/bench_ranks "$@"
