#!/usr/bin/env bash
# From a fresh Debian 12 to a running model: installs what building needs, builds into build/release, compiles the sample
# LSTM to a native library, runs it and measures it. A second run skips what is done.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }
show() {
  printf '$ %s\n' "$*"
  "$@"
}

seqc=build/release/seqc
sample=tools/examples/sample
out=build/sample

step "1. packages"
tools/setup.sh build

step "2. build (release)"
tools/build.sh release --target seqc

step "3. the sample: eight noisy sensors, predict the signal one step ahead"
show "$seqc" inspect "$sample/lstm.onnx"

step "4. compile it to a native library"
show "$seqc" build "$sample/lstm.onnx" -o "$out"

step "5. run the library on 100 steps of readings"
show "$seqc" run "$out/lstm.so" --inputs "$sample/data" --outputs "$out"
last_values() { tail -c 20 "$1" | od -An -w20 -t f4; }
echo "last five predictions:       $(last_values "$out/output_0.npy")"
echo "the same, computed by NumPy: $(last_values "$sample/data/output_0.npy")"

step "6. compile in memory and measure those 100 steps, one thread"
show "$seqc" bench "$sample/lstm.onnx" --dim T=100 --dim N=1 --threads 1

printf '\nThe library, its C header and the prediction (output_0.npy) are in %s; the tool is %s.\n' "$out" "$seqc"
