#!/usr/bin/env bash
# Compares seqc with ONNX Runtime, oneDNN, PyTorch and the machine's limit; all engines of a row run in turns in one process.
#   tools/bench/peers/run.sh                                the whole grid, one and two threads (most of an hour)
#   tools/bench/peers/run.sh --quick --threads 1            a few rows, some minutes
#   tools/bench/peers/run.sh --only 'lstm.*h256' --list     names; patterns are regular expressions
#   tools/bench/peers/run.sh --models ../shared/models --check --against earlier.json
#   tools/bench/peers/run.sh --rtneural DIR ...             with RTNeural, from a checkout of it
# Installs the peers on the first run: ONNX Runtime from npm (onnxruntime-node, for the shared library inside) below build/,
# oneDNN and PyTorch from Debian. `--help` names all options; README.md tells how to read the table.
set -euo pipefail
cd "$(dirname "$0")/../../.."

version=1.30.0
work=build/peers
rtneural=
arguments=()
while [ $# -gt 0 ]; do
  case "$1" in
    --rtneural)
      [ -f "${2:-}/RTNeural/RTNeural.h" ] || { echo "peers: --rtneural wants a checkout of RTNeural" >&2; exit 2; }
      rtneural=$(realpath "$2"); shift 2 ;;
    --rtneural=*) set -- --rtneural "${1#*=}" "${@:2}" ;;
    *) arguments+=("$1"); shift ;;
  esac
done
tools/setup.sh bench

package=$work/node_modules/onnxruntime-node
if ! grep -qs "\"version\": \"$version\"" "$package/package.json"; then
  echo "peers: installing onnxruntime-node $version"
  npm install --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error "onnxruntime-node@$version"
fi
case "$(uname -m)" in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) echo "peers: no ONNX Runtime for $(uname -m)" >&2; exit 1 ;;
esac
ort=$(echo "$package"/bin/napi-v*/linux/"$arch"/libonnxruntime.so.1)

# Configured anew, because the build folder may be older than the peers.
cmake --preset release -DRTNEURAL_DIR="$rtneural" >build/peers/cmake.log || { cat build/peers/cmake.log >&2; exit 1; }
cmake --build build/release --target seqc --target peers_compare --target peers_plugins
plugins=()
for name in $(cat build/release/peers_plugins); do
  plugins+=(--plugin "$name=build/release/peers_$name.so")
done
# Debian's onnx module belongs to Debian's python3, whatever python3 comes first in PATH.
/usr/bin/python3 tools/bench/peers/peers.py --ort "$ort" --compare build/release/peers_compare --seqc build/release/seqc \
  "${plugins[@]}" --work "$work" "${arguments[@]}"
