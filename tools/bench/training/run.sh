#!/usr/bin/env bash
# Builds the seqc side of the training benchmark and compares it with PyTorch: see training.py, whose options these are.
set -euo pipefail
cd "$(dirname "$0")/../../.."
tools/setup.sh bench
cmake --preset release >/dev/null
cmake --build build/release --target bench_training
exec /usr/bin/python3 tools/bench/training/training.py --program build/release/bench_training "$@"
