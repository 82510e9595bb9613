#!/usr/bin/env bash
# Builds the programs of the training benchmark and compares them with others:
#   run.sh [steps] OPTIONS   whole training steps with PyTorch, see training.py
#   run.sh lstm OPTIONS      LSTM layers forward and backward with oneDNN and PyTorch, see lstm.py
# Several processes: ranks.sh.
set -euo pipefail
cd "$(dirname "$0")/../../.."
case ${1:-} in
  lstm) script=lstm.py; shift ;;
  steps) script=training.py; shift ;;
  *) script=training.py ;;
esac
tools/setup.sh bench
cmake --preset release >/dev/null
cmake --build build/release --target training_bench
exec /usr/bin/python3 "tools/bench/training/$script" "$@"
